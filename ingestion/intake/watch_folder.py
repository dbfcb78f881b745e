"""Import the files of a watched folder once they have stopped growing, each version once.

The size and time of a file when it was imported or refused are stored in a `WatchedFile`, in the
transaction that creates its document, so that watching can be stopped and restarted. A file that
has changed since becomes a new version of its source.
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
"""Extensions of files that programs are still writing."""


@dataclass(frozen=True)
class FileSnapshot:
    """A file's size (bytes) and modification time (ns) at one moment."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True)
class WatchOutcome:
    """The outcome for one file: a document, a source import, or an error."""

    path: Path
    document: Document | None = None
    source_import: SourceImport | None = None
    error: UserError | None = None


def files_in(folder: Path) -> Iterator[FileSnapshot]:
    """Yield the files in a folder and its subfolders, by name.

    Hidden files and folders, links, lock files of Office (`~$`) and unfinished downloads are
    skipped, and so is a folder that cannot be read.
    """
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED):
                continue
            path = Path(directory, name)
            try:
                state = path.lstat()
            except OSError:
                continue  # deleted meanwhile
            if stat.S_ISREG(state.st_mode):
                yield FileSnapshot(path, state.st_size, state.st_mtime_ns)


def import_local_file(path: Path, user: Any = None, **options: Any) -> Document | SourceImport:
    """Import one file, with the options of `receive_upload`; raises UserError and OSError."""
    with path.open("rb") as stream:
        return receive_upload(File(stream, name=path.name), user, **options)


@dataclass
class FolderWatcher:
    """A folder that is scanned again and again."""

    folder: Path
    user: Any = None
    access: str = Document.Access.OPEN
    _previous: dict[Path, FileSnapshot] = field(default_factory=dict)
    # files that could not be opened: reported once
    _unreadable: set[FileSnapshot] = field(default_factory=set)

    def scan(self) -> Iterator[WatchOutcome]:
        """Import the files that are new or changed, once two scans in a row find them the same."""
        now = {file.path: file for file in files_in(self.folder)}
        stable = [file for path, file in now.items() if self._previous.get(path) == file]
        stable = [file for file in stable if file not in self._unreadable]
        self._previous = now
        known = self._known(stable)
        for file in stable:
            before = known.get(stored_path(file.path))
            if before is None or (before.size, before.modified_ns) != (file.size, file.modified_ns):
                yield self._import(file, before)

    def _known(self, files: list[FileSnapshot]) -> dict[str, WatchedFile]:
        rows = WatchedFile.objects.filter(path__in=[stored_path(file.path) for file in files])
        return {row.path: row for row in rows.select_related("document")}

    def _import(self, file: FileSnapshot, before: WatchedFile | None) -> WatchOutcome:
        def save_state(document: Document | None, error_code: str = "") -> None:
            values = {"size": file.size, "modified_ns": file.modified_ns, "error_code": error_code}
            WatchedFile.objects.update_or_create(
                path=stored_path(file.path), defaults={**values, "document": document}
            )

        replaced = before.document if before else None
        try:
            imported = import_local_file(
                file.path, self.user, access=self.access, supersedes=replaced, on_created=save_state
            )
        except OSError as error:
            return WatchOutcome(
                file.path, error=UserError("file_unreadable", reason=str(error.strerror))
            )
        except UserError as error:
            # A duplicate: only touched, or uploaded otherwise. The row names that source.
            known = find_duplicate(error.details)
            save_state(known or replaced, "" if known else error.code)
            return WatchOutcome(file.path, document=known, error=None if known else error)
        if isinstance(imported, SourceImport):
            return WatchOutcome(file.path, source_import=imported)
        return WatchOutcome(file.path, document=imported)


def stored_path(path: Path) -> str:
    """Return a path as text for the database; bytes that are not UTF-8 are escaped."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
