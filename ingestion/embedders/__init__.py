"""From text to numbers: the contract, and the way that the settings choose."""

from collections.abc import Sequence
from typing import Protocol

from django.conf import settings

from wikico2.ai import Patience, Vectors

__all__ = ["Embedder", "Vectors", "get_embedder"]


class Embedder(Protocol):
    """Turns passages and questions into vectors that lie close when they mean the same.

    `name` tells which model made a vector: two embedders of one name give the same numbers.
    `batch` is how many passages make a step of progress.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def passages(self, texts: Sequence[str], patience: Patience | None = None) -> Vectors:
        """Return one vector for each text, shape (n, dimensions)."""
        ...

    def query(self, text: str, patience: Patience | None = None) -> Vectors:
        """Return the vector of a question, shape (dimensions,)."""
        ...


def get_embedder() -> Embedder:
    """Return the embedder that `EMBEDDING_BACKEND` names."""
    if settings.EMBEDDING_BACKEND == "openai":
        from ingestion.embedders.remote import RemoteEmbedder

        return RemoteEmbedder(settings.EMBEDDING_MODEL, settings.EMBEDDING_BATCH)
    from ingestion.embedders.local import local_embedder

    return local_embedder(settings.LOCAL_EMBEDDING_MODEL)
