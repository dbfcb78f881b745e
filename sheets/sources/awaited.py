"""Find the passages that imported revisions cite, once their source has been read."""

from django.dispatch import receiver

from ingestion.signals import document_settled
from sheets.sources.passage_refs import has_unresolved_refs
from wikico2.jobs.queue import enqueue

RESOLVE_REFS = "sheets.tasks.resolve_source_refs"


@receiver(document_settled)
def queue_ref_resolution(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the search for the passages of a source that has just been read."""
    if has_unresolved_refs(document_id):
        enqueue(RESOLVE_REFS, document_id)
