"""Watch: the files of a folder, taken in once they have stopped growing, each version once.

What a file was like when it was taken in, or refused, is a row, written in the transaction in which
its document appears: whenever the watching is stopped and begun again, it goes on from there. A
file that has changed since becomes a new version of the source that it was.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.files import File

from ingestion.intake.imports import receive_upload
from ingestion.intake.upload import find_duplicate
from ingestion.models import Document, SourceImport, WatchedFile
from wikico2.errors import UserError

UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".download", ".filepart")
"""How files are called while programs still write them."""


@dataclass(frozen=True)
class FileSnapshot:
    """A file as it is at one moment."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True)
class WatchOutcome:
    """What became of a file: a document, a source import, or the sentence why neither."""

    path: Path
    document: Document | None = None
    source_import: SourceImport | None = None
    error: UserError | None = None


def files_in(folder: Path) -> Iterator[FileSnapshot]:
    """Yield the documents in a folder and those below it, by name.

    Left out are hidden files and folders, links, what Office keeps open (`~$`), and what is still
    being downloaded. A folder that cannot be read is passed over.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED):
                continue
            path = Path(place, name)
            try:
                state = path.lstat()
            except OSError:
                continue  # it has gone meanwhile
            if stat.S_ISREG(state.st_mode):
                yield FileSnapshot(path, state.st_size, state.st_mtime_ns)


def take_file(path: Path, user: Any = None, **kept: Any) -> Document | SourceImport:
    """Take one file in; raises UserError and OSError."""
    with path.open("rb") as stream:
        return receive_upload(File(stream, name=path.name), user, **kept)


@dataclass
class FolderWatcher:
    """A folder that is looked at again and again."""

    folder: Path
    user: Any = None
    access: str = Document.Access.OPEN
    _last: dict[Path, FileSnapshot] = field(default_factory=dict)
    _closed: set[FileSnapshot] = field(
        default_factory=set
    )  # files that could not be opened: said once

    def look(self) -> Iterator[WatchOutcome]:
        """Take in the files that are new or have changed, and are as they were at the last look."""
        now = {seen.path: seen for seen in files_in(self.folder)}
        still = [seen for path, seen in now.items() if self._last.get(path) == seen]
        still = [seen for seen in still if seen not in self._closed]
        self._last = now
        known = self._known(still)
        for seen in still:
            before = known.get(stored_path(seen.path))
            if before is None or (before.size, before.modified_ns) != (seen.size, seen.modified_ns):
                yield self._take(seen, before)

    def _known(self, files: list[FileSnapshot]) -> dict[str, WatchedFile]:
        rows = WatchedFile.objects.filter(path__in=[stored_path(seen.path) for seen in files])
        return {row.path: row for row in rows.select_related("document")}

    def _take(self, seen: FileSnapshot, before: WatchedFile | None) -> WatchOutcome:
        def note(document: Document | None, error_code: str = "") -> None:
            values = {"size": seen.size, "modified_ns": seen.modified_ns, "error_code": error_code}
            WatchedFile.objects.update_or_create(
                path=stored_path(seen.path), defaults={**values, "document": document}
            )

        replaced = before.document if before else None
        try:
            taken = take_file(
                seen.path, self.user, access=self.access, supersedes=replaced, noted=note
            )
        except OSError as error:
            return WatchOutcome(
                seen.path, error=UserError("file_unreadable", reason=str(error.strerror))
            )
        except UserError as error:
            # Only touched, or there by another way: it stands for the source that has its content.
            known = find_duplicate(error.details)
            note(known or replaced, "" if known else error.code)
            return WatchOutcome(seen.path, document=known, error=None if known else error)
        if isinstance(taken, SourceImport):
            return WatchOutcome(seen.path, source_import=taken)
        return WatchOutcome(seen.path, document=taken)


def stored_path(path: Path) -> str:
    """Return a path as a row keeps it, whatever bytes it is made of."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
