"""The contract of an embedder."""

from collections.abc import Sequence
from typing import Protocol

from wikico2.llm.client import RetryPolicy, Vectors


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

    def passages(self, texts: Sequence[str], patience: RetryPolicy | None = None) -> Vectors:
        """Return one vector for each text, shape (n, dimensions)."""
        ...

    def query(self, text: str, patience: RetryPolicy | None = None) -> Vectors:
        """Return the vector of a question, shape (dimensions,)."""
        ...
