"""Index: vectors in Chroma, where near ones are found. Derived from PostgreSQL, rebuilt at will.

Each embedding model has a collection of its own on each shelf. A vector's id is the primary key of
its passage; beside it stand its document and the hash of its text, by which a vector left over from
another database is known.
"""

import contextlib
import hashlib
import itertools
import logging
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from ingestion.models import Chunk, Vector
from ingestion.vector_index import chroma_client
from ingestion.vector_index.chroma_client import (
    ChromaCollection,
    CollectionDropped,
    cached_collection,
    check_heartbeat,
    drop_collection,
    forget_collection,
    get_or_create_collection,
    list_collections,
)
from wikico2.errors import TransientError, UserError
from wikico2.llm.client import Vectors

logger = logging.getLogger(__name__)

BATCH = 200
DELETE_BATCH = 2_000
STREAM_HOLDS = 4_000
"""Vectors that wait for Chroma; 57 MB of the longest ones. Those beyond are placed later."""

Item = TypeVar("Item")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class VectorCollection:
    """A kind of things that have vectors, and the name of what owns several of them."""

    prefix: str
    owner: str


PASSAGES = VectorCollection("passages-", "document")


def collection_name(model: str, shelf: VectorCollection = PASSAGES) -> str:
    """Return the name of a model's collection, in the few characters that Chroma takes."""
    safe = re.sub(r"[^a-zA-Z0-9]+", "-", model).strip("-")[:60]
    if safe != model or not model:
        safe += f"-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
    return shelf.prefix + safe


def index_document(
    document_id: int,
    model: str,
    *,
    on_progress: Progress = lambda done, total: None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Make the collection hold exactly the passages of a document; tell whether it does.

    Raises TransientError("index_unreachable") when Chroma does not answer.
    """
    rows = Chunk.objects.filter(document=document_id).order_by("position")
    wanted = dict(rows.values_list("pk", "content_hash"))
    return sync_vectors(
        PASSAGES, document_id, wanted, model, on_progress=on_progress, enough=enough
    )


def sync_vectors(
    shelf: VectorCollection,
    owner_id: int,
    wanted: Mapping[int, str],
    model: str,
    *,
    on_progress: Progress = lambda done, total: None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Make the collection hold exactly the `wanted` of an owner: ids with the hash of their text.

    What is there already stays, so that an indexing that was cut short goes on. Stops early, though
    not before one batch, once `enough` says so; tells whether it came to the end. Raises
    TransientError("index_unreachable") when Chroma does not answer.
    """
    collection = get_or_create_collection(collection_name(model, shelf))
    there = _indexed_hashes(collection, shelf, owner_id)
    new = [pk for pk, content_hash in wanted.items() if there.get(str(pk)) != content_hash]
    done = len(wanted) - len(new)
    on_progress(done, len(wanted))
    for pks in _batched(new, BATCH):
        hashes = [wanted[pk] for pk in pks]
        vectors = _stored_vectors(hashes, model)
        rows = [(pk, value, vectors[value]) for pk, value in zip(pks, hashes, strict=True)]
        _upsert_rows(collection, shelf, owner_id, rows)
        done += len(pks)
        on_progress(done, len(wanted))
        if done < len(wanted) and enough():
            return False
    _delete_keys(collection, [key for key in there if int(key) not in wanted])
    return True


Row = tuple[int, str, bytes]
"""An id, the hash of its text, and its vector as little-endian 32-bit floats."""


def _upsert_rows(
    collection: ChromaCollection, shelf: VectorCollection, owner_id: int, rows: Sequence[Row]
) -> None:
    collection.upsert(
        ids=[str(pk) for pk, _hash, _vector in rows],
        vectors=[vector for _pk, _hash, vector in rows],
        metadatas=[{shelf.owner: owner_id, "hash": value} for _pk, value, _vector in rows],
    )


class VectorStream:
    """Puts an owner's vectors into the collection, from a thread, while more are computed.

    A convenience: what it has not placed, because Chroma is slow, away, or was killed, is left for
    `sync_vectors`, which looks at what is there.
    """

    def __init__(self, shelf: VectorCollection, owner_id: int, model: str) -> None:
        self._shelf, self._owner_id, self._model = shelf, owner_id, model
        self._rows: queue.Queue[Row] = queue.Queue(STREAM_HOLDS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End after the batch that is on its way."""
        self._stop.set()
        self._thread.join(chroma_client.TIMEOUT)

    def put(self, rows: Sequence[Row]) -> None:
        """Hand in some rows; those for which there is no room are forgotten."""
        for row in rows:
            if not self._thread.is_alive() or self._rows.full():
                return
            self._rows.put_nowait(row)

    def _run(self) -> None:
        try:
            collection = get_or_create_collection(collection_name(self._model, self._shelf))
            while not self._stop.is_set():
                if batch := self._next():
                    _upsert_rows(collection, self._shelf, self._owner_id, batch)
        except UserError as error:
            logger.info("Vectors are placed later: %s", error)

    def _next(self) -> list[Row]:
        batch: list[Row] = []
        with contextlib.suppress(queue.Empty):
            while len(batch) < BATCH:
                batch.append(self._rows.get(timeout=0.1))
        return batch


def delete_document_vectors(document_id: int) -> None:
    """Delete a document's vectors from every collection."""
    delete_owner_vectors(PASSAGES, document_id)


def delete_owner_vectors(shelf: VectorCollection, owner_id: int) -> None:
    """Delete the vectors of an owner from every collection of the shelf."""
    for collection in list_collections():
        if collection.name.startswith(shelf.prefix):
            _delete_keys(collection, list(_indexed_hashes(collection, shelf, owner_id)))


def drop_model_collection(model: str, shelf: VectorCollection = PASSAGES) -> None:
    """Delete the collection of a model, if there is one."""
    drop_collection(collection_name(model, shelf))


def nearest_passages(
    vector: Vectors, k: int, *, model: str, document_ids: Sequence[int] | None = None
) -> list[tuple[int, float]]:
    """Return the `k` nearest passages, the nearest first, as (chunk id, cosine similarity)."""
    return nearest_vectors(PASSAGES, vector, k, model=model, owners=document_ids)


def nearest_vectors(
    shelf: VectorCollection,
    vector: Vectors,
    k: int,
    *,
    model: str,
    owners: Sequence[int] | None = None,
) -> list[tuple[int, float]]:
    """Return the `k` nearest things of these owners (of all: None), the nearest first.

    Each is (id, cosine similarity).
    """
    where: dict[str, Any] | None = None
    if owners is not None:
        if not owners:
            return []
        where = {shelf.owner: {"$in": sorted(set(owners))}}
    name, numbers = collection_name(model, shelf), vector.tolist()
    try:
        hits = cached_collection(name).nearest(numbers, k, where)
    except CollectionDropped:
        forget_collection(name)
        hits = cached_collection(name).nearest(numbers, k, where)
    return [(int(key), 1.0 - distance) for key, distance in hits]


def count_vectors(model: str, shelf: VectorCollection = PASSAGES) -> int:
    """Return how many vectors the collection of a model holds."""
    return get_or_create_collection(collection_name(model, shelf)).count()


def is_reachable() -> bool:
    """Tell whether Chroma answers."""
    try:
        check_heartbeat()
    except UserError:
        return False
    return True


def _indexed_hashes(
    collection: ChromaCollection, shelf: VectorCollection, owner_id: int
) -> dict[str, str]:
    """Return the ids that the collection has for an owner, each with the hash of its text."""
    entries = collection.entries({shelf.owner: owner_id})
    return {key: str(metadata.get("hash", "")) for key, metadata in entries}


def _delete_keys(collection: ChromaCollection, keys: list[str]) -> None:
    for run in _batched(keys, DELETE_BATCH):
        collection.delete(run)


def _stored_vectors(hashes: list[str], model: str) -> dict[str, bytes]:
    rows = Vector.objects.filter(model=model, content_hash__in=hashes)
    found = {row.content_hash: bytes(row.data) for row in rows}
    if missing := set(hashes) - found.keys():
        raise TransientError("internal", reason=f"{len(missing)} vectors are missing")
    return found


def _batched(items: list[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while run := list(itertools.islice(iterator, size)):
        yield run
