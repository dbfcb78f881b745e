"""Find the passages that imported revisions cite, once their source has been read."""

from django.dispatch import receiver

from ingestion.signals import document_settled
from sheets.sources import passage_refs as places
from wikico2.jobs.queue import enqueue

FIND = "sheets.tasks.find_awaited"


@receiver(document_settled)
def source_is_awaited(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the search for the passages of a source that has just been read."""
    if places.is_awaited(document_id):
        enqueue(FIND, document_id)
