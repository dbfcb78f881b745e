"""The files of the site, in whatever storage it has."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO, cast

from django.core.files import File
from django.core.files.storage import default_storage

from wikico2.backup.manifest import FILES, Manifest, StoredFile, digest_of
from wikico2.backup.stores import BackupStore
from wikico2.launcher.supervisor import OperatorError


def stored_names(folder: str = "") -> Iterator[str]:
    """Yield the names of all files in the site's storage."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}{name}" for name in sorted(files) if name)
    for name in sorted(folders):
        yield from stored_names(f"{folder}{name}/")


class FileCollector:
    """Copies the site's files into a store; those that it holds already are not sent again."""

    def __init__(self, store: BackupStore, before: dict[str, StoredFile]) -> None:
        self.store = store
        self.files: dict[str, StoredFile] = {}
        self.copied = 0
        self._before = before
        self._held = {name for name, _size in store.sizes(FILES)}

    def collect(self, check: Callable[[], None]) -> None:
        """Copy the files that are there now; one that is deleted meanwhile is left out."""
        for name in stored_names():
            check()
            with suppress(FileNotFoundError):
                self._collect_file(name)

    def _collect_file(self, name: str) -> None:
        size = default_storage.size(name)
        changed = default_storage.get_modified_time(name).timestamp()
        known = self.files.get(name) or self._before.get(name)
        if known and (known.size, known.changed) == (size, changed) and known.name in self._held:
            self.files[name] = known
            return
        with default_storage.open(name, "rb") as content:
            found = replace(digest_of(cast(IO[bytes], content)), changed=changed)
            if found.name not in self._held:
                content.seek(0)
                self.store.put(found.name, cast(IO[bytes], content))
                self._held.add(found.name)
                self.copied += 1
        self.files[name] = found


def restore_files(store: BackupStore, manifest: Manifest) -> None:
    """Put the files of a backup back under their names. Raises OperatorError."""
    for name, file in manifest.files.items():
        with store.open(file.name) as content:
            saved = default_storage.save(name, File(content))
        if saved != name:
            raise OperatorError(f"The storage of the site already has a file {name}.")
