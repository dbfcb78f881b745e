"""Read the archive of a wiki: an untrusted zip of plain files."""

import hashlib
import json
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

from wikico2.errors import UserError
from wikico2.sizes import MEGABYTE

LARGEST_TEXT = 8 * MEGABYTE
LARGEST_ARCHIVE = 20_000 * MEGABYTE
MOST_FILES = 500_000
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError,
    OverflowError, MemoryError, LookupError, TypeError,
)  # fmt: skip
"""Errors of zipfile; RuntimeError for a password, and NotImplementedError is one too."""
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""The methods that an export may use; others take memory that no bound holds."""


class DamagedFile(ValueError):
    """A file of an archive cannot be read; the message is for the log."""


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive; raises UserError not_an_archive."""
    try:
        return zipfile.ZipFile(file)
    except UNREADABLE as error:
        raise UserError("not_an_archive") from error


class WikiArchive:
    """The files of an archive, by name and by folder. `LARGEST_*` and `MOST_FILES` bound it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        """Check an opened zip; raises UserError not_an_archive unless export_wiki wrote it."""
        self.archive = archive
        self.names = set(archive.namelist())
        self.folders: dict[str, list[str]] = {}
        for name in sorted(self.names):
            self.folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
        self.check()

    def records(self, folder: str) -> list[dict[str, Any]]:
        """Return the records of a folder, by name; raises DamagedFile."""
        return [self.json(name) for name in self.within(folder)]

    def within(self, folder: str) -> list[str]:
        """Return the names of the files of a folder, sorted."""
        return self.folders.get(folder, [])

    def check(self) -> None:
        """Raise UserError not_an_archive for another format, too many files or too many bytes."""
        size = sum(entry.file_size for entry in self.archive.infolist())
        if "wikico2.json" not in self.names or len(self.names) > MOST_FILES:
            raise UserError("not_an_archive")
        try:
            found = self.json("wikico2.json").get("format")
        except DamagedFile as error:
            raise UserError("not_an_archive") from error
        if size > LARGEST_ARCHIVE or type(found) is not int or found != FORMAT:
            raise UserError("not_an_archive")

    def entry(self, name: str, limit: int) -> zipfile.ZipInfo:
        """Return the entry of a regular file; raises DamagedFile for another, or above `limit`."""
        entry = self.archive.getinfo(name)
        if entry.file_size > limit:
            raise DamagedFile(f"> {limit // MEGABYTE} MB")
        if entry.compress_type not in METHODS or stat.S_ISLNK(entry.external_attr >> 16):
            raise DamagedFile(f"method {entry.compress_type}, or a link")
        return entry

    def bytes(self, name: str, limit: int = LARGEST_TEXT) -> bytes:
        """Return a file of the archive; raises DamagedFile, also above `limit` bytes."""
        entry = self.entry(name, limit)
        try:
            return self.archive.read(entry)
        except UNREADABLE as error:
            raise DamagedFile(str(error)) from error

    @contextmanager
    def stream(self, name: str, limit: int) -> Iterator[tuple[IO[Any], str]]:
        """Yield a temporary copy of a file, made piece by piece, and its SHA-256.

        Raises DamagedFile.
        """
        entry = self.entry(name, limit)
        digest = hashlib.sha256()
        with tempfile.TemporaryFile() as copy:
            try:
                with self.archive.open(entry) as stored:
                    while data := stored.read(MEGABYTE):
                        digest.update(data)
                        copy.write(data)
            except UNREADABLE as error:
                raise DamagedFile(str(error)) from error
            copy.seek(0)
            yield copy, digest.hexdigest()

    def text(self, name: str) -> str:
        """Return a text in UTF-8 without null characters; raises DamagedFile."""
        content = self.bytes(name)
        try:
            return content.decode("utf-8").replace("\0", "")
        except UnicodeDecodeError as error:
            raise DamagedFile(str(error)) from error

    def json(self, name: str) -> dict[str, Any]:
        """Return a JSON object; raises DamagedFile for anything else."""
        text = self.text(name)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedFile(str(error)) from error
        if not isinstance(found, dict):
            raise DamagedFile(f"{type(found).__name__} instead of an object")
        return found


FORMAT = 1
