"""Make a backup of the running site, and drop those that are too old."""

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from wikico2.backup.database import dump_database, open_snapshot, server_version
from wikico2.backup.manifest import (
    BACKUPS,
    FILES,
    Manifest,
    complete_backups,
    digest_of,
    read_manifest,
)
from wikico2.backup.secrets import plain_settings
from wikico2.backup.site_files import FileCollector
from wikico2.backup.stores import BackupStore
from wikico2.launcher.supervisor import OperatorError

TIME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
LOCK = 0x4241434B
"""Number of the advisory lock; any constant."""


@dataclass(frozen=True)
class BackupReport:
    """What was made: the backup, files sent to the store, and the times of those dropped."""

    manifest: Manifest
    copied: int
    dropped: list[str]


def make_backup(
    store: BackupStore, *, days: int = 0, check: Callable[[], None] = lambda: None
) -> BackupReport:
    """Add a backup of the site as it stands, and drop those older than `days`; 0 keeps all.

    Files that are copied before the rows are read are never older than what a row says of them:
    no file changes under its name. Those that were stored meanwhile are copied afterwards. Raises
    OperatorError; `check` is called often, and may raise to stop.
    """
    with _one_at_a_time():
        kept = complete_backups(store)
        files = FileCollector(store, read_manifest(store, kept[-1]).files if kept else {})
        files.collect(check)
        made_at = timezone.now().astimezone(dt.UTC).strftime(TIME_FORMAT)
        work = settings.VAR_DIR / "tmp"
        work.mkdir(parents=True, exist_ok=True)
        with open_snapshot() as snapshot, tempfile.TemporaryDirectory(dir=work) as folder:
            dump = Path(folder) / "database.sql.gz"
            named = snapshot.file_names()
            dump_database(snapshot, dump, check)
            files.collect(check)
            with dump.open("rb") as content:
                stored = digest_of(content)
                manifest = Manifest(
                    made_at=made_at,
                    version=program_version(),
                    server=server_version(),
                    dump=stored,
                    tables=snapshot.fingerprints(check),
                    migrations=applied_migrations(),
                    files=files.files,
                    settings=plain_settings(),
                    missing=sorted(named - files.files.keys()),
                )
                content.seek(0)
                store.put(manifest.dump_name, content)
        manifest.write(store)
        return BackupReport(manifest, files.copied, _drop_old(store, days))


def program_version() -> str:
    """Return the version of this program."""
    try:
        return version("wikico2")
    except PackageNotFoundError:  # run from its folder, as usual
        line = next(
            line
            for line in (settings.BASE_DIR / "pyproject.toml").read_text("utf-8").splitlines()
            if line.startswith("version = ")
        )
        return line.split('"')[1]


def applied_migrations() -> list[str]:
    """Return the migrations that the database has seen, as `app.name`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def _drop_old(store: BackupStore, days: int) -> list[str]:
    """Drop complete backups older than `days`, then files that no backup names any more.

    Nothing is dropped while the list of any backup cannot be read.
    """
    kept = complete_backups(store)
    now = dt.datetime.now(dt.UTC)
    age = dt.timedelta(days=days)
    old = [made_at for made_at in kept[:-1] if days and now - _time_of(made_at) > age]
    manifests = [read_manifest(store, made_at) for made_at in kept if made_at not in old]
    used = {file.name for manifest in manifests for file in manifest.files.values()}
    current = {f"{BACKUPS}{manifest.made_at}" for manifest in manifests}
    for name, _size in list(store.sizes(BACKUPS)):
        if name.rpartition("/")[0] not in current:  # old, or never completed
            store.delete(name)
    for name, _size in list(store.sizes(FILES)):
        if name not in used:
            store.delete(name)
    return old


def _time_of(made_at: str) -> dt.datetime:
    try:
        return dt.datetime.strptime(made_at, TIME_FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:  # not ours: never too old
        return dt.datetime.now(dt.UTC)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock of the database while a backup is made. Raises OperatorError if another is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise OperatorError("Another backup of this site is being made.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
