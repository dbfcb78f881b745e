"""Find: one search by words and by meaning, over passages or over whatever else is indexed alike.

Both sides run at the same time. Whoever is away is done without, and said so.
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
from ingestion.vector_index.collections import VectorCollection, nearest_vectors
from ingestion.vector_index.embedders.registry import get_embedder_by_name
from ingestion.vector_index.rebuild import active_model
from wikico2.errors import TransientError, UserError
from wikico2.llm.client import RetryPolicy, Vectors
from wikico2.transactions import outside_transaction

logger = logging.getLogger(__name__)

NEAREST = 100
"""How many neighbours by meaning are asked for."""
VECTOR_RETRY_AFTER = 20.0
"""Seconds for which nobody waits for the meaning again after it did not answer in time."""

RESCORED = 30
"""How many of the best rows by words have their meaning looked up, where it was not near."""
SAMPLE_SIZE = 400
SAMPLE_SECONDS, SMALL_SAMPLE_SECONDS = 600.0, 10.0
"""How many vectors tell what similarity is usual, and for how long they are kept."""
CONTEXT_WEIGHT = 0.5
"""How much what a question is about weighs in its vector, against the question itself."""


class WaitPolicy(Enum):
    """How long the meaning is waited for: by a page, by a person who asked for just this, by work
    in the queue."""

    PAGE = "page"
    PERSON = "person"
    QUEUE = "queue"


RowResolver = Callable[[Sequence[int]], Mapping[int, int]]
"""From the ids of neighbours to the rows that they belong to and that may be found."""


@dataclass(frozen=True)
class SearchTarget:
    """What is searched: the table by words, the shelf by meaning.

    `hashed` are the rows whose texts are on the shelf, by their `content_hash`; `single` says that
    they are the rows of the table, one for one.
    """

    space: SearchTable
    shelf: VectorCollection
    hashed: type[models.Model]
    single: bool


class RowHit(NamedTuple):
    """A row that was found: by its words, its meaning or both.

    `near` is the neighbour by which its meaning was found, `similarity` its cosine, and `nearby`
    whether that stands out. `complete` says that the row holds all that was asked for.
    """

    entry: int
    score: float
    match: Match | None = None
    near: int | None = None
    similarity: float = 0.0
    nearby: bool = False
    complete: bool = False


@dataclass(frozen=True)
class SearchResult:
    """What was found, the best first.

    `total` counts the rows found by words, which may be more than are here. `loose` says that no
    row holds all the words, so that those with some of them are shown. `away` is why the meaning
    could not be asked.
    """

    found: list[RowHit] = field(default_factory=list)
    total: int = 0
    asked: LexicalQuery = field(default_factory=LexicalQuery)
    loose: bool = False
    away: UserError | None = None


def search_rows(
    query: ParsedQuery,
    place: SearchTarget,
    *,
    limit: int = 100,
    known: RowResolver,
    within: tuple[str, Any] | None = None,
    owners: Sequence[int] | None = None,
    dense: bool = True,
    wait: WaitPolicy = WaitPolicy.PAGE,
) -> SearchResult:
    """Return the rows of a place that answer the query.

    `within` is a condition that follows the id of a row, with its parameters; `known` keeps the
    neighbours to the rows that may be found, and `owners` has the index look only among theirs. A
    query with operators is taken at its word: its meaning only ranks. A page waits for the meaning
    no longer than `SEARCH_WAIT_SECONDS`.
    """
    asked = prepare_query(query, place.space)
    text = spelling.apply_corrections(query.text, asked.corrections)
    meaning = _VectorSearch(text, query.about, place, owners, wait) if dense and text else None
    ranking, loose = _search_words(asked, place.space, limit, within)
    matches = {match.entry: match for match in ranking.matches}
    words = ScoreSet({m.entry: m.score for m in ranking.matches}, ranking.mean, ranking.spread)
    near, away = _nearest_rows(meaning, known) if meaning else ({}, None)
    if asked.operators:
        near = {entry: hit for entry, hit in near.items() if entry in matches}
    similar = {entry: similarity for entry, (_key, similarity) in near.items()}
    usual = meaning.usual(similar) if meaning and near else ScoreSet()
    outstanding = above_chance(usual, asked.tally.rows)
    if meaning and near and place.single:
        best = [match.entry for match in ranking.matches[:RESCORED] if match.entry not in near]
        usual = meaning.usual({**similar, **meaning.similarities(best)})
    found = []
    for entry, score in fuse_scores(words, usual).items():
        key, similarity = near.get(entry, (None, 0.0))
        match = matches.get(entry)
        complete = match is not None and match.complete
        nearby = entry in outstanding
        found.append(RowHit(entry, score, match, key, similarity, nearby, complete))
    # Whoever types a few words wants them: what only means the same comes after.
    strict = asked.strict
    found.sort(key=lambda f: (strict and not f.complete, -f.score, f.entry))
    return SearchResult(found, ranking.total, asked, loose, away)


def _search_words(
    asked: LexicalQuery, space: SearchTable, limit: int, within: tuple[str, Any] | None
) -> tuple[Ranking, bool]:
    """Return the rows that hold all the words, or else some; and whether it is some."""
    if asked.strict:
        ranking = rank_rows(asked, space, limit=limit, strict=True, within=within)
        if ranking.matches or asked.operators:
            return ranking, False
    ranking = rank_rows(asked, space, limit=limit, strict=False, within=within)
    return ranking, not any(match.complete for match in ranking.matches)


def _nearest_rows(
    meaning: "_VectorSearch", known: RowResolver
) -> tuple[dict[int, tuple[int, float]], UserError | None]:
    """Return, for each row that the meaning found, its nearest neighbour; or why it did not."""
    hits, away = meaning.answer()
    rows = known([key for key, _similarity in hits]) if hits else {}
    near: dict[int, tuple[int, float]] = {}
    for key, similarity in hits:
        if key in rows:
            near.setdefault(rows[key], (key, similarity))
    return near, away


# --- Meaning --------------------------------------------------------------------------------------


class _VectorSearch:
    """The neighbours of a text, asked for in a thread of its own."""

    spared_until = 0.0

    def __init__(
        self,
        text: str,
        about: str,
        place: SearchTarget,
        owners: Sequence[int] | None,
        wait: WaitPolicy,
    ) -> None:
        outside_transaction()
        self.place = place
        self.model = active_model()
        self.vector: Vectors | None = None
        self.hits: list[tuple[int, float]] = []
        self.error: UserError | None = None
        self.wait = wait
        on_page = wait is WaitPolicy.PAGE
        self.deadline = time.monotonic() + settings.SEARCH_WAIT_SECONDS if on_page else None
        self.thread = threading.Thread(target=self._ask, args=(text, about, owners), daemon=True)
        if on_page and time.monotonic() < _VectorSearch.spared_until:
            self.error = TransientError("index_unreachable")
        else:
            self.thread.start()

    def _ask(self, text: str, about: str, owners: Sequence[int] | None) -> None:
        in_queue = self.wait is WaitPolicy.QUEUE
        try:
            self.vector = embed_query(text, self.model, in_queue=in_queue)
            if about:
                subject = embed_query(about, self.model, in_queue=in_queue)
                self.vector = _with_context(self.vector, subject)
            self.hits = nearest_vectors(
                self.place.shelf, self.vector, NEAREST, model=self.model, owners=owners
            )
            _VectorSearch.spared_until = 0.0
        except UserError as error:
            self.error = error
        except Exception as error:
            logger.exception("Meaning:")
            self.error = UserError("internal", reason=type(error).__name__)
        finally:
            connection.close()  # this thread's own, opened for the pace

    def answer(self) -> tuple[list[tuple[int, float]], UserError | None]:
        """Return the neighbours, the nearest first, or why there are none."""
        if self.error is None:
            left = None if self.deadline is None else self.deadline - time.monotonic()
            self.thread.join(left if left is None else max(left, 0.01))
            if self.thread.is_alive():
                _VectorSearch.spared_until = time.monotonic() + VECTOR_RETRY_AFTER
                self.error = TransientError("index_unreachable")
        if self.error:
            logger.warning("Found by words only: %s", self.error)
            return [], self.error
        return self.hits, None

    def similarities(self, entries: Sequence[int]) -> dict[int, float]:
        """Return how near the rows are that the neighbours do not tell of."""
        rows = self.place.hashed._default_manager.filter(pk__in=entries)
        hashes = dict(rows.values_list("pk", "content_hash"))
        known = Vector.objects.filter(model=self.model, content_hash__in=hashes.values())
        values = {vector.content_hash: vector.values for vector in known}
        return {
            pk: float(_cosines(values[content_hash][None, :], self._vector())[0])
            for pk, content_hash in hashes.items()
            if content_hash in values
        }

    def usual(self, similarities: Mapping[int, float]) -> ScoreSet:
        """Return similarities with what is usual for this text among all there is."""
        vectors = _sample(self.place.hashed, self.model)
        if not len(vectors) or vectors.shape[1] != len(self._vector()):
            return ScoreSet(similarities)
        cosines = _cosines(vectors, self._vector())
        return ScoreSet(similarities, float(cosines.mean()), float(cosines.std()) or 1.0)

    def _vector(self) -> Vectors:
        assert self.vector is not None  # there were neighbours
        return self.vector


def _with_context(vector: Vectors, about: Vectors) -> Vectors:
    """Return a question's vector, turned a little towards what it is about."""
    return vector / np.linalg.norm(vector) + CONTEXT_WEIGHT * about / np.linalg.norm(about)


def _cosines(vectors: Vectors, vector: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    return np.asarray((vectors @ vector) / np.where(lengths == 0, 1.0, lengths), np.float32)


_samples: dict[tuple[type[models.Model], str], tuple[float, Vectors]] = {}


def _sample(hashed: type[models.Model], model: str) -> Vectors:
    """Return some vectors of a place, as good as drawn by lot: the first by their hash."""
    until, vectors = _samples.get((hashed, model), (0.0, None))
    now = time.monotonic()
    if vectors is None or now > until:
        vectors = _draw_sample(hashed, model)
        kept = SAMPLE_SECONDS if len(vectors) >= SAMPLE_SIZE else SMALL_SAMPLE_SECONDS
        if len(vectors) >= SAMPLE_SIZE / 8:
            _samples[hashed, model] = (now + kept, vectors)
    return vectors


def _draw_sample(hashed: type[models.Model], model: str) -> Vectors:
    hashes = hashed._default_manager.order_by("content_hash").values("content_hash")[:SAMPLE_SIZE]
    rows = Vector.objects.filter(model=model, content_hash__in=hashes)
    vectors = [row.values for row in rows]
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)


def embed_query(question: str, model: str = "", *, in_queue: bool = False) -> Vectors:
    """Return the vector of a question, by the model that search asks; kept for the next time."""
    found = _query_vector(model or active_model(), question, in_queue)
    return np.frombuffer(found, dtype=np.float32)


def forget() -> None:
    """Forget all that this process keeps: questions, samples, and that the meaning was late."""
    forget_questions()
    _samples.clear()
    _VectorSearch.spared_until = 0.0


def forget_questions() -> None:
    """Forget the vectors of questions."""
    _query_vector.cache_clear()


@functools.lru_cache(maxsize=512)
def _query_vector(model: str, question: str, in_queue: bool) -> bytes:
    patience = RetryPolicy.from_settings() if in_queue else RetryPolicy.for_person()
    vector = get_embedder_by_name(model).query(question, patience)
    return np.asarray(vector, dtype=np.float32).tobytes()
