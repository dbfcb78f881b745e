"""Compare the vectors in Chroma with the rows in PostgreSQL, both ways, and repair Chroma."""

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

BATCH = 5_000


@dataclass
class ConsistencyReport:
    """The result of comparing one collection with its rows.

    `due` and `held` count the rows and the vectors. `missing` are the ids without a vector, by
    owner; `stray` the keys of vectors whose row is gone or has another text. `uncomputed` counts
    the texts without a cached vector, which a repair has to compute.
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


def audit_collection(indexed: IndexedModel, model: str) -> ConsistencyReport:
    """Compare a collection with its rows. Raises TransientError("index_unreachable")."""
    found = ConsistencyReport()
    collection = get_or_create_collection(collection_name(model, indexed.kind))
    sound: set[int] = set()
    entries = collection.entries()
    while batch := dict(itertools.islice(entries, BATCH)):
        found.held += len(batch)
        pks = [int(key) for key in batch if key.isdecimal()]
        rows = indexed.allowed().filter(pk__in=pks).values_list("pk", indexed.owner, "content_hash")
        known = {str(pk): (owner, value) for pk, owner, value in rows.iterator()}
        for key, metadata in batch.items():
            if known.get(key) == (metadata.get(indexed.kind.owner), metadata.get("hash")):
                sound.add(int(key))
            else:
                found.stray.append(key)
    missing = defaultdict(set)
    for pk, owner in indexed.due().values_list("pk", indexed.owner).iterator():
        found.due += 1
        if pk not in sound:
            missing[owner].add(pk)
    found.missing = dict(missing)
    found.uncomputed = (
        without_vector(indexed.due(), model).values("content_hash").distinct().count()
    )
    return found


def repair_collection(indexed: IndexedModel, embedder: Embedder, found: ConsistencyReport) -> int:
    """Delete the stray vectors of an audit and add the missing ones; return how many were missing.

    Vectors come from the cache; only those that it lacks are computed.
    """
    collection = get_or_create_collection(collection_name(embedder.name, indexed.kind))
    for start in range(0, len(found.stray), BATCH):
        collection.delete(found.stray[start : start + BATCH])
    for owner in found.missing:
        fill_collection(indexed, owner, embedder)
    return found.missing_count


def fill_collection(
    indexed: IndexedModel,
    owner: int,
    embedder: Embedder,
    *,
    enough: Callable[[], bool] = lambda: False,
    patience: RetryPolicy | None = None,
) -> bool:
    """Embed and index all rows of an owner; return whether it is complete (see `enough`)."""
    rows = indexable_rows(indexed, owner)
    if not embed_chunks(rows, embedder, text=indexed.text, enough=enough, patience=patience):
        return False
    wanted = dict(rows.values_list("pk", "content_hash"))
    return sync_vectors(indexed.kind, owner, wanted, embedder.name, enough=enough)


def indexable_rows(indexed: IndexedModel, owner: int) -> QuerySet[Any]:
    """Return the rows of an owner that must have a vector in the index."""
    return indexed.due().filter(**{indexed.owner: owner})


def iterate_owners(indexed: IndexedModel, after: int = 0) -> Iterator[int]:
    """Yield the ids of owners of rows that must be in the index, ascending, from after `after`."""
    rows = indexed.due().filter(**{f"{indexed.owner}__gt": after}).order_by(indexed.owner)
    yield from rows.values_list(indexed.owner, flat=True).distinct().iterator()


def unusable_vectors(model: str) -> list[int]:
    """Return the ids of cached vectors with NaN or infinity, or of another length than most."""
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
    """Return the names of our collections of other models than these."""
    kinds = [indexed.kind for indexed in indexed_models()]
    used = {collection_name(model, kind) for model in models for kind in kinds}
    prefixes = tuple(kind.prefix for kind in kinds)
    names = [collection.name for collection in list_collections()]
    return [name for name in names if name.startswith(prefixes) and name not in used]


def counts_agree(model: str) -> bool:
    """Tell whether each collection has enough vectors: a quick check for a lost collection."""
    return all(
        count_vectors(model, indexed.kind) >= indexed.due().count() for indexed in indexed_models()
    )
