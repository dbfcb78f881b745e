"""Cosine similarities computed here, from the vectors that PostgreSQL keeps.

The vector index searches approximately, and what it misses depends on the order in which it got its
vectors. What is written must not depend on that, so the vectors of a sheet's sources are compared
one by one, unless there are too many.
"""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from django.db import models
from django.db.models import Count, Max

from ingestion.models import Vector
from wikico2.llm.client import Vectors

MOST_COMPARED = 3_000
"""Most rows whose vectors are compared: 43 MB of the longest vectors in a worker."""


class OwnedVectors(NamedTuple):
    """The different vectors of some owners' rows, shape (n, dimensions), with the rows of each."""

    rows: tuple[tuple[int, ...], ...]
    vectors: Vectors

    def nearest(self, vector: Vectors) -> list[tuple[int, float]]:
        """Return all rows as (id, cosine similarity), nearest first."""
        similarities = cosines(self.vectors, vector).tolist()
        pairs = zip(self.rows, similarities, strict=True)
        hits = [(pk, similarity) for pks, similarity in pairs for pk in pks]
        return sorted(hits, key=lambda hit: -hit[1])


def cosines(vectors: Vectors, vector: Vectors) -> Vectors:
    """Return the cosine of each row of `vectors` with `vector`, shape (n,)."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    return np.asarray((vectors @ vector) / np.where(lengths == 0, 1.0, lengths), np.float32)


def owned_vectors(
    hashed: type[models.Model], owner: str, owners: Sequence[int], model: str
) -> OwnedVectors | None:
    """Return an embedding model's vectors of the rows of these owners.

    `owner` is their foreign key. None if there are no vectors, or more than `MOST_COMPARED` rows.
    """
    rows = hashed._default_manager.filter(**{f"{owner}__in": owners})
    stamp = rows.aggregate(Count("pk"), Max("pk"))
    if not 0 < stamp["pk__count"] <= MOST_COMPARED:
        return None
    return _read_vectors(hashed, owner, tuple(sorted(owners)), model, tuple(stamp.values()))


def forget_vectors() -> None:
    """Clear the cache of this process."""
    _read_vectors.cache_clear()


@functools.lru_cache(maxsize=1)  # all the questions of a sheet are about the same sources
def _read_vectors(
    hashed: type[models.Model], owner: str, owners: tuple[int, ...], model: str, stamp: object
) -> OwnedVectors | None:
    by_hash = defaultdict(list)
    rows = hashed._default_manager.filter(**{f"{owner}__in": owners}).order_by()
    for pk, content_hash in rows.values_list("pk", "content_hash"):
        by_hash[content_hash].append(pk)
    # In an order of their own: the last digits of a product depend on a row's place in the matrix.
    known = Vector.objects.filter(model=model, content_hash__in=by_hash).order_by("content_hash")
    found = [(tuple(by_hash[row.content_hash]), row.values) for row in known]
    if not found:
        return None
    return OwnedVectors(tuple(pks for pks, _ in found), np.stack([values for _, values in found]))
