"""The registry of indexed models: which rows of PostgreSQL have vectors in the index."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ingestion.vector_index.collections import VectorCollection

Rows = Callable[[], QuerySet[Any]]


@dataclass(frozen=True)
class IndexedModel:
    """The rows whose texts have vectors of one kind; each row has a `content_hash`.

    `allowed` returns the rows that may be in the index, `due` those that must. `owner` is the field
    with the id of their owner, and `text` returns the text of a row that is embedded.
    """

    kind: VectorCollection
    allowed: Rows
    due: Rows
    owner: str
    text: Callable[[Any], str]


_registered: list[IndexedModel] = []


def register_indexed_model(indexed: IndexedModel) -> None:
    """Register an indexed model; call it once, at startup."""
    _registered.append(indexed)


def indexed_models() -> list[IndexedModel]:
    """Return all registered models, in order of registration."""
    return list(_registered)
