"""The vector index in Chroma, for nearest-neighbour search. Derived from PostgreSQL.

There is one collection per embedding model and kind of vectors. A vector's id is the primary key of
its row. Its metadata are its owner (a passage's document) and the hash of its text, which shows
whether the vector is outdated or left over from another database.
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
STREAM_QUEUE_SIZE = 4_000
"""Most vectors queued for Chroma; 57 MB of the longest ones. `sync_vectors` adds the others."""

Item = TypeVar("Item")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class VectorCollection:
    """A kind of vectors: the prefix of its collections, and the metadata key of its owners."""

    prefix: str
    owner: str


PASSAGES = VectorCollection("passages-", "document")


def collection_name(model: str, kind: VectorCollection = PASSAGES) -> str:
    """Return the name of a model's collection, in the characters that Chroma allows."""
    safe = re.sub(r"[^a-zA-Z0-9]+", "-", model).strip("-")[:60]
    if safe != model or not model:
        safe += f"-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
    return kind.prefix + safe


def index_document(
    document_id: int,
    model: str,
    *,
    on_progress: Progress = lambda done, total: None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Make the collection hold exactly the passages of a document; return whether it does.

    Raises TransientError("index_unreachable") when Chroma does not answer.
    """
    rows = Chunk.objects.filter(document=document_id).order_by("position")
    wanted = dict(rows.values_list("pk", "content_hash"))
    return sync_vectors(
        PASSAGES, document_id, wanted, model, on_progress=on_progress, enough=enough
    )


def sync_vectors(
    kind: VectorCollection,
    owner_id: int,
    wanted: Mapping[int, str],
    model: str,
    *,
    on_progress: Progress = lambda done, total: None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Make an owner's vectors in the collection exactly the `wanted`: hash of the text by id.

    Vectors that are right already stay, so that an interrupted run resumes. Stops early, after one
    batch at least, once `enough()`; returns whether it is complete. Raises
    TransientError("index_unreachable") when Chroma does not answer.
    """
    collection = get_or_create_collection(collection_name(model, kind))
    indexed = _indexed_hashes(collection, kind, owner_id)
    new = [pk for pk, content_hash in wanted.items() if indexed.get(str(pk)) != content_hash]
    done = len(wanted) - len(new)
    on_progress(done, len(wanted))
    for pks in _batched(new, BATCH):
        hashes = [wanted[pk] for pk in pks]
        vectors = _stored_vectors(hashes, model)
        rows = [(pk, value, vectors[value]) for pk, value in zip(pks, hashes, strict=True)]
        _upsert_rows(collection, kind, owner_id, rows)
        done += len(pks)
        on_progress(done, len(wanted))
        if done < len(wanted) and enough():
            return False
    _delete_keys(collection, [key for key in indexed if int(key) not in wanted])
    return True


Row = tuple[int, str, bytes]
"""An id, the hash of its text, and its vector as little-endian 32-bit floats."""


def _upsert_rows(
    collection: ChromaCollection, kind: VectorCollection, owner_id: int, rows: Sequence[Row]
) -> None:
    collection.upsert(
        ids=[str(pk) for pk, _hash, _vector in rows],
        vectors=[vector for _pk, _hash, vector in rows],
        metadatas=[{kind.owner: owner_id, "hash": value} for _pk, value, _vector in rows],
    )


class VectorStream:
    """Writes an owner's vectors to the collection, in a thread, while more are computed.

    Best effort: `sync_vectors` adds those that it drops because Chroma is slow or unreachable.
    """

    def __init__(self, kind: VectorCollection, owner_id: int, model: str) -> None:
        self._kind, self._owner_id, self._model = kind, owner_id, model
        self._rows: queue.Queue[Row] = queue.Queue(STREAM_QUEUE_SIZE)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop after the current batch."""
        self._stop.set()
        self._thread.join(chroma_client.TIMEOUT)

    def put(self, rows: Sequence[Row]) -> None:
        """Queue rows; those beyond the queue's size are dropped."""
        for row in rows:
            if not self._thread.is_alive() or self._rows.full():
                return
            self._rows.put_nowait(row)

    def _run(self) -> None:
        try:
            collection = get_or_create_collection(collection_name(self._model, self._kind))
            while not self._stop.is_set():
                if batch := self._next():
                    _upsert_rows(collection, self._kind, self._owner_id, batch)
        except UserError as error:
            logger.info("The remaining vectors are indexed later: %s", error)

    def _next(self) -> list[Row]:
        batch: list[Row] = []
        with contextlib.suppress(queue.Empty):
            while len(batch) < BATCH:
                batch.append(self._rows.get(timeout=0.1))
        return batch


def delete_document_vectors(document_id: int) -> None:
    """Delete a document's vectors from every collection."""
    delete_owner_vectors(PASSAGES, document_id)


def delete_owner_vectors(kind: VectorCollection, owner_id: int) -> None:
    """Delete the vectors of an owner from every collection of this kind."""
    for collection in list_collections():
        if collection.name.startswith(kind.prefix):
            _delete_keys(collection, list(_indexed_hashes(collection, kind, owner_id)))


def drop_model_collection(model: str, kind: VectorCollection = PASSAGES) -> None:
    """Delete the collection of a model, if there is one."""
    drop_collection(collection_name(model, kind))


def nearest_passages(
    vector: Vectors, k: int, *, model: str, document_ids: Sequence[int] | None = None
) -> list[tuple[int, float]]:
    """Return the `k` nearest passages as (chunk id, cosine similarity), nearest first."""
    return nearest_vectors(PASSAGES, vector, k, model=model, owners=document_ids)


def nearest_vectors(
    kind: VectorCollection,
    vector: Vectors,
    k: int,
    *,
    model: str,
    owners: Sequence[int] | None = None,
) -> list[tuple[int, float]]:
    """Return the `k` nearest vectors of these owners (None: of all), nearest first.

    Each is (id, cosine similarity).
    """
    where: dict[str, Any] | None = None
    if owners is not None:
        if not owners:
            return []
        where = {kind.owner: {"$in": sorted(set(owners))}}
    name, numbers = collection_name(model, kind), vector.tolist()
    try:
        hits = cached_collection(name).nearest(numbers, k, where)
    except CollectionDropped:
        forget_collection(name)
        hits = cached_collection(name).nearest(numbers, k, where)
    return [(int(key), 1.0 - distance) for key, distance in hits]


def count_vectors(model: str, kind: VectorCollection = PASSAGES) -> int:
    """Return the number of vectors in the collection of a model."""
    return get_or_create_collection(collection_name(model, kind)).count()


def is_reachable() -> bool:
    """Tell whether Chroma answers."""
    try:
        check_heartbeat()
    except UserError:
        return False
    return True


def _indexed_hashes(
    collection: ChromaCollection, kind: VectorCollection, owner_id: int
) -> dict[str, str]:
    """Return the hash of the text by id, for an owner's vectors in the collection."""
    entries = collection.entries({kind.owner: owner_id})
    return {key: str(metadata.get("hash", "")) for key, metadata in entries}


def _delete_keys(collection: ChromaCollection, keys: list[str]) -> None:
    for batch in _batched(keys, DELETE_BATCH):
        collection.delete(batch)


def _stored_vectors(hashes: list[str], model: str) -> dict[str, bytes]:
    rows = Vector.objects.filter(model=model, content_hash__in=hashes)
    found = {row.content_hash: bytes(row.data) for row in rows}
    if missing := set(hashes) - found.keys():
        raise TransientError("internal", reason=f"{len(missing)} vectors are missing")
    return found


def _batched(items: list[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
