"""The only client of Chroma's HTTP API (`/api/v2`), with the few requests that the index needs.

Chroma's own client has no timeout and takes 40 MB in each process.
"""

import base64
import functools
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from wikico2.errors import TransientError, UserError
from wikico2.transactions import outside_transaction

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

TIMEOUT = 30.0
CONNECT_TIMEOUT = 5.0
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
LIST_PAGE_SIZE = 100
READ_PAGE_SIZE = 5_000

Metadata = dict[str, str | int]


class CollectionDropped(TransientError):
    """The collection was dropped since this process looked it up; a retry creates it again."""


@dataclass(frozen=True)
class ChromaCollection:
    """A collection of vectors of one length, each with an id and metadata."""

    id: str
    name: str

    def count(self) -> int:
        """Return the number of vectors."""
        return int(self._request("GET", "count"))

    def upsert(
        self, ids: Sequence[str], vectors: Sequence[bytes], metadatas: Sequence[Metadata]
    ) -> None:
        """Insert or replace vectors, given as little-endian 32-bit floats."""
        packed = [base64.b64encode(vector).decode() for vector in vectors]
        self._request(
            "POST",
            "upsert",
            {"ids": list(ids), "embeddings": packed, "metadatas": list(metadatas)},
        )

    def entries(self, where: dict[str, Any] | None = None) -> Iterator[tuple[str, Metadata]]:
        """Yield the id and metadata of all vectors, or of those that meet a condition."""
        offset = 0
        condition = {"where": where} if where else {}
        while True:
            page = {"limit": READ_PAGE_SIZE, "offset": offset, "include": ["metadatas"]}
            found = self._request("POST", "get", condition | page)
            for key, metadata in zip(found["ids"], found["metadatas"], strict=True):
                yield key, metadata or {}
            if len(found["ids"]) < READ_PAGE_SIZE:
                return
            offset += READ_PAGE_SIZE

    def nearest(
        self, vector: Sequence[float], k: int, where: dict[str, Any] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the `k` nearest vectors, the nearest first, with their distances."""
        body = {"query_embeddings": [list(vector)], "n_results": k, "include": ["distances"]}
        found = self._request("POST", "query", body | ({"where": where} if where else {}))
        return list(zip(found["ids"][0], found["distances"][0], strict=True))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the vectors of these ids."""
        self._request("POST", "delete", {"ids": list(ids)})

    def _request(self, method: str, verb: str, body: Any = None) -> Any:
        return _request(method, f"{COLLECTIONS}/{self.id}/{verb}", body)


def get_or_create_collection(name: str) -> ChromaCollection:
    """Return the collection of this name, created if missing, with cosine distances."""
    configuration = {"hnsw": {"space": "cosine"}}
    body = {"name": name, "configuration": configuration, "get_or_create": True}
    found = _request("POST", COLLECTIONS, body)
    return ChromaCollection(found["id"], found["name"])


_collections: dict[tuple[str, str], ChromaCollection] = {}


def cached_collection(name: str) -> ChromaCollection:
    """Return the collection of this name, looked up once per process.

    Its methods raise CollectionDropped if it was dropped since; then call `forget_collection`.
    """
    key = (_address(), name)
    if key not in _collections:
        _collections[key] = get_or_create_collection(name)
    return _collections[key]


def forget_collection(name: str) -> None:
    """Make the next `cached_collection` of this name look it up again."""
    _collections.pop((_address(), name), None)


def list_collections() -> Iterator[ChromaCollection]:
    """Yield all collections."""
    offset = 0
    while True:
        found = _request("GET", f"{COLLECTIONS}?limit={LIST_PAGE_SIZE}&offset={offset}")
        yield from (ChromaCollection(row["id"], row["name"]) for row in found)
        if len(found) < LIST_PAGE_SIZE:
            return
        offset += LIST_PAGE_SIZE


def drop_collection(name: str) -> None:
    """Delete the collection of this name, if there is one."""
    _request("DELETE", f"{COLLECTIONS}/{name}", missing_is_fine=True)


def check_heartbeat() -> None:
    """Return if the server answers."""
    _request("GET", "/api/v2/heartbeat")


def _request(method: str, path: str, body: Any = None, *, missing_is_fine: bool = False) -> Any:
    """Make one request. Raises TransientError("index_unreachable"), UserError("index_refused")."""
    outside_transaction()
    import httpx

    client = _chroma_client(os.getpid(), _address(), settings.CHROMA_TOKEN, TIMEOUT)
    try:
        response = client.request(method, path, json=body)
        if missing_is_fine and response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return response.json()
    except httpx.HTTPStatusError as error:
        reason = f"{error.response.status_code} {error.response.text[:200]}"
        logger.warning("Chroma: %s", reason)
        if error.response.status_code == httpx.codes.NOT_FOUND:
            raise CollectionDropped("index_unreachable") from error
        if error.response.is_server_error or error.response.status_code == 429:
            raise TransientError("index_unreachable") from error
        raise UserError("index_refused", reason=reason) from error
    except (httpx.HTTPError, ValueError) as error:
        logger.warning("Chroma: %s: %s", type(error).__name__, error)
        raise TransientError("index_unreachable") from error


def _address() -> str:
    scheme = "https" if settings.CHROMA_SSL else "http"
    return f"{scheme}://{settings.CHROMA_HOST}:{settings.CHROMA_PORT}"


@functools.lru_cache(maxsize=2)
def _chroma_client(pid: int, address: str, token: str, timeout: float) -> "httpx.Client":
    """Return the HTTP client of this process: connections do not survive a fork."""
    import httpx

    return httpx.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {token}"} if token else None,
        timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        transport=httpx.HTTPTransport(retries=1),
    )
