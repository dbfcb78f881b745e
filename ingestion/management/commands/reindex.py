"""Rebuild the index from PostgreSQL."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.models import Document
from ingestion.vector_index.collections import drop_model_collection
from ingestion.vector_index.consistency import audit_collection, repair_collection
from ingestion.vector_index.embedders.registry import get_embedder_by_name
from ingestion.vector_index.rebuild import active_model
from ingestion.vector_index.registry import indexed_models
from wikico2.errors import UserError


class Command(BaseCommand):
    help = (
        "Drop the collections that search uses and fill them again. Vectors come from the cache; "
        "only those that it lacks are computed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.rebuild()
        except UserError as error:
            raise CommandError(error.sentence) from error

    def rebuild(self) -> None:
        embedder = get_embedder_by_name(active_model())
        for indexed in indexed_models():
            drop_model_collection(embedder.name, indexed.kind)
            found = audit_collection(indexed, embedder.name)
            repair_collection(indexed, embedder, found)
            what = indexed.kind.prefix.rstrip("-")
            Document.objects.ready().update(indexed_with=embedder.name)
            self.stdout.write(f"{found.due} {what} are indexed with {embedder.name}.")
