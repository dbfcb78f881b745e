"""Build the index anew from what PostgreSQL holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.models import Document
from ingestion.vector_index import collections as index
from ingestion.vector_index import consistency as audit
from ingestion.vector_index import rebuild as build
from ingestion.vector_index.embedders.registry import embedder_called
from ingestion.vector_index.registry import holdings
from wikico2.errors import WorkError


class Command(BaseCommand):
    help = (
        "Drop the collections that search uses and fill them again. Vectors come from the cache; "
        "only those that it lacks are computed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.rebuild()
        except WorkError as error:
            raise CommandError(error.sentence) from error

    def rebuild(self) -> None:
        embedder = embedder_called(build.standing_model())
        for holding in holdings():
            index.drop(embedder.name, holding.shelf)
            found = audit.audit(holding, embedder.name)
            audit.repair(holding, embedder, found)
            what = holding.shelf.prefix.rstrip("-")
            Document.objects.ready().update(indexed_with=embedder.name)
            self.stdout.write(f"{found.due} {what} are indexed with {embedder.name}.")
