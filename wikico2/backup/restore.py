"""Put a backup back into an empty place, and see that all of it is there."""

from collections.abc import Iterator
from contextlib import closing

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from wikico2.backup.database import is_database_empty, load_database, read_fingerprints
from wikico2.backup.manifest import Manifest, problems_of
from wikico2.backup.site_files import restore_files, stored_names
from wikico2.backup.stores import BackupStore
from wikico2.launcher.supervisor import OperatorError


def restore_backup(store: BackupStore, manifest: Manifest) -> None:
    """Restore rows and files. Raises OperatorError; nothing is written into a place in use."""
    refuse_unknown_version(manifest)
    if not is_database_empty():
        raise OperatorError(
            "The database has tables already. Restore into an empty one; nothing was changed."
        )
    if next(stored_names(), None) is not None:
        raise OperatorError(
            "The storage has files already. Restore into an empty one; nothing was changed."
        )
    refuse_damaged(store, manifest)
    restore_files(store, manifest)
    with store.open(manifest.dump_name) as dump:
        load_database(dump)
    if wrong := list(differing_tables(manifest)):
        raise OperatorError(f"These tables differ from the backup: {', '.join(wrong)}.")


def refuse_damaged(store: BackupStore, manifest: Manifest) -> None:
    """Raise OperatorError that lists what is missing or damaged in a backup."""
    if found := list(problems_of(store, manifest)):
        raise OperatorError("\n".join(["This backup cannot be used:", *found]))


def refuse_unknown_version(manifest: Manifest) -> None:
    """Raise OperatorError when the backup comes from a newer version of the program."""
    on_disk = MigrationLoader(None).disk_migrations
    replaced = (name for migration in on_disk.values() for name in migration.replaces)
    known = {f"{app}.{name}" for app, name in (*on_disk, *replaced)}
    if unknown := sorted(set(manifest.migrations) - known):
        raise OperatorError(
            f"This backup was made by WikiCO2 {manifest.version}, which is newer: it has "
            f"{unknown[-1]}. Install that version and restore again; nothing was changed."
        )


def differing_tables(manifest: Manifest) -> Iterator[str]:
    """Yield the tables whose rows are not those of the backup."""
    params = connection.get_connection_params()
    with closing(connection.get_new_connection(params)) as server, server.cursor() as cursor:
        found = read_fingerprints(cursor)
    for table in sorted(found.keys() | manifest.tables.keys()):
        if found.get(table) != manifest.tables.get(table):
            yield table
