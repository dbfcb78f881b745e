"""Index: vectors in Chroma, where near ones are found. Derived from PostgreSQL, rebuilt at will.

Each embedding model has a collection of its own. A vector's id is the primary key of its passage;
beside it stand its document and the hash of its text, by which a vector left over from another
database is known.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ingestion import chroma
from ingestion.embedders import Vectors
from ingestion.models import Chunk, Vector
from wikico2.errors import TransientError, WorkError

PREFIX = "passages-"
BATCH = 200
DELETE_BATCH = 2_000

Item = TypeVar("Item")


def collection_name(model: str) -> str:
    """Return the name of a model's collection, in the few characters that Chroma takes."""
    safe = re.sub(r"[^a-zA-Z0-9]+", "-", model).strip("-")[:60]
    if safe != model or not model:
        safe += f"-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
    return PREFIX + safe


def index_document(
    document_id: int,
    model: str,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Make the collection hold exactly the passages of a document; return how many they are.

    What is there already stays, so that an indexing that was cut short goes on. Raises
    TransientError("index_unreachable") when Chroma does not answer.
    """
    rows = Chunk.objects.filter(document=document_id).order_by("position")
    wanted = dict(rows.values_list("pk", "content_hash"))
    collection = chroma.collection(collection_name(model))
    there = _hashes(collection, document_id)
    new = [pk for pk, content_hash in wanted.items() if there.get(str(pk)) != content_hash]
    done = len(wanted) - len(new)
    on_progress(done, len(wanted))
    for pks in _runs(new, BATCH):
        hashes = [wanted[pk] for pk in pks]
        vectors = _vectors(hashes, model)
        collection.upsert(
            ids=[str(pk) for pk in pks],
            vectors=[vectors[content_hash] for content_hash in hashes],
            metadatas=[{"document": document_id, "hash": value} for value in hashes],
        )
        done += len(pks)
        on_progress(done, len(wanted))
    _delete(collection, [key for key in there if int(key) not in wanted])
    return len(wanted)


def delete_document(document_id: int) -> None:
    """Delete a document's vectors from every collection."""
    for collection in chroma.collections():
        if collection.name.startswith(PREFIX):
            _delete(collection, list(_hashes(collection, document_id)))


def drop(model: str) -> None:
    """Delete the collection of a model, if there is one."""
    chroma.drop(collection_name(model))


def query(
    vector: Vectors, k: int, *, model: str, document_ids: Sequence[int] | None = None
) -> list[tuple[int, float]]:
    """Return the `k` nearest passages, the nearest first, as (chunk id, cosine similarity)."""
    where: dict[str, Any] | None = None
    if document_ids is not None:
        if not document_ids:
            return []
        where = {"document": {"$in": sorted(set(document_ids))}}
    hits = chroma.collection(collection_name(model)).nearest(vector.tolist(), k, where)
    return [(int(key), 1.0 - distance) for key, distance in hits]


def count(model: str) -> int:
    """Return how many vectors the collection of a model holds."""
    return chroma.collection(collection_name(model)).count()


def is_reachable() -> bool:
    """Tell whether Chroma answers."""
    try:
        chroma.heartbeat()
    except WorkError:
        return False
    return True


def _hashes(collection: chroma.Collection, document_id: int) -> dict[str, str]:
    """Return the ids that the collection has for a document, each with the hash of its text."""
    entries = collection.entries({"document": document_id})
    return {key: str(metadata.get("hash", "")) for key, metadata in entries}


def _delete(collection: chroma.Collection, keys: list[str]) -> None:
    for run in _runs(keys, DELETE_BATCH):
        collection.delete(run)


def _vectors(hashes: list[str], model: str) -> dict[str, bytes]:
    rows = Vector.objects.filter(model=model, content_hash__in=hashes)
    found = {row.content_hash: bytes(row.data) for row in rows}
    if missing := set(hashes) - found.keys():
        raise TransientError("internal", reason=f"{len(missing)} vectors are missing")
    return found


def _runs(items: list[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while run := list(itertools.islice(iterator, size)):
        yield run
