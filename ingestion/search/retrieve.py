"""Retrieve the passages that answer a question, best first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ingestion.models import Chunk, Document
from ingestion.search.bm25 import SearchTable, prepare_query, rank_rows
from ingestion.search.hybrid import (
    RowHit,
    RowText,
    SearchResult,
    SearchTarget,
    WaitPolicy,
    question_vector,
    search_rows,
)
from ingestion.search.passage import BY_MEANING, BY_WORDS, Passage
from ingestion.search.query import ParsedQuery, QueryClause, strip_unprintable
from ingestion.search.similarity import cosines, owned_vectors
from ingestion.vector_index.collections import PASSAGES
from ingestion.vector_index.rebuild import active_model

MOST_COUNTED, SPEAKS_FROM = 2_000, 0.5
"""Passages that are counted at most, and the share of a title that one has to speak of it."""
FEWEST_SPEAKING, LEAST_SPEAKING = 3, 0.01
"""Number and share of passages below which sources hardly speak of a title; of a short source a
third is enough."""


def passage_texts(chunk_ids: Sequence[int]) -> dict[int, RowText]:
    """Return the texts of passages, with the titles above them, by chunk id."""
    rows = Chunk.objects.filter(pk__in=chunk_ids).order_by()
    return {
        pk: RowText((title, *headings), text)
        for pk, title, headings, text in rows.values_list(
            "pk", "document__title", "headings", "text"
        )
    }


PASSAGE_TARGET = SearchTarget(
    SearchTable("ingestion_chunk", order="position, content_hash, document_id"),
    PASSAGES,
    Chunk,
    single=True,
    texts=passage_texts,
)


def retrieve_passages(
    question: str,
    *,
    k: int = 10,
    document_ids: Sequence[int] | None = None,
    about: str = "",
    for_writing: bool = False,
) -> list[Passage]:
    """Return the `k` best passages of ready documents, best first.

    `about` is the subject of the question, which need not name it: passages about it rank first.

    Without the vector store or the embedder, or if the store has lost its vectors, passages are
    found by words alone, as their `found_by` says.

    `for_writing` marks a question made by the program: its spelling is not corrected, services are
    waited for as long as in a queued job, and their TransientError is raised.
    """
    question = " ".join(strip_unprintable(question).split())
    if not question or k < 1:
        return []
    wanted = ((QueryClause(question),),)
    asked = ParsedQuery(question, wanted, about=strip_unprintable(about), is_spelled=for_writing)
    wait = WaitPolicy.QUEUE if for_writing else WaitPolicy.PERSON
    finding = find_passages(asked, document_ids=document_ids, limit=max(k, 100), wait=wait)
    if finding.vector_error and for_writing:
        raise finding.vector_error
    rows = Chunk.objects.select_related("document").defer("search")
    chunks = rows.in_bulk([found.entry for found in finding.hits[:k]])
    return [
        _passage(chunks[found.entry], found)
        for found in finding.hits[:k]
        if found.entry in chunks  # deleted if its document was read again meanwhile
    ]


def passage_nearness(
    question: str, document_ids: Sequence[int], *, about: str = ""
) -> dict[int, float]:
    """Return how near the passages of sources are to a question, by chunk id.

    In standard deviations above their mean. `about` is the subject of the question, as in
    `retrieve_passages`. Empty for sources without vectors, or too many to compare. Raises
    TransientError while the service that computes the question's vector is down.
    """
    model = active_model()
    vector = question_vector(question, about, model, in_queue=True)
    owned = owned_vectors(Chunk, PASSAGES.owner, document_ids, model)
    if owned is None or owned.vectors.shape[1] != len(vector):
        return {}
    near = cosines(owned.vectors, vector)
    scores = ((near - near.mean()) / (float(near.std()) or 1.0)).tolist()
    return {pk: score for pks, score in zip(owned.rows, scores, strict=True) for pk in pks}


class SubjectCoverage(NamedTuple):
    """How many passages of some sources speak of a subject, of how many."""

    speaking: int
    passages: int

    @property
    def is_slight(self) -> bool:
        """Tell whether the sources hardly speak of the subject."""
        least = max(min(FEWEST_SPEAKING, self.passages / 3), LEAST_SPEAKING * self.passages)
        return self.speaking < least


def subject_coverage(title: str, document_ids: Sequence[int]) -> SubjectCoverage:
    """Count the passages of sources that have at least half of a title, or synonyms of its words.

    Rare words weigh more than common ones.
    """
    title = " ".join(strip_unprintable(title).split())
    query = ParsedQuery(title, ((QueryClause(title),),), is_spelled=True)
    lexical = prepare_query(query, PASSAGE_TARGET.space)
    within = _within(sorted(set(document_ids)), [])
    ranking = rank_rows(
        lexical, PASSAGE_TARGET.space, limit=MOST_COUNTED, strict=False, within=within
    )
    speaking = sum(match.holds.coverage >= SPEAKS_FROM for match in ranking.matches)
    return SubjectCoverage(speaking, Chunk.objects.filter(document__in=document_ids).count())


def find_passages(
    query: ParsedQuery,
    *,
    document_ids: Iterable[int] | None = None,
    hidden: Iterable[int] = (),
    limit: int = 100,
    dense: bool = True,
    wait: WaitPolicy = WaitPolicy.PAGE,
) -> SearchResult:
    """Return the passages of ready documents that answer a query, as their chunk ids.

    Only those of `document_ids`, if given, and none of `hidden` documents.
    """
    unready = Document.objects.exclude(state=Document.State.READY)
    excluded = {*hidden, *unready.filter(page_count__gt=0).values_list("pk", flat=True)}
    chosen = None if document_ids is None else sorted(set(document_ids) - excluded)

    def known(keys: Sequence[int]) -> Mapping[int, int]:
        rows = Chunk.objects.filter(pk__in=keys).values_list("pk", "document_id")
        return {
            pk: pk
            for pk, document in rows
            if document not in excluded and (chosen is None or document in chosen)
        }

    return search_rows(
        query,
        PASSAGE_TARGET,
        limit=limit,
        known=known,
        within=_within(chosen, sorted(excluded)),
        owners=chosen,
        dense=dense,
        wait=wait,
    )


def _within(chosen: list[int] | None, excluded: list[int]) -> tuple[str, Any] | None:
    """Return the SQL condition on the passages that may be found, and its parameters."""
    passages = "IN (SELECT id FROM ingestion_chunk WHERE document_id = ANY (%s))"
    if chosen is not None:
        return passages, [chosen]
    return (f"NOT {passages}", [excluded]) if excluded else None


def _passage(chunk: Chunk, found: RowHit) -> Passage:
    return Passage(
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        title=chunk.document.title,
        page_start=chunk.page_start,
        page_end=chunk.page_end,
        headings=tuple(chunk.headings),
        kind=chunk.kind,
        text=chunk.text,
        score=found.score,
        found_by=BY_WORDS if found.neighbour is None else BY_MEANING,
    )
