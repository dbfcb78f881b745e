"""`manage.py restore SRC`: a backup into an empty place."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from wikico2.backup.manifest import chosen_backup
from wikico2.backup.restore import refuse_damaged, restore_backup
from wikico2.backup.secrets import restore_secret_key
from wikico2.backup.stores import open_store
from wikico2.launcher.own_database import needs_own_database, run_with_own_database
from wikico2.launcher.supervisor import OperatorError


class Command(BaseCommand):
    help = (
        "Restore the latest backup of a folder or s3://bucket/prefix into an empty database and an "
        "empty storage. The index is built again by the next start, without computing a vector."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SRC")
        parser.add_argument("--at", default="", help="the time of the backup; default: the latest")
        parser.add_argument(
            "--verify", action="store_true", help="only read all of the backup and compare it"
        )
        parser.add_argument(
            "--keys", type=Path, help="the file with the secret settings, as backup wrote it"
        )

    def handle(
        self, *, source: str, at: str, verify: bool, keys: Path | None, **options: Any
    ) -> None:
        try:
            store = open_store(source)
            manifest = chosen_backup(store, at)
            if verify:
                refuse_damaged(store, manifest)
                self.stdout.write(
                    f"{manifest.made_at}: complete, {len(manifest.files):,} files, WikiCO2 "
                    f"{manifest.version}"
                )
                return
            if needs_own_database(settings.VAR_DIR):
                sys.exit(run_with_own_database(settings.VAR_DIR, sys.argv[1:]))
            restore_backup(store, manifest)
            others = restore_secret_key(keys) if keys else []
        except (OperatorError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{manifest.made_at}: restored. Start WikiCO2: it migrates, and builds the index again."
        )
        if others:
            self.stdout.write(f"Put these from {keys} into .env: {', '.join(others)}")
