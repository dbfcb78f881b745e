"""Compute the embeddings of passages and cache them, so that each is paid for once."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import Exists, Model, OuterRef, QuerySet

from ingestion.models import Chunk, Vector
from ingestion.vector_index.embedders.base import Embedder
from wikico2.errors import TransientError, UserError
from wikico2.llm.client import RetryPolicy, Vectors
from wikico2.llm.concurrency import run_concurrently

Progress = Callable[[int, int], None]
Stored = Callable[[Sequence[Any], Vectors], None]


def embedded_text(chunk: Chunk) -> str:
    """Return the text that is embedded for a passage: headings and text, as in its hash."""
    return f"{chunk.trail}\n{chunk.text}" if chunk.headings else chunk.text


def without_vector(chunks: QuerySet[Any], model: str) -> QuerySet[Any]:
    """Return the passages without a cached vector of `model`."""
    known = Vector.objects.filter(content_hash=OuterRef("content_hash"), model=model)
    return chunks.filter(~Exists(known))


def embed_chunks(
    chunks: QuerySet[Any],
    embedder: Embedder,
    *,
    text: Callable[[Any], str] = embedded_text,
    enough: Callable[[], bool] = lambda: False,
    on_progress: Progress = lambda done, total: None,
    on_stored: Stored = lambda chunks, vectors: None,
    patience: RetryPolicy | None = None,
) -> bool:
    """Compute and store the missing vectors of rows; return whether none is missing any more.

    The rows are passages or others with a `content_hash`; `text` returns what is embedded of one.
    Batches run concurrently, `embedder.at_once` at a time. Once `enough()` or a batch has failed,
    no further batch is started (one at least is); those running are awaited and stored, so that
    they are not paid for twice. `on_progress` gets the numbers of rows with a vector and of all
    rows; `on_stored` the rows of a batch and their vectors. Equal texts are computed once. Raises
    the first permanent error of the batches, else the first transient one.
    """
    total = chunks.count()
    missing = without_vector(chunks, embedder.name).order_by("pk")
    waiting: dict[str, list[int]] = {}
    for pk, content_hash in missing.values_list("pk", "content_hash"):
        waiting.setdefault(content_hash, []).append(pk)
    done = total - sum(map(len, waiting.values()))
    on_progress(done, total)
    failed: list[UserError] = []
    results = run_concurrently(
        _embedding_jobs(waiting, embedder, chunks.model, text),
        at_once=embedder.at_once,
        patience=patience or RetryPolicy.from_settings(),
        enough=lambda: bool(failed) or (done < total and enough()),
    )
    for (batch, rows), vectors in results:
        if isinstance(vectors, UserError):
            failed.append(vectors)
            continue
        store_vectors([row.content_hash for row in rows], vectors, embedder.name)
        on_stored(rows, vectors)
        done += sum(len(waiting[content_hash]) for content_hash in batch)
        on_progress(done, total)
    if failed:
        raise next((f for f in failed if not isinstance(f, TransientError)), failed[0])
    return done >= total


def _embedding_jobs(
    waiting: Mapping[str, list[int]],
    embedder: Embedder,
    model: type[Model],
    text: Callable[[Any], str],
) -> Iterator[tuple[tuple[list[str], list[Any]], Callable[[RetryPolicy], Vectors]]]:
    """Yield for each batch its hashes and rows, and the function that requests the vectors."""
    hashes = iter(waiting)
    while batch := list(itertools.islice(hashes, embedder.batch)):
        pks = [waiting[key][0] for key in batch]
        found = model._default_manager.defer("search").in_bulk(pks)
        # A passage may be deleted by now: its document was read again, or removed.
        rows: list[Any] = list(found.values())
        texts = [text(row) for row in rows]
        yield (batch, rows), functools.partial(embedder.passages, texts)


def store_vectors(hashes: list[str], vectors: Vectors, model: str) -> None:
    """Cache the vectors of the texts with these hashes; existing ones are not overwritten.

    Raises TransientError("bad_answer") for vectors with NaN or infinity, or of another length than
    the cached ones of the model.
    """
    if len(vectors) != len(hashes) or not np.isfinite(vectors).all():
        raise TransientError("bad_answer", reason="vectors that cannot be used")
    length, known = (vectors.shape[1] if len(hashes) else 0), Vector.length_of(model)
    if hashes and known not in (0, length):
        raise TransientError("bad_answer", reason=f"vectors of {length} numbers instead of {known}")
    Vector.objects.bulk_create(
        [
            Vector(content_hash=content_hash, model=model, data=vector.astype("<f4").tobytes())
            for content_hash, vector in zip(hashes, vectors, strict=True)
        ],
        ignore_conflicts=True,
    )
