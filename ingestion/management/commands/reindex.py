"""Build the index of passages anew from what PostgreSQL holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion import index
from ingestion.embed import embed_chunks
from ingestion.embedders import get_embedder
from ingestion.models import Document
from wikico2.errors import WorkError


class Command(BaseCommand):
    help = (
        "Drop the collection of the current embedding model and fill it again. Vectors come from "
        "the cache; only those that it lacks are computed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.rebuild()
        except WorkError as error:
            raise CommandError(error.sentence) from error

    def rebuild(self) -> None:
        embedder = get_embedder()
        index.drop(embedder.name)
        documents = Document.objects.ready().order_by("pk")
        passages = 0
        for number, document in enumerate(documents, start=1):
            embed_chunks(document.chunks.all(), embedder)
            passages += index.index_document(document.pk, embedder.name)
            Document.objects.filter(pk=document.pk).update(indexed_with=embedder.name)
            self.stdout.write(f"{number}/{len(documents)} {document.title}")
        self.stdout.write(f"{passages} passages are indexed with {embedder.name}.")
