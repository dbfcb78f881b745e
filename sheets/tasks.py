"""The sheets' tasks: each takes an id, tolerates that its row is gone, and calls one function."""

from django.dispatch import receiver

from ingestion.signals import document_settled
from sheets import generate
from sheets.models import Generation
from wikico2.queue import enqueue, resumable

WRITE = "sheets.tasks.write_sheet"
resumable("sheets.Generation", WRITE)


def write_sheet(generation_id: int) -> None:
    """Write a sheet, or the next slice of it."""
    generate.write(generation_id)


def queue_generation(generation_id: int) -> None:
    """Queue a run, in the caller's transaction."""
    enqueue(WRITE, generation_id)


@receiver(document_settled)
def source_is_settled(sender: object, document_id: int, **kwargs: object) -> None:
    """Queue the runs that waited for a source."""
    waiting = Generation.objects.filter(
        state=Generation.State.WAITING, documents=document_id
    ).values_list("pk", flat=True)
    for pk in waiting:
        queue_generation(pk)
