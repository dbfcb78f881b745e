"""The contract of an embedder."""

from collections.abc import Sequence
from typing import Protocol

from wikico2.llm.client import RetryPolicy, Vectors


class Embedder(Protocol):
    """Turns passages and questions into vectors that are close when the meanings are.

    `name` identifies the model: two embedders of one name return the same vectors. `batch` is the
    number of passages per request, `at_once` the number of concurrent requests.
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
