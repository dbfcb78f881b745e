"""`manage.py load_demo`: ingest the demonstration documents and queue their sheets."""

import json
import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand
from django.db import transaction

from ingestion.models import Document
from ingestion.pipeline.run import accept_upload
from sheets.generation.request import request_sheet
from sheets.models import Sheet, SheetType
from wikico2.errors import UserError

DEMO = settings.BASE_DIR / "demo"


class Command(BaseCommand):
    help = "Load the demonstration documents into an empty wiki, and queue their sheets."

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)
        if Document.objects.exists() or Sheet.objects.exists():
            self.stdout.write("The wiki is not empty: the demonstration is left out.")
            return
        with transaction.atomic():  # all or nothing, if the start is interrupted
            for entry in json.loads((DEMO / "demo.json").read_text(encoding="utf-8")):
                document = add_demo_file(DEMO / entry["file"], entry["title"])
                sheet_type = SheetType.objects.get(key=entry["sheet_type"])
                request_sheet(sheet_type, entry["sheet_title"], [document], None)
                self.stdout.write(f"Queued: {entry['sheet_title']}")
        self.stdout.write("They will be written in about 3 minutes (environ 3 minutes).")


def add_demo_file(path: Path, title: str) -> Document:
    """Ingest one demonstration file, or return the existing document."""
    try:
        with path.open("rb") as stream:
            return accept_upload(File(stream, name=path.name), None, title=title)
    except UserError as error:
        if error.code == "duplicate":
            return Document.objects.get(pk=error.details["document"])
        raise
