"""The rows of the database: a consistent dump while others write, and back into an empty one."""

import gzip
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.apps import apps
from django.db import connection
from django.db.models import FileField
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from wikico2.launcher.services.postgres import client_program
from wikico2.launcher.supervisor import OperatorError

POLL_SECONDS = 0.1
DUMP_OPTIONS = (
    "--format=plain",
    "--compress=gzip:1",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-unlogged-table-data",
)
TIMEOUT_LINE = b"SET transaction_timeout = 0;"
"""A line of every dump that PostgreSQL 16 and older refuse."""
TIMEOUT_SINCE = 170_000
PREAMBLE_LINES = 60
TABLES = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND relpersistence = 'p' ORDER BY 1
"""
FINGERPRINT = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text
FROM public.{} t
"""
Fingerprints = dict[str, tuple[int, str]]
"""The number of rows of each table, and a number that changes with any of them."""


@dataclass
class DatabaseSnapshot:
    """The database as it stood at one moment, for as long as `open_snapshot` holds it."""

    name: str
    cursor: Any

    def fingerprints(self, check: Callable[[], None] = lambda: None) -> Fingerprints:
        """Return what to compare the tables with; those of caches are left out."""
        return read_fingerprints(self.cursor, check)

    def file_names(self) -> set[str]:
        """Return the names of all files that rows name."""
        found: set[str] = set()
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, FileField) and model._meta.managed and field.column:
                    names = [sql.Identifier(field.column), sql.Identifier(model._meta.db_table)]
                    self.cursor.execute(sql.SQL("SELECT DISTINCT {} FROM {}").format(*names))
                    found |= {name for (name,) in self.cursor.fetchall() if name}
        return found


@contextmanager
def open_snapshot() -> Iterator[DatabaseSnapshot]:
    """Hold the database as it stands now; others go on reading and writing."""
    server = connection.get_new_connection(connection.get_connection_params())
    try:
        server.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            yield DatabaseSnapshot(cursor.fetchone()[0], cursor)
    finally:
        server.close()


def read_fingerprints(cursor: Any, check: Callable[[], None] = lambda: None) -> Fingerprints:
    """Return the fingerprint of every table that is not a cache."""
    cursor.execute("SET TIME ZONE 'UTC'; SET extra_float_digits = 1")
    cursor.execute(TABLES)
    found = {}
    for (table,) in cursor.fetchall():
        check()
        cursor.execute(sql.SQL(FINGERPRINT).format(sql.Identifier(table)))
        rows, digest = cursor.fetchone()
        found[table] = (rows, digest)
    return found


def dump_database(snapshot: DatabaseSnapshot, file: Path, check: Callable[[], None]) -> None:
    """Write the rows of a snapshot to `file`. Raises OperatorError; `check` may stop it."""
    command = [_client("pg_dump"), *DUMP_OPTIONS, f"--snapshot={snapshot.name}", f"--file={file}"]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            command, env=_environment(), stdin=subprocess.DEVNULL, stderr=errors
        ) as process,
    ):
        try:
            while process.poll() is None:
                check()
                time.sleep(POLL_SECONDS)
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            raise OperatorError(f"The database could not be dumped.\n{_said(errors)}")


def load_database(dump: IO[bytes]) -> None:
    """Run a dump in one transaction, in an empty database. Raises OperatorError."""
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    command = [_client("psql"), *options, "--output=/dev/null"]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            command, env=_environment(), stdin=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError), process.stdin:  # psql has ended, and says why
                _send(dump, process.stdin)
        except BaseException:
            process.kill()
            raise
        if process.wait():
            raise OperatorError(
                f"The rows could not be loaded; the database is as it was.\n{_said(errors)}"
            )


def is_database_empty() -> bool:
    """Tell whether the database has no tables."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return cursor.fetchone() is None


def server_version() -> int:
    """Return the version of PostgreSQL as it counts itself: 150004 is 15.4."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0])


def _send(dump: IO[bytes], to: IO[bytes]) -> None:
    skips = server_version() < TIMEOUT_SINCE
    with gzip.open(dump, "rb") as lines:
        for _number in range(PREAMBLE_LINES):
            line = lines.readline()
            if not (skips and line.strip() == TIMEOUT_LINE):
                to.write(line)
        shutil.copyfileobj(lines, to, 1 << 20)


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read(4000).decode("utf-8", "replace").strip()


def _client(name: str) -> str:
    return str(client_program(name, server_version() // 10_000))


def _environment() -> dict[str, str]:
    """Return the environment by which PostgreSQL's programs find the database."""
    values = connection.settings_dict
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
    given = {variable: str(values[name]) for name, variable in names.items() if values.get(name)}
    given |= {f"PG{k.upper()}": str(v) for k, v in values["OPTIONS"].items() if k[:3] == "ssl"}
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {"PATH": path, "PGCLIENTENCODING": "UTF8", "PGDATABASE": values["NAME"], **given}
