"""Queue the resolution of imported passage references when their source is ingested."""

from django.dispatch import receiver

from ingestion.signals import document_settled
from sheets.queueing import SOURCE_REFS
from sheets.sources.passage_refs import has_unresolved_refs
from wikico2.jobs.queue import start_job


@receiver(document_settled)
def queue_ref_resolution(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the resolution of unresolved references to an ingested source."""
    if has_unresolved_refs(document_id):
        start_job(SOURCE_REFS, document_id)
