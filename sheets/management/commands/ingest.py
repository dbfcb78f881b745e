"""`manage.py ingest FILE… [--sheet TYPE --title TITLE] [--wait]`: the main job by command."""

import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.ingest import accept
from ingestion.models import Document
from ingestion.wait import wait_until_read
from sheets.generate import request_sheet
from sheets.models import SheetType
from sheets.wait import wait_until_written
from wikico2.errors import WorkError


class Command(BaseCommand):
    help = "Take in PDF files, and have a sheet written from them if asked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        parser.add_argument("--sheet", metavar="TYPE", help="key of a sheet type, say solution")
        parser.add_argument("--title", help="title of the sheet")
        parser.add_argument("--wait", action="store_true", help="return when all is done")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)
        sheet_type = self.sheet_type(options["sheet"], options["title"])
        documents = [d for path in options["files"] if (d := self.take(path))]
        if not documents:
            raise CommandError("No file could be taken in.")
        try:
            if options["wait"]:
                documents = self.readable(wait_until_read(documents, self.say_document))
            if sheet_type:
                sheet = request_sheet(sheet_type, options["title"], documents, None)
                if options["wait"]:
                    wait_until_written(sheet, self.say_sections)
                self.stdout.write(settings.SITE_URL + sheet.get_absolute_url())
        except WorkError as error:
            raise CommandError(error.sentence) from error
        if len(documents) < len(options["files"]):
            raise CommandError("Some files could not be taken in or read: see above.")

    def sheet_type(self, key: str | None, title: str | None) -> SheetType | None:
        """Return the type asked for; what is wrong is said before any file is taken in."""
        if key is None:
            return None
        if not title or not title.strip():
            raise CommandError("--sheet needs --title.")
        try:
            return SheetType.objects.get(key=key)
        except SheetType.DoesNotExist:
            known = ", ".join(SheetType.objects.values_list("key", flat=True))
            raise CommandError(f"There is no sheet type “{key}”: choose among {known}.") from None

    def take(self, path: Path) -> Document | None:
        """Take one file in; a file that is already there counts, any other trouble is said."""
        try:
            with path.open("rb") as stream:
                document = accept(File(stream, name=path.name), None)
        except OSError as error:
            self.stderr.write(f"{path}: {error.strerror}")
            return None
        except WorkError as error:
            self.stderr.write(f"{path}: {error.sentence}")
            if error.code != "duplicate":
                return None
            known = Document.objects.filter(pk=error.details["document"]).first()
            if known:
                self.stdout.write(f"{path}: {settings.SITE_URL}{known.get_absolute_url()}")
            return known
        self.stdout.write(f"{path}: {settings.SITE_URL}{document.get_absolute_url()}")
        return document

    def say_document(self, document: Document) -> None:
        self.say(f"{document.filename}: {document.get_state_display()} {document.percent} %")

    def say_sections(self, done: int, total: int) -> None:
        self.say(f"{done}/{total} sections")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def readable(self, documents: list[Document]) -> list[Document]:
        """Say which documents could not be read; return those that could."""
        for document in documents:
            if not document.is_ready:
                self.stderr.write(f"{document.filename}: {document.error or document.state}")
        ready = [d for d in documents if d.is_ready]
        if not ready:
            raise CommandError("No document could be read.")
        return ready
