"""`manage.py export SLUG --format md|json`: print a sheet."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sheets.models import Sheet
from sheets.transfer.formats import to_json, to_markdown


class Command(BaseCommand):
    help = "Print a sheet as Markdown, or as JSON with each statement's citations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="last part of the sheet's address")
        parser.add_argument("--format", choices=("md", "json"), default="md")

    def handle(self, *args: Any, **options: Any) -> None:
        sheet = (
            Sheet.objects.select_related("sheet_type", "current")
            .filter(slug=options["slug"])
            .first()
        )
        if sheet is None:
            raise CommandError(f"There is no sheet “{options['slug']}”.")
        if options["format"] == "json":
            self.stdout.write(json.dumps(to_json(sheet), ensure_ascii=False, indent=2))
        else:
            self.stdout.write(to_markdown(sheet))
