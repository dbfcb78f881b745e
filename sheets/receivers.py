"""Receivers of signals: queue what follows from a change of a source or a sheet."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from ingestion.signals import document_settled
from sheets.models import Citation, Generation, Sheet
from sheets.queueing import RECHECK, queue_generation, queue_indexing
from sheets.search.indexing import index_words
from wikico2.jobs.queue import enqueue


@receiver(document_settled)
def queue_waiting_generations(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the runs that waited for a source."""
    waiting = Generation.objects.filter(
        state=Generation.State.WAITING, documents=document_id
    ).values_list("pk", flat=True)
    for pk in waiting:
        queue_generation(pk)


@receiver(document_settled)
def queue_citation_recheck(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the check of what cites a source that has just been read."""
    if Citation.objects.filter(document=document_id, verdict=Citation.Verdict.BROKEN).exists():
        enqueue(RECHECK, document_id)


@receiver(post_save, sender=Sheet)
def sheet_is_saved(sender: object, instance: Sheet, raw: bool = False, **kwargs: object) -> None:
    """Index a sheet whose title or state a person may have changed."""
    if not raw:
        index_words(instance)
        queue_indexing(instance.pk)


@receiver(post_delete, sender=Sheet)
def sheet_is_deleted(sender: object, instance: Sheet, **kwargs: object) -> None:
    """Take a deleted sheet out of the index."""
    queue_indexing(instance.pk)
