"""Where backups are kept: a folder, or a prefix of an S3-compatible bucket."""

import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files import File

from wikico2.launcher.supervisor import OperatorError
from wikico2.sizes import MEGABYTE

S3 = "s3"


class BackupStore(ABC):
    """Names with bytes; a name appears only when its content is whole."""

    @abstractmethod
    def put(self, name: str, content: IO[bytes]) -> None:
        """Store what is left to read of `content`, in place of what had this name."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open for reading. Raises FileNotFoundError."""

    @abstractmethod
    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the names below a prefix that ends with a slash, with their sizes in bytes."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a name; nothing happens if there is none."""


class FolderStore(BackupStore):
    """A folder; its files are readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def put(self, name: str, content: IO[bytes]) -> None:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
                shutil.copyfileobj(content, to, MEGABYTE)
                to.flush()
                os.fsync(to.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)

    def open(self, name: str) -> IO[bytes]:
        return (self.folder / name).open("rb")

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        for path in sorted((self.folder / prefix).rglob("*")):
            if path.is_file():
                yield path.relative_to(self.folder).as_posix(), path.stat().st_size

    def delete(self, name: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        if path.parent != self.folder and not any(path.parent.iterdir()):
            path.parent.rmdir()


class BucketStore(BackupStore):
    """A prefix of a bucket, reached with the S3 settings of the site."""

    def __init__(self, bucket: str, prefix: str) -> None:
        from storages.backends.s3 import S3Storage

        options = {**settings.S3_OPTIONS, "bucket_name": bucket, "location": prefix}
        self._storage: Any = S3Storage(**options | {"file_overwrite": True})
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, name: str, content: IO[bytes]) -> None:
        self._storage.save(name, File(content, name=name))

    def open(self, name: str) -> IO[bytes]:
        opened: IO[bytes] = self._storage.open(name, "rb")
        return opened

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        for found in self._storage.bucket.objects.filter(Prefix=self._prefix + prefix):
            yield found.key.removeprefix(self._prefix), found.size

    def delete(self, name: str) -> None:
        self._storage.delete(name)


def open_store(address: str) -> BackupStore:
    """Return the store at a path or at `s3://bucket/prefix`. Raises OperatorError."""
    parts = urlsplit(address)
    if parts.scheme == S3 and parts.netloc:
        return BucketStore(parts.netloc, parts.path.strip("/"))
    if parts.scheme and "://" in address:
        raise OperatorError(
            f"{address} is neither a folder nor a bucket; write /backups or s3://bucket/wikico2."
        )
    return FolderStore(Path(address))
