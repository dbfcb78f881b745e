"""Migrate the database, create the first account, collect the static files."""

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from wikico2.launcher.run import ADMINISTRATOR, password_file
from wikico2.launcher.supervisor import RUN_VARIABLE, open_private

# Number of the advisory lock; any constant.
LOCK = 0x57494B49
DATABASE_SECONDS = 60.0
# Letters and digits that are not easily confused.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Command(BaseCommand):
    help = (
        "Migrate, create the first administrator, collect static files. Safe to run any number of "
        "times, and by several machines at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.wait_for_database(DATABASE_SECONDS)
        with one_at_a_time():
            call_command("migrate", interactive=False, verbosity=options["verbosity"])
            password = create_administrator(password_file(settings.VAR_DIR))
            if not settings.DEBUG:
                collect_static_if_changed(Path(settings.STATIC_ROOT))
        if password and RUN_VARIABLE not in os.environ:  # `up` shows it; its log must not
            self.stdout.write(f"administrator: {ADMINISTRATOR}  password: {password}")

    def wait_for_database(self, seconds: float) -> None:
        """Wait for a database that is still starting; raises CommandError after `seconds`."""
        end = time.monotonic() + seconds
        warned = False
        while True:
            try:
                connection.ensure_connection()
            except OperationalError as error:
                if time.monotonic() > end:
                    raise CommandError(f"The database does not answer: {error}") from error
                if not warned:
                    self.stderr.write(f"WARNING: waiting for the database: {error}")
                    warned = True
                time.sleep(0.5)
            else:
                return


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold a database lock, so that only one machine prepares the database at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def create_administrator(file: Path) -> str | None:
    """Create the first account and return its password; None when there are accounts already.

    The password is written to `file` before the account exists: a crash between the two leaves no
    account whose password nobody knows.
    """
    people = get_user_model()._default_manager
    if people.exists():
        return None
    password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open_private(file, "w") as out:
        out.write(f"{password}\n")
    people.create_superuser(username=ADMINISTRATOR, email="", password=password)
    return password


def collect_static_if_changed(root: Path) -> None:
    """Collect the static files if they changed since the last time."""
    stamp = root.with_name(f"{root.name}.stamp")
    state = static_state()
    if root.exists() and stamp.exists() and stamp.read_text() == state:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=root.exists(), verbosity=0)
    stamp.write_text(state)


def static_state() -> str:
    """Return a hash over names, sizes and times of all static files, and how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
