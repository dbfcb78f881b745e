"""Holdings: for each shelf of the index, what PostgreSQL says should stand on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ingestion.vector_index.collections import VectorCollection

Rows = Callable[[], QuerySet[Any]]


@dataclass(frozen=True)
class IndexedModel:
    """The rows whose texts have vectors on a shelf; each has `content_hash`.

    `allowed` may stand there, `due` must. `owner` is their field that names what owns them, and
    `text` gives what is embedded of a row.
    """

    shelf: VectorCollection
    allowed: Rows
    due: Rows
    owner: str
    text: Callable[[Any], str]


_registered: list[IndexedModel] = []


def register_indexed_model(holding: IndexedModel) -> None:
    """Declare what stands on a shelf; once, when the program starts."""
    _registered.append(holding)


def indexed_models() -> list[IndexedModel]:
    """Return what stands on all shelves."""
    return list(_registered)
