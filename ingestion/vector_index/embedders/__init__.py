"""From text to numbers: the contract, and the way that the settings choose."""

from collections.abc import Sequence
from typing import Protocol

from django.conf import settings

from wikico2.llm.client import Patience, Vectors

__all__ = ["Embedder", "Vectors", "get_embedder"]


class Embedder(Protocol):
    """Turns passages and questions into vectors that lie close when they mean the same.

    `name` tells which model made a vector: two embedders of one name give the same numbers.
    `batch` is how many passages make a step of progress, and `at_once` how many such steps may be
    under way at the same time.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    @property
    def at_once(self) -> int: ...

    def passages(self, texts: Sequence[str], patience: Patience | None = None) -> Vectors:
        """Return one vector for each text, shape (n, dimensions)."""
        ...

    def query(self, text: str, patience: Patience | None = None) -> Vectors:
        """Return the vector of a question, shape (dimensions,)."""
        ...


def get_embedder() -> Embedder:
    """Return the embedder that `EMBEDDING_BACKEND` names."""
    return embedder_called(chosen_model())


def chosen_model() -> str:
    """Return the name of the model that the settings choose, without loading it."""
    if settings.EMBEDDING_BACKEND == "openai":
        return str(settings.EMBEDDING_MODEL)
    from ingestion.vector_index.embedders.local import available

    return available(settings.LOCAL_EMBEDDING_MODEL)


def embedder_called(name: str) -> Embedder:
    """Return the embedder of this name: a local one, or else one of the model service's."""
    from ingestion.vector_index.embedders.local import MODELS, local_embedder

    if name in MODELS and (settings.EMBEDDING_BACKEND == "local" or name != chosen_model()):
        return local_embedder(name)
    from ingestion.vector_index.embedders.remote import remote_embedder

    return remote_embedder(name)
