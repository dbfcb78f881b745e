"""Read the archive of a wiki: an untrusted zip of plain files."""

import json
import zipfile
from pathlib import PurePosixPath
from typing import IO, Any

from wikico2.errors import UserError
from wikico2.sizes import MEGABYTE

LARGEST_TEXT = 8 * MEGABYTE
LARGEST_ARCHIVE = 20_000 * MEGABYTE
MOST_FILES = 500_000


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive; raises UserError not_an_archive."""
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError) as error:
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
        if size > LARGEST_ARCHIVE or self.json("wikico2.json").get("format") != FORMAT:
            raise UserError("not_an_archive")

    def bytes(self, name: str, limit: int = LARGEST_TEXT) -> bytes:
        """Return a file of the archive; raises ValueError if damaged or above `limit` bytes."""
        if self.archive.getinfo(name).file_size > limit:
            raise ValueError(f"> {limit // MEGABYTE} MB")
        try:
            return self.archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise ValueError(str(error)) from error

    def text(self, name: str) -> str:
        return self.bytes(name).decode("utf-8").replace("\0", "")

    def json(self, name: str) -> dict[str, Any]:
        found = json.loads(self.text(name))
        if not isinstance(found, dict):
            raise TypeError("{}")
        return found


FORMAT = 1
