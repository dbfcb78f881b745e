"""Embed: every passage of a document gets its vector, computed or paid for once."""

import itertools
import time
from collections.abc import Callable

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from ingestion.embedders import Embedder, Vectors
from ingestion.models import Chunk, Vector
from wikico2.ai import Patience
from wikico2.errors import TransientError

Progress = Callable[[int, int], None]


def embedded_text(chunk: Chunk) -> str:
    """Return what is embedded for a passage: its headings and its text, as its hash covers them."""
    return f"{chunk.trail}\n{chunk.text}" if chunk.headings else chunk.text


def without_vector(chunks: QuerySet[Chunk], model: str) -> QuerySet[Chunk]:
    """Return the passages for which `model` has not been asked yet."""
    known = Vector.objects.filter(content_hash=OuterRef("content_hash"), model=model)
    return chunks.filter(~Exists(known))


def embed_chunks(
    chunks: QuerySet[Chunk],
    embedder: Embedder,
    *,
    deadline: float = float("inf"),
    on_progress: Progress = lambda done, total: None,
    patience: Patience | None = None,
) -> bool:
    """Store the vectors that are still missing, batch by batch; tell whether none is any more.

    Stops early, but not before one batch, once `time.monotonic()` is past `deadline`.
    `on_progress` gets the passages that have their vector and the number of all. A text that
    occurs twice is computed once.
    """
    total = chunks.count()
    missing = without_vector(chunks, embedder.name).order_by("document_id", "position")
    waiting: dict[str, list[int]] = {}
    for pk, content_hash in missing.values_list("pk", "content_hash"):
        waiting.setdefault(content_hash, []).append(pk)
    done = total - sum(map(len, waiting.values()))
    on_progress(done, total)
    hashes = iter(waiting)
    while batch := list(itertools.islice(hashes, embedder.batch)):
        first = Chunk.objects.in_bulk([waiting[content_hash][0] for content_hash in batch])
        # A passage may be gone by now: its document was read again, or removed.
        rows = {chunk.content_hash: chunk for chunk in first.values()}
        texts = {key: embedded_text(rows[key]) for key in batch if key in rows}
        if texts:
            store(list(texts), embedder.passages(list(texts.values()), patience), embedder.name)
        done += sum(len(waiting[content_hash]) for content_hash in batch)
        on_progress(done, total)
        if done < total and time.monotonic() >= deadline:
            return False
    return True


def store(hashes: list[str], vectors: Vectors, model: str) -> None:
    """Keep vectors for the texts of these hashes; what another worker has stored stays."""
    if len(vectors) != len(hashes) or not np.isfinite(vectors).all():
        raise TransientError("bad_answer", reason="vectors that cannot be used")
    Vector.objects.bulk_create(
        [
            Vector(content_hash=content_hash, model=model, data=vector.astype("<f4").tobytes())
            for content_hash, vector in zip(hashes, vectors, strict=True)
        ],
        ignore_conflicts=True,
    )
