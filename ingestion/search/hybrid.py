"""Hybrid search: by words (BM25) and by meaning (vectors), over passages or other indexed rows.

Both searches run concurrently. If the vector search fails or is late, the result has only the other
one's rows, and the error.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import connection, models

from ingestion.models import Vector
from ingestion.search import spelling
from ingestion.search.bm25 import (
    LexicalQuery,
    Match,
    Ranking,
    SearchTable,
    prepare_query,
    rank_rows,
)
from ingestion.search.fusion import ScoreSet, above_chance, fuse_scores
from ingestion.search.query import ParsedQuery
from ingestion.search.rerank import (
    RERANKED,
    AskedGroup,
    AskedQuestion,
    ReadAnswer,
    read_answer,
    rerank,
)
from ingestion.search.similarity import OwnedVectors, cosines, forget_vectors, owned_vectors
from ingestion.search.ties import DIGITS, best_first, tied
from ingestion.vector_index.collections import VectorCollection, nearest_vectors
from ingestion.vector_index.embedders.registry import get_embedder_by_name
from ingestion.vector_index.rebuild import active_model
from wikico2.errors import TransientError, UserError, as_user_error
from wikico2.llm.client import RetryPolicy, Vectors
from wikico2.text.normalize import stem_set
from wikico2.transactions import outside_transaction

logger = logging.getLogger(__name__)

NEAREST = 100
"""Neighbours taken, with all that are as near as the last of them."""
VECTOR_RETRY_AFTER = 20.0
"""Seconds without vector search on pages after it did not answer in time."""

RESCORED = 30
"""Best rows by words whose similarity is computed if they are not among the neighbours."""
SAMPLE_SIZE = 400
SAMPLE_SECONDS, SMALL_SAMPLE_SECONDS = 600.0, 10.0
"""Vectors in the sample that gives the usual similarity, and seconds for which it is cached."""
CONTEXT_WEIGHT = 0.5
"""Weight of the subject (`about`) in a question's vector; the question itself has 1."""


class WaitPolicy(Enum):
    """How long to wait for vector search: for a page, a person's explicit request, a queued job."""

    PAGE = "page"
    PERSON = "person"
    QUEUE = "queue"


RowResolver = Callable[[Sequence[int]], Mapping[int, int]]
"""Maps ids of neighbours to their rows, leaving out rows that must not be found."""


class RowText(NamedTuple):
    """The text of a row, and the titles above it."""

    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class SearchTarget:
    """What is searched: the table by words, the vectors of a kind by meaning.

    `hashed` is the model whose rows have vectors, by `content_hash`; `single` says that these rows
    are those of the table, one to one. `texts` returns the texts of rows by id, for those of which
    the first are ranked again by their sentences.
    """

    space: SearchTable
    kind: VectorCollection
    hashed: type[models.Model]
    single: bool
    texts: Callable[[Sequence[int]], Mapping[int, RowText]] | None = None


class RowHit(NamedTuple):
    """A row found by words, by meaning or both.

    `neighbour` is the id of its nearest neighbour in the vector index, `similarity` the cosine, and
    `is_near` whether it is above chance and there is evidence enough that it answers.
    `is_evident` says the latter of any row. `complete` says that the
    row matches the whole query.
    """

    entry: int
    score: float
    match: Match | None = None
    neighbour: int | None = None
    similarity: float = 0.0
    is_near: bool = False
    is_evident: bool = True
    complete: bool = False

    @property
    def is_guessed(self) -> bool:
        """Tell whether it matches several words mostly by corrections of unknown ones.

        « Blanquette de veau » is no « banquette »: people mistype one word, not most, and the
        others are known.
        """
        if self.match is None:
            return False
        holds = self.match.holds
        matched = [one for one in holds.alternatives if one]
        corrected = sum(one.is_correction for one in matched)
        others_unknown = holds.share < 1.0 and len(matched) == len(holds.alternatives)
        return corrected > len(matched) / 2 and (len(matched) > 1 or others_unknown)


@dataclass(frozen=True)
class SearchResult:
    """The rows found, best first.

    `total` counts all rows found by words, also those beyond the limit. `is_partial` says that
    no row matches all the words, so that rows with some of them are returned.
    `vector_error` is the error of the vector search, if it failed.
    """

    hits: list[RowHit] = field(default_factory=list)
    total: int = 0
    lexical: LexicalQuery = field(default_factory=LexicalQuery)
    is_partial: bool = False
    vector_error: UserError | None = None


def search_rows(
    query: ParsedQuery,
    target: SearchTarget,
    *,
    limit: int = 100,
    known: RowResolver,
    within: tuple[str, Any] | None = None,
    owners: Sequence[int] | None = None,
    dense: bool = True,
    wait: WaitPolicy = WaitPolicy.PAGE,
) -> SearchResult:
    """Return the rows of a target that answer the query.

    `within` is an SQL condition on the row's id, with its parameters; `known` maps neighbours to
    the rows that may be found, and `owners` restricts the vector search to their vectors. In a
    query with operators, meaning only ranks the rows found by words. A page waits for the vector
    search `SEARCH_WAIT_SECONDS` at most.
    """
    lexical = prepare_query(query, target.space)
    text = spelling.apply_corrections(query.text, lexical.corrections)
    meaning = _VectorSearch(text, query.about, target, owners, wait) if dense and text else None
    ranking, is_partial = _search_words(lexical, target.space, limit, within)
    matches = {match.entry: match for match in ranking.matches}
    words = ScoreSet({m.entry: m.score for m in ranking.matches}, ranking.mean, ranking.spread)
    near, vector_error = _nearest_rows(meaning, known) if meaning else ({}, None)
    if lexical.operators:
        near = {entry: hit for entry, hit in near.items() if entry in matches}
    similar = {entry: similarity for entry, (_key, similarity) in near.items()}
    similarities = meaning.score_set(similar) if meaning and near else ScoreSet()
    outstanding = above_chance(similarities, lexical.tally.rows)
    if meaning and near and target.single:
        best = [match.entry for match in ranking.matches[:RESCORED] if match.entry not in near]
        similarities = meaning.score_set({**similar, **meaning.similarities(best)})
    scores = fuse_scores(words, similarities)
    if near and (equal := tied(scores)):  # those found by words alone are in order
        scores = dict.fromkeys(target.space.sort(equal), 0.0) | scores
    answers: dict[int, ReadAnswer] = {}
    if near and target.texts and meaning:
        first = [row for row, _ in best_first(scores.items(), lambda one: one[1])[:RERANKED]]
        answers = _read_answers(lexical, query.text, target.texts(first))
        scores = rerank(scores, answers, words, similarities, meaning.model)
    by_meaning = similarities.standard()
    found = []
    for entry, score in scores.items():
        key, similarity = near.get(entry, (None, 0.0))
        match = matches.get(entry)
        complete = match is not None and match.complete
        answer = answers.get(entry) or _covered_answer(match)
        nearness = by_meaning.get(entry, 0.0) if near else None
        is_evident = answer.is_evident(nearness, strict=lexical.strict)
        is_near = entry in outstanding and is_evident
        found.append(RowHit(entry, score, match, key, similarity, is_near, is_evident, complete))
    # For a few words, rows that contain them all come before rows of similar meaning.
    found = best_first(found, lambda f: f.score)
    if lexical.strict:
        found.sort(key=lambda f: not f.complete)
    return SearchResult(found, ranking.total, lexical, is_partial, vector_error)


def _read_answers(
    lexical: LexicalQuery, text: str, rows: Mapping[int, RowText]
) -> dict[int, ReadAnswer]:
    """Return how well each of some rows answers a query."""
    groups = [
        AskedGroup(
            tuple(
                stems
                for words in (group.typed, *(a.label for a in group.alternatives))
                if (stems := stem_set(words))
            ),
            lexical.group_idf(group),
        )
        for group in lexical.groups
        if group.alternatives
    ]
    question = AskedQuestion.of(text, [group for group in groups if group.alternatives])
    return {row: read_answer(question, *found) for row, found in rows.items()}


def _covered_answer(match: Match | None) -> ReadAnswer:
    """Return how well a row answers of which only the words that it has are known."""
    covered = match.holds.coverage if match else 0.0
    return ReadAnswer(covered, covered)


def _search_words(
    lexical: LexicalQuery, space: SearchTable, limit: int, within: tuple[str, Any] | None
) -> tuple[Ranking, bool]:
    """Return the rows that match all groups, or else some; and whether none matches all."""
    if lexical.strict:
        ranking = rank_rows(lexical, space, limit=limit, strict=True, within=within)
        if ranking.matches or lexical.operators:
            return ranking, False
    ranking = rank_rows(lexical, space, limit=limit, strict=False, within=within)
    return ranking, not any(match.complete for match in ranking.matches)


def _nearest_rows(
    meaning: "_VectorSearch", known: RowResolver
) -> tuple[dict[int, tuple[int, float]], UserError | None]:
    """Return the nearest neighbour and similarity by row, and the vector search's error, if any."""
    hits, vector_error = meaning.result()
    rows = known([key for key, _similarity in hits]) if hits else {}
    near: dict[int, tuple[int, float]] = {}
    for key, similarity in hits:
        if key in rows:
            near.setdefault(rows[key], (key, similarity))
    return near, vector_error


# --- Vector search --------------------------------------------------------------------------------


class _VectorSearch:
    """A search for the neighbours of a text, in a thread of its own."""

    _paused_until = 0.0

    def __init__(
        self,
        text: str,
        about: str,
        target: SearchTarget,
        owners: Sequence[int] | None,
        wait: WaitPolicy,
    ) -> None:
        outside_transaction()
        self.target = target
        self.model = active_model()
        self.vector: Vectors | None = None
        self.hits: list[tuple[int, float]] = []
        self.error: UserError | None = None
        self.wait = wait
        on_page = wait is WaitPolicy.PAGE
        self.deadline = time.monotonic() + settings.SEARCH_WAIT_SECONDS if on_page else None
        self.owned: OwnedVectors | None = None
        if owners and wait is WaitPolicy.QUEUE:
            self.owned = owned_vectors(target.hashed, target.kind.owner, owners, self.model)
        self.thread = threading.Thread(target=self._run, args=(text, about, owners), daemon=True)
        if on_page and time.monotonic() < _VectorSearch._paused_until:
            self.error = TransientError("index_unreachable")
        else:
            self.thread.start()

    def _run(self, text: str, about: str, owners: Sequence[int] | None) -> None:
        in_queue = self.wait is WaitPolicy.QUEUE
        try:
            self.vector = question_vector(text, about, self.model, in_queue=in_queue)
            self.hits = self._nearest(owners)
            _VectorSearch._paused_until = 0.0
        except Exception as error:  # noqa: BLE001 (logged there, if it is unexpected)
            self.error = as_user_error(error)
        finally:
            connection.close()  # this thread's own, opened by the rate limit

    def _nearest(self, owners: Sequence[int] | None) -> list[tuple[int, float]]:
        """Return the nearest neighbours, and all that are as near as the last of them.

        Which of these the index returns depends on the order in which it got them.
        """
        if self.owned:
            return through_ties(self.owned.nearest(self._vector()))
        near: list[tuple[int, float]] = []
        for k in (NEAREST, 4 * NEAREST, 16 * NEAREST):
            hits = nearest_vectors(
                self.target.kind, self._vector(), k + 1, model=self.model, owners=owners
            )
            near = through_ties(hits)
            if len(near) < len(hits) or len(hits) <= k:
                break
        return near

    def result(self) -> tuple[list[tuple[int, float]], UserError | None]:
        """Wait for the neighbours; return them, nearest first, or the error."""
        if self.error is None:
            left = None if self.deadline is None else self.deadline - time.monotonic()
            self.thread.join(left if left is None else max(left, 0.01))
            if self.thread.is_alive():
                _VectorSearch._paused_until = time.monotonic() + VECTOR_RETRY_AFTER
                self.error = TransientError("index_unreachable")
        if self.error:
            logger.warning("Search by words only: %s", self.error)
            return [], self.error
        return self.hits, None

    def similarities(self, entries: Sequence[int]) -> dict[int, float]:
        """Return the cosine similarity of these rows, computed from cached vectors."""
        rows = self.target.hashed._default_manager.filter(pk__in=entries)
        hashes = dict(rows.values_list("pk", "content_hash"))
        known = Vector.objects.filter(model=self.model, content_hash__in=hashes.values())
        values = {vector.content_hash: vector.values for vector in known}
        return {
            pk: float(cosines(values[content_hash][None, :], self._vector())[0])
            for pk, content_hash in hashes.items()
            if content_hash in values
        }

    def score_set(self, similarities: Mapping[int, float]) -> ScoreSet:
        """Return similarities with their mean and deviation over a sample of all vectors."""
        vectors = _sample(self.target.hashed, self.model)
        if not len(vectors) or vectors.shape[1] != len(self._vector()):
            return ScoreSet(similarities)
        usual = cosines(vectors, self._vector())
        return ScoreSet(similarities, float(usual.mean()), float(usual.std()) or 1.0)

    def _vector(self) -> Vectors:
        assert self.vector is not None  # called only once it is computed
        return self.vector


def question_vector(text: str, about: str, model: str, *, in_queue: bool) -> Vectors:
    """Return a question's vector, plus the weighted vector of its subject if there is one."""
    vector = embed_query(text, model, in_queue=in_queue)
    if not about:
        return vector
    subject = embed_query(about, model, in_queue=in_queue)
    return vector / np.linalg.norm(vector) + CONTEXT_WEIGHT * subject / np.linalg.norm(subject)


def through_ties(hits: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the first `NEAREST` hits, and all that are as near as the last of them."""
    if len(hits) <= NEAREST:
        return hits
    least = round(hits[NEAREST - 1][1], DIGITS)
    return [hit for hit in hits if round(hit[1], DIGITS) >= least]


_samples: dict[tuple[type[models.Model], str], tuple[float, Vectors]] = {}


def _sample(hashed: type[models.Model], model: str) -> Vectors:
    """Return a pseudo-random sample of the vectors of a model's rows: the first by hash; cached."""
    until, vectors = _samples.get((hashed, model), (0.0, None))
    now = time.monotonic()
    if vectors is None or now > until:
        vectors = _draw_sample(hashed, model)
        seconds = SAMPLE_SECONDS if len(vectors) >= SAMPLE_SIZE else SMALL_SAMPLE_SECONDS
        if len(vectors) >= SAMPLE_SIZE / 8:
            _samples[hashed, model] = (now + seconds, vectors)
    return vectors


def _draw_sample(hashed: type[models.Model], model: str) -> Vectors:
    hashes = hashed._default_manager.order_by("content_hash").values("content_hash")[:SAMPLE_SIZE]
    rows = Vector.objects.filter(model=model, content_hash__in=hashes).order_by("content_hash")
    vectors = [row.values for row in rows]  # in order, as must be what is summed up
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)


def embed_query(question: str, model: str = "", *, in_queue: bool = False) -> Vectors:
    """Return the vector of a question, by the model that search uses; cached."""
    found = _query_vector(model or active_model(), question, in_queue)
    return np.frombuffer(found, dtype=np.float32)


def forget() -> None:
    """Clear the caches of this process: queries, vectors, and the pause after a late answer."""
    forget_questions()
    forget_vectors()
    _samples.clear()
    _VectorSearch._paused_until = 0.0


def forget_questions() -> None:
    """Clear the cache of the vectors of questions."""
    _query_vector.cache_clear()


@functools.lru_cache(maxsize=512)
def _query_vector(model: str, question: str, in_queue: bool) -> bytes:
    patience = RetryPolicy.from_settings() if in_queue else RetryPolicy.for_person()
    vector = get_embedder_by_name(model).query(question, patience)
    return np.asarray(vector, dtype=np.float32).tobytes()
