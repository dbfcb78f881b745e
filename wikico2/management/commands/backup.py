"""`manage.py backup DEST`: rows, files and settings of the running site, consistent."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from wikico2.backup.make import make_backup
from wikico2.backup.secrets import write_keys
from wikico2.backup.stores import open_store
from wikico2.launcher.own_database import needs_own_database, run_with_own_database
from wikico2.launcher.supervisor import OperatorError


class Command(BaseCommand):
    help = (
        "Add a backup of this site to a folder or to s3://bucket/prefix, while it runs. Files that "
        "are there already are not copied again."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", nargs="?", default=settings.BACKUP_TO, metavar="DEST")
        parser.add_argument(
            "--keep-days",
            type=int,
            default=settings.BACKUP_DAYS,
            help="drop older backups; 0 keeps all (default: BACKUP_DAYS)",
        )
        parser.add_argument(
            "--keys", type=Path, help="also write the secret settings to this file, apart"
        )

    def handle(self, *, to: str, keep_days: int, keys: Path | None, **options: Any) -> None:
        if not to:
            raise CommandError("Say where to: manage.py backup /backups, or set BACKUP_TO.")
        try:
            if needs_own_database(settings.VAR_DIR):
                sys.exit(run_with_own_database(settings.VAR_DIR, sys.argv[1:]))
            report = make_backup(open_store(to), days=keep_days)
            if keys:
                write_keys(keys)
        except (OperatorError, OSError) as error:
            raise CommandError(f"No backup was made. {error}") from error
        made = report.manifest
        rows = sum(rows for rows, _digest in made.tables.values())
        self.stdout.write(
            f"{made.made_at}: {rows:,} rows, {len(made.files):,} files ({report.copied:,} new) "
            f"in {to}"
        )
        for name in made.missing:
            self.stderr.write(f"Missing in the storage: {name}")
        for made_at in report.dropped:
            self.stdout.write(f"dropped: {made_at}")
