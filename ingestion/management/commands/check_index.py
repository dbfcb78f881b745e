"""Compare the index with PostgreSQL, both ways, and repair it."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.models import Vector
from ingestion.vector_index.chroma_client import drop_collection
from ingestion.vector_index.consistency import (
    audit_collection,
    other_collections,
    repair_collection,
    unusable_vectors,
)
from ingestion.vector_index.embedders.registry import get_embedder_by_name
from ingestion.vector_index.rebuild import active_model, models_being_built
from ingestion.vector_index.registry import indexed_models
from wikico2.errors import UserError


class Command(BaseCommand):
    help = (
        "Compare the vectors in Chroma with the rows in PostgreSQL. With --repair missing vectors "
        "are added from the cache, without a request to the model service, and stray ones are "
        "deleted. The exit status is 1 while anything is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="repair the index")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sound = self.compare(repair=options["repair"])
        except UserError as error:
            raise CommandError(error.sentence) from error
        if not sound:
            sys.exit(1)

    def compare(self, *, repair: bool) -> bool:
        """Print what is wrong, and repair it if `repair`; return whether all is right."""
        model = active_model()
        self.stdout.write(f"Model: {model}")
        sound = self.check_vectors(model, repair=repair)
        embedder = get_embedder_by_name(model) if repair else None
        for indexed in indexed_models():
            found = audit_collection(indexed, model)
            self.stdout.write(
                f"{indexed.kind.prefix.rstrip('-')}: {found.due} in PostgreSQL, {found.held} in "
                f"Chroma; {found.missing_count} missing, {len(found.stray)} stray"
            )
            if found.uncomputed:
                self.stdout.write(f"  {found.uncomputed} texts have no cached vector.")
            if not found.is_sound and embedder:
                repair_collection(indexed, embedder, found)
                self.stdout.write("  repaired")
            sound = sound and (found.is_sound or repair)
        return self.check_collections(model, repair=repair) and sound

    def check_vectors(self, model: str, *, repair: bool) -> bool:
        unusable = unusable_vectors(model)
        if unusable:
            self.stdout.write(f"{len(unusable)} cached vectors cannot be used")
            if repair:
                Vector.objects.filter(pk__in=unusable).delete()
        return repair or not unusable

    def check_collections(self, model: str, *, repair: bool) -> bool:
        others = other_collections({model, *models_being_built()})
        for name in others:
            self.stdout.write(f"The collection {name} is not used any more.")
            if repair:
                drop_collection(name)
        return repair or not others
