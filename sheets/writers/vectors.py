"""Vectors of short texts, computed once and stored with those of the passages."""

import hashlib
from collections.abc import Sequence

import numpy as np

from ingestion.models import Vector
from ingestion.vector_index.embed import store_vectors
from ingestion.vector_index.embedders.base import Embedder
from wikico2.llm.client import RetryPolicy, Vectors


def embed_texts(
    embedder: Embedder, texts: Sequence[str], patience: RetryPolicy | None = None
) -> Vectors:
    """Return one vector for each text, in order, shape (n, dimensions)."""
    hashes = [hash_of(text) for text in texts]
    by_hash = dict(zip(hashes, texts, strict=True))
    known = fetch_vectors(list(by_hash), embedder.name)
    missing = [key for key in by_hash if key not in known]
    for start in range(0, len(missing), embedder.batch):
        batch = missing[start : start + embedder.batch]
        vectors = embedder.passages([by_hash[key] for key in batch], patience)
        store_vectors(batch, vectors, embedder.name)
        known.update(zip(batch, vectors, strict=True))
        if patience is not None:
            patience.on_wait()
    return np.vstack([known[key] for key in hashes])


def hash_of(text: str) -> str:
    """Return the content hash under which the vector of a text is stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def fetch_vectors(hashes: list[str], model: str) -> dict[str, Vectors]:
    """Return the stored vectors by the hash of their text."""
    rows = Vector.objects.filter(model=model, content_hash__in=hashes)
    return {row.content_hash: row.values for row in rows}
