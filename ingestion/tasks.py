"""What the queue runs for documents."""

from contextlib import suppress

from django.core.files.storage import default_storage

from ingestion.anchors import page_images as pages
from ingestion.intake import imports as delivery
from ingestion.models import Document
from ingestion.pipeline import run as ingest
from ingestion.vector_index import collections as index
from ingestion.vector_index import rebuild as build
from wikico2.errors import TransientError
from wikico2.jobs.queue import enqueue_later

FORGET_TRIES = 10
FORGET_PAUSE = 60.0


def advance_document(document_id: int) -> None:
    """Take a document one time slice further."""
    ingest.advance(document_id)


def deliver(delivery_id: int) -> None:
    """Take a delivery one time slice further."""
    delivery.deliver(delivery_id)


def read_words(document_id: int) -> None:
    """Read again what the passages of a document are found by: its title is among it."""
    ingest.read_words(document_id)


def forget_document(document_id: int, file: str | None, sha256: str, attempt: int = 1) -> None:
    """Delete what a removed document has left outside the database: files, pictures, vectors."""
    if Document.objects.filter(pk=document_id).exists():
        return  # its removal was undone
    if file:
        default_storage.delete(file)
    pages.forget(Document(pk=document_id, sha256=sha256))
    try:
        index.delete_document(document_id)
    except TransientError:
        if attempt >= FORGET_TRIES:
            raise
        enqueue_later(
            "ingestion.tasks.forget_document",
            document_id,
            file,
            sha256,
            attempt + 1,
            seconds=FORGET_PAUSE,
        )


def advance_build(build_id: int) -> None:
    """Take the index of another model one time slice further."""
    build.advance(build_id)


def drop_old_collections() -> None:
    """Drop what search no longer uses."""
    build.drop_old_collections()


def mend_index() -> None:
    """Put into the index what it has lost."""
    with suppress(TransientError):  # the next start looks again
        build.mend()
