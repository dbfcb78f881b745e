"""`manage.py import_wiki FILE`: import the zip of a whole wiki."""

import argparse
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from sheets.transfer.importer import import_wiki
from wikico2.errors import UserError
from wikico2.models import User


class Command(BaseCommand):
    """Import a wiki."""

    help = "Import an archive written by export_wiki; existing data is never overwritten."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--user", help="user of the import; default: the first administrator")

    def handle(self, *, file: Path, user: str | None, **options: object) -> None:
        people = (
            User.objects.filter(username=user) if user else User.objects.filter(is_superuser=True)
        )
        person = people.order_by("pk").first()
        if person is None:
            raise CommandError("There is no such account: name one with --user.")
        try:
            with file.open("rb") as archive:
                report = import_wiki(archive, person)
        except (OSError, UserError) as error:
            raise CommandError(error.sentence if isinstance(error, UserError) else error) from error
        for problem in report.problems:
            self.stderr.write(problem)
        self.stdout.write(
            f"{len(report.created)} new, {len(report.extended)} extended, "
            f"{len(report.proposed)} proposed, {len(report.same)} as they were; "
            f"{report.documents} sources, {report.pictures} pictures"
        )
