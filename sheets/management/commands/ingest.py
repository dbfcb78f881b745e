"""`manage.py ingest FILE|DIR… [--sheet TYPE --title TITLE] [--wait]`: ingest files."""

import logging
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from ingestion.intake.upload import find_duplicate
from ingestion.intake.watch_folder import files_in, import_local_file
from ingestion.models import Document, SourceImport
from ingestion.pipeline.wait_until_read import wait_until_read
from sheets.generation.request import request_sheet
from sheets.generation.wait_until_written import wait_until_written
from sheets.models import SheetType
from wikico2.errors import UserError
from wikico2.jobs.runner import run_out_of_turn

POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Ingest files, ZIP archives and folders and, with --sheet, generate a sheet from them. "
        "Existing sources are not ingested again."
    )

    access: str = Document.Access.OPEN
    refused = 0

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE_OR_DIR", type=Path)
        parser.add_argument(
            "--internal", action="store_true", help="only signed-in users may read them"
        )
        parser.add_argument("--sheet", metavar="TYPE", help="key of a sheet type, say solution")
        parser.add_argument("--title", help="title of the sheet")
        parser.add_argument("--wait", action="store_true", help="return when all is done")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)
        sheet_type = self.sheet_type(options["sheet"], options["title"])
        self.access = Document.Access.INTERNAL if options["internal"] else Document.Access.OPEN
        files = [path for given in options["files"] for path in self.files(given)]
        documents = [d for path in files for d in self.take(path)]
        if not documents:
            raise CommandError("No file could be ingested.")
        try:
            if options["wait"]:
                documents = self.readable(self.read(documents))
            if sheet_type:
                sheet = request_sheet(sheet_type, options["title"], documents, None)
                if options["wait"]:
                    wait_until_written(sheet, self.say_sections)
                self.stdout.write(settings.SITE_URL + sheet.get_absolute_url())
        except UserError as error:
            raise CommandError(error.sentence) from error
        if self.refused:
            raise CommandError("Some files could not be ingested: see above.")

    def files(self, given: Path) -> list[Path]:
        """Return the file given, or all documents of a folder."""
        return [seen.path for seen in files_in(given)] if given.is_dir() else [given]

    def sheet_type(self, key: str | None, title: str | None) -> SheetType | None:
        """Return the requested sheet type; raises CommandError before any file is ingested."""
        if key is None:
            return None
        if not title or not title.strip():
            raise CommandError("--sheet needs --title.")
        try:
            return SheetType.objects.get(key=key)
        except SheetType.DoesNotExist:
            known = ", ".join(SheetType.objects.values_list("key", flat=True))
            raise CommandError(f"There is no sheet type “{key}”: choose among {known}.") from None

    def take(self, path: Path) -> list[Document]:
        """Ingest one file or archive; return its documents, including existing duplicates.

        Other errors are printed.
        """
        try:
            accepted = import_local_file(path, access=self.access)
            documents = (
                self.import_archive(accepted) if isinstance(accepted, SourceImport) else [accepted]
            )
        except OSError as error:
            self.refuse(path, str(error.strerror))
            return []
        except UserError as error:
            known = find_duplicate(error.details)
            if known is None:
                self.refuse(path, error.sentence)
                return []
            self.stderr.write(f"{path}: {error.sentence}")
            documents = [known]
        for document in documents:
            self.stdout.write(f"{path}: {settings.SITE_URL}{document.get_absolute_url()}")
        return documents

    def import_archive(self, source_import: SourceImport) -> list[Document]:
        """Import an archive synchronously; return its documents, and print what was refused."""
        while source_import.is_working:
            if source_import.job is None or not run_out_of_turn(source_import.job):
                time.sleep(POLL_SECONDS)  # a worker has it, or it was put off
            source_import.refresh_from_db()
        found = []
        for item in source_import.files.select_related("document"):
            if known := item.document or find_duplicate(item.error_details):
                found.append(known)
            else:
                self.refuse(f"{source_import}: {item}", item.error)
        if source_import.error:
            self.refuse(source_import, source_import.error)
        return found

    def refuse(self, what: object, sentence: str) -> None:
        self.refused += 1
        self.stderr.write(f"{what}: {sentence}")

    def read(self, documents: list[Document]) -> list[Document]:
        return wait_until_read(documents, self.say_document, self.say_pause)

    def say_pause(self) -> None:
        tasks = settings.SITE_URL + reverse("tasks")
        self.say(f"All work is paused: resume it on {tasks}")

    def say_document(self, document: Document) -> None:
        self.say(f"{document.filename}: {document.get_state_display()} {document.percent} %")

    def say_sections(self, done: int, total: int) -> None:
        self.say(f"{done}/{total} sections")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def readable(self, documents: list[Document]) -> list[Document]:
        """Print the documents that could not be ingested; return the ready ones."""
        for document in documents:
            if not document.is_ready:
                self.stderr.write(f"{document.filename}: {document.error or document.state}")
        ready = [d for d in documents if d.is_ready]
        if not ready:
            raise CommandError("No document could be read.")
        return ready
