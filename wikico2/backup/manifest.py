"""What belongs to a backup, with checksums."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from wikico2.backup.database import Fingerprints
from wikico2.backup.stores import BackupStore
from wikico2.launcher.supervisor import OperatorError
from wikico2.sizes import MEGABYTE

FORMAT = 1
BACKUPS = "backups/"
FILES = "files/"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"


@dataclass(frozen=True)
class StoredFile:
    """A file of the site: its size in bytes, its hash, and when it last changed."""

    size: int
    sha256: str
    changed: float = 0.0

    @property
    def name(self) -> str:
        """Return its name in the store of backups."""
        return f"{FILES}{self.sha256[:2]}/{self.sha256}"


@dataclass
class Manifest:
    """One backup. `migrations` are those that its database has seen, as `app.name`."""

    made_at: str
    version: str
    server: int
    dump: StoredFile
    tables: Fingerprints
    migrations: list[str]
    files: dict[str, StoredFile]
    settings: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT

    @property
    def dump_name(self) -> str:
        return f"{BACKUPS}{self.made_at}/database.sql.gz"

    def write(self, store: BackupStore) -> None:
        """Complete the backup: until this it does not count as one."""
        content = json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()
        folder = f"{BACKUPS}{self.made_at}/"
        store.put(folder + MANIFEST, io.BytesIO(content))
        store.put(folder + SEAL, io.BytesIO(hashlib.sha256(content).hexdigest().encode()))


def read_manifest(store: BackupStore, made_at: str) -> Manifest:
    """Return a complete backup. Raises OperatorError when it is damaged or of another format."""
    folder = f"{BACKUPS}{made_at}/"
    try:
        with store.open(folder + MANIFEST) as file:
            content = file.read()
        with store.open(folder + SEAL) as file:
            seal = file.read().decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise OperatorError(f"There is no complete backup {made_at} here.") from None
    if hashlib.sha256(content).hexdigest() != seal:
        raise OperatorError(f"The list of the backup {made_at} is damaged.")
    values: dict[str, Any] = json.loads(content)
    if values["format"] != FORMAT:
        raise OperatorError(f"The backup {made_at} was made by another version of WikiCO2.")
    values["dump"] = StoredFile(**values["dump"])
    values["files"] = {name: StoredFile(**file) for name, file in values["files"].items()}
    values["tables"] = {name: (rows, digest) for name, (rows, digest) in values["tables"].items()}
    return Manifest(**values)


def complete_backups(store: BackupStore) -> list[str]:
    """Return the times of all complete backups, the oldest first."""
    names = [name.split("/") for name, _size in store.sizes(BACKUPS)]
    return sorted({parts[1] for parts in names if parts[2:] == [SEAL]})


def chosen_backup(store: BackupStore, made_at: str = "") -> Manifest:
    """Return the backup of that time, or the latest. Raises OperatorError when there is none."""
    found = complete_backups(store)
    if not found:
        raise OperatorError("There is no complete backup here.")
    return read_manifest(store, made_at or found[-1])


def digest_of(content: IO[bytes]) -> StoredFile:
    """Return the size and hash of what is left to read."""
    size, digest = 0, hashlib.sha256()
    for block in blocks_of(content):
        size += len(block)
        digest.update(block)
    return StoredFile(size, digest.hexdigest())


def blocks_of(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(MEGABYTE):
        yield block


def problems_of(store: BackupStore, manifest: Manifest) -> Iterator[str]:
    """Read everything that belongs to a backup, and yield what is missing or damaged."""
    wanted = {file.name: (file, name) for name, file in manifest.files.items()}
    wanted[manifest.dump_name] = manifest.dump, "the rows of the database"
    for place, (file, name) in wanted.items():
        found = None
        with suppress(FileNotFoundError), store.open(place) as content:
            found = digest_of(content)
        if found is None:
            yield f"missing: {name} ({place})"
        elif (found.size, found.sha256) != (file.size, file.sha256):
            yield f"damaged: {name} ({place})"
