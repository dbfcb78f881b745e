"""Read the archive of a wiki: an untrusted zip of plain files."""

import json
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO, Any

from wikico2.errors import UserError
from wikico2.sizes import MEGABYTE

LARGEST_TEXT = 8 * MEGABYTE
LARGEST_ARCHIVE = 20_000 * MEGABYTE
MOST_FILES = 500_000
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError,
)  # fmt: skip
"""Errors of zipfile; RuntimeError for a password, and NotImplementedError is one too."""


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

    def bytes(self, name: str, limit: int = LARGEST_TEXT) -> bytes:
        """Return a file of the archive; raises DamagedFile, also above `limit` bytes."""
        if self.archive.getinfo(name).file_size > limit:
            raise DamagedFile(f"> {limit // MEGABYTE} MB")
        try:
            return self.archive.read(name)
        except UNREADABLE as error:
            raise DamagedFile(str(error)) from error

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
