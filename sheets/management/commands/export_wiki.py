"""`manage.py export_wiki FILE`: export the whole wiki as a zip of plain files."""

import argparse
from pathlib import Path

from django.core.management.base import BaseCommand

from sheets.transfer.exporter import export_wiki


class Command(BaseCommand):
    """Export the wiki."""

    help = "Write all sheets with their versions, the pictures and the sources into a zip."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--without-sources", action="store_true", help="leave their files out")

    def handle(self, *, file: Path, without_sources: bool, **options: object) -> None:
        with file.open("wb") as output:
            lost = export_wiki(output, sources=not without_sources)
        for name in lost:
            self.stderr.write(f"Missing in the storage: {name}")
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes")
