"""Audit: what Chroma holds against what PostgreSQL says, both ways, and how they are made one."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import QuerySet

from ingestion.models import Vector
from ingestion.vector_index.chroma_client import get_or_create_collection, list_collections
from ingestion.vector_index.collections import collection_name, count_vectors, sync_vectors
from ingestion.vector_index.embed import embed_chunks, without_vector
from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.registry import IndexedModel, indexed_models
from wikico2.llm.client import RetryPolicy

AT_ONCE = 5_000


@dataclass
class ConsistencyReport:
    """What an audit of one shelf has found.

    `missing` are the ids that the collection lacks, by their owner; `stray` the keys of what it
    should not hold: of a row that is gone, or of another text. `uncomputed` counts the texts of
    which no vector is kept, so that a repair has to ask for them.
    """

    due: int = 0
    held: int = 0
    missing: dict[int, set[int]] = field(default_factory=dict)
    stray: list[str] = field(default_factory=list)
    uncomputed: int = 0

    @property
    def is_sound(self) -> bool:
        return not self.missing and not self.stray

    @property
    def missing_count(self) -> int:
        return sum(map(len, self.missing.values()))


def audit_collection(holding: IndexedModel, model: str) -> ConsistencyReport:
    """Compare a shelf's collection with the rows. Raises TransientError("index_unreachable")."""
    found = ConsistencyReport()
    collection = get_or_create_collection(collection_name(model, holding.shelf))
    sound: set[int] = set()
    entries = collection.entries()
    while batch := dict(itertools.islice(entries, AT_ONCE)):
        found.held += len(batch)
        pks = [int(key) for key in batch if key.isdecimal()]
        rows = holding.allowed().filter(pk__in=pks).values_list("pk", holding.owner, "content_hash")
        known = {str(pk): (owner, value) for pk, owner, value in rows.iterator()}
        for key, about in batch.items():
            if known.get(key) == (about.get(holding.shelf.owner), about.get("hash")):
                sound.add(int(key))
            else:
                found.stray.append(key)
    missing = defaultdict(set)
    for pk, owner in holding.due().values_list("pk", holding.owner).iterator():
        found.due += 1
        if pk not in sound:
            missing[owner].add(pk)
    found.missing = dict(missing)
    found.uncomputed = (
        without_vector(holding.due(), model).values("content_hash").distinct().count()
    )
    return found


def repair_collection(holding: IndexedModel, embedder: Embedder, found: ConsistencyReport) -> int:
    """Take away what an audit found to be stray, put in what is missing; return how many those are.

    Vectors come from the cache; only those that it lacks are computed.
    """
    collection = get_or_create_collection(collection_name(embedder.name, holding.shelf))
    for start in range(0, len(found.stray), AT_ONCE):
        collection.delete(found.stray[start : start + AT_ONCE])
    for owner in found.missing:
        fill_collection(holding, owner, embedder)
    return found.missing_count


def fill_collection(
    holding: IndexedModel,
    owner: int,
    embedder: Embedder,
    *,
    enough: Callable[[], bool] = lambda: False,
    patience: RetryPolicy | None = None,
) -> bool:
    """Put all that an owner has on the shelf; tell whether it came to the end."""
    rows = indexable_rows(holding, owner)
    if not embed_chunks(rows, embedder, text=holding.text, enough=enough, patience=patience):
        return False
    wanted = dict(rows.values_list("pk", "content_hash"))
    return sync_vectors(holding.shelf, owner, wanted, embedder.name, enough=enough)


def indexable_rows(holding: IndexedModel, owner: int) -> QuerySet[Any]:
    """Return what an owner has that must stand on the shelf."""
    return holding.due().filter(**{holding.owner: owner})


def iterate_owners(holding: IndexedModel, after: int = 0) -> Iterator[int]:
    """Yield who owns what must stand on the shelf, in the order of their numbers."""
    rows = holding.due().filter(**{f"{holding.owner}__gt": after}).order_by(holding.owner)
    yield from rows.values_list(holding.owner, flat=True).distinct().iterator()


def unusable_vectors(model: str) -> list[int]:
    """Return the kept vectors that are no numbers, or of another length than most of the model."""
    lengths: defaultdict[int, int] = defaultdict(int)
    shapes: list[tuple[int, int]] = []
    broken: list[int] = []
    for row in Vector.objects.filter(model=model).iterator(chunk_size=500):
        if np.isfinite(row.values).all():
            lengths[len(row.values)] += 1
            shapes.append((row.pk, len(row.values)))
        else:
            broken.append(row.pk)
    usual = max(lengths, key=lambda length: lengths[length], default=0)
    return broken + [pk for pk, length in shapes if length != usual]


def other_collections(models: set[str]) -> list[str]:
    """Return the names of our collections that belong to none of these models."""
    shelves = [holding.shelf for holding in indexed_models()]
    ours = {collection_name(model, shelf) for model in models for shelf in shelves}
    prefixes = tuple(shelf.prefix for shelf in shelves)
    names = [collection.name for collection in list_collections()]
    return [name for name in names if name.startswith(prefixes) and name not in ours]


def counts_agree(model: str) -> bool:
    """Tell whether each shelf holds as many as it must: a quick look, which sees a lost one."""
    return all(
        count_vectors(model, holding.shelf) >= holding.due().count() for holding in indexed_models()
    )
