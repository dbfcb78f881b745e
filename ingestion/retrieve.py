"""Retrieve: the passages that speak to a question, the best first."""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F

from ingestion import index
from ingestion.embedders import Vectors, get_embedder
from ingestion.models import SEARCH_CONFIG, Chunk, Document
from wikico2.ai import Patience
from wikico2.errors import TransientError

logger = logging.getLogger(__name__)

BY_MEANING = "meaning"
BY_WORDS = "words"


@dataclass(frozen=True)
class Passage:
    """A passage as an answer to a question.

    `score` is a cosine similarity when `found_by` is "meaning", a rank of words otherwise: it
    compares passages of one answer only.
    """

    chunk_id: int
    document_id: int
    title: str
    page_start: int
    page_end: int
    headings: tuple[str, ...]
    kind: str
    text: str
    score: float
    found_by: str = BY_MEANING


def retrieve(
    question: str,
    *,
    k: int = 10,
    document_ids: Sequence[int] | None = None,
    fallback: bool = True,
) -> list[Passage]:
    """Return the `k` best passages of ready documents, the best first.

    Without the vector store or the embedder the words of the question decide, and each passage
    says so in `found_by`; with `fallback=False` their TransientError is raised instead. They also
    decide when the store has lost the passages.
    """
    question = " ".join(question.replace("\0", " ").split())
    if not question or k < 1:
        return []
    try:
        found = by_meaning(question, k, document_ids)
    except TransientError as error:
        if not fallback:
            raise
        logger.warning("Passages are found by their words only: %s", error)
        found = []
    return found or by_words(question, k, document_ids)


def by_meaning(question: str, k: int, document_ids: Sequence[int] | None) -> list[Passage]:
    """Return the passages nearest to the question; raises TransientError."""
    model = get_embedder().name
    # More than asked for: hits that PostgreSQL does not know are dropped.
    hits = index.query(embed_query(question), 2 * k + 10, model=model, document_ids=document_ids)
    rows = Chunk.objects.select_related("document").defer("search")
    chunks = rows.filter(document__state=Document.State.READY).in_bulk([pk for pk, _ in hits])
    known = [(chunks[pk], score) for pk, score in hits if pk in chunks]
    return [_passage(chunk, score, BY_MEANING) for chunk, score in known[:k]]


def by_words(question: str, k: int, document_ids: Sequence[int] | None) -> list[Passage]:
    """Return the passages that hold most words of the question, close to each other."""
    words = AnyWord(question, config=SEARCH_CONFIG)
    chunks = Chunk.objects.select_related("document").defer("search")
    chunks = chunks.filter(document__state=Document.State.READY, search=words)
    if document_ids is not None:
        chunks = chunks.filter(document_id__in=document_ids)
    ranked = chunks.annotate(rank=SearchRank(F("search"), words, cover_density=True))
    return [_passage(chunk, chunk.rank, BY_WORDS) for chunk in ranked.order_by("-rank", "pk")[:k]]


class AnyWord(SearchQuery):
    """A full-text query that any word of a text satisfies."""

    def as_sql(self, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        sql, params = super().as_sql(*args, **kwargs)
        return f"replace(({sql})::text, ''' & ''', ''' | ''')::tsquery", params


def embed_query(question: str) -> Vectors:
    """Return the vector of a question, kept for the next time that it is asked."""
    embedder = get_embedder()
    return np.frombuffer(_query_vector(embedder.name, question), dtype=np.float32)


@functools.lru_cache(maxsize=512)
def _query_vector(model: str, question: str) -> bytes:
    vector = get_embedder().query(question, Patience.of_a_person())
    return np.asarray(vector, dtype=np.float32).tobytes()


def _passage(chunk: Chunk, score: float, found_by: str) -> Passage:
    return Passage(
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        title=chunk.document.title,
        page_start=chunk.page_start,
        page_end=chunk.page_end,
        headings=tuple(chunk.headings),
        kind=chunk.kind,
        text=chunk.text,
        score=score,
        found_by=found_by,
    )
