"""Receivers of signals: queue tasks when a source is ingested or a sheet changes."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from ingestion.signals import document_settled, passages_replaced
from sheets.models import Citation, Generation, Sheet
from sheets.queueing import CITATION_REANCHOR, CITATION_RECHECK, GENERATION, queue_indexing
from sheets.search.indexing import index_words
from wikico2.jobs.queue import start_job, wake_job


@receiver(document_settled)
def queue_waiting_generations(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the generations that waited for a source."""
    waiting = Generation.objects.in_progress().filter(documents=document_id)
    for pk in waiting.values_list("pk", flat=True):
        wake_job(GENERATION, pk)


@receiver(document_settled)
def queue_citation_recheck(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the recheck of broken citations of an ingested source."""
    if Citation.objects.filter(document=document_id, level=Citation.Level.NOT_FOUND).exists():
        start_job(CITATION_RECHECK, document_id)


@receiver(passages_replaced)
def queue_reanchoring(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the anchoring of the citations of a source that was read again."""
    if Citation.objects.filter(document=document_id).exists():
        start_job(CITATION_REANCHOR, document_id)


@receiver(post_save, sender=Sheet)
def sheet_is_saved(sender: object, instance: Sheet, raw: bool = False, **kwargs: object) -> None:
    """Index a saved sheet, whose title or state may have changed."""
    if not raw:
        index_words(instance)
        queue_indexing(instance.pk)


@receiver(post_delete, sender=Sheet)
def sheet_is_deleted(sender: object, instance: Sheet, **kwargs: object) -> None:
    """Queue the removal of a deleted sheet from the index."""
    queue_indexing(instance.pk)
