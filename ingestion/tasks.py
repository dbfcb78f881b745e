"""What the queue runs for documents."""

from contextlib import suppress

from django.core.files.storage import default_storage

from ingestion.anchors.page_images import delete_page_images
from ingestion.intake.imports import run_import_slice
from ingestion.models import Document
from ingestion.pipeline.run import refresh_lexemes, run_document_slice
from ingestion.vector_index.collections import delete_document_vectors
from ingestion.vector_index.rebuild import drop_unused_collections, repair_index, run_build_slice
from wikico2.errors import TransientError
from wikico2.jobs.queue import enqueue_later

FORGET_TRIES = 10
FORGET_PAUSE = 60.0


def advance_document(document_id: int) -> None:
    """Take a document one time slice further."""
    run_document_slice(document_id)


def run_import(source_import_id: int) -> None:
    """Take a source import one time slice further."""
    run_import_slice(source_import_id)


def refresh_document_lexemes(document_id: int) -> None:
    """Read again what the passages of a document are found by: its title is among it."""
    refresh_lexemes(document_id)


def forget_document(document_id: int, file: str | None, sha256: str, attempt: int = 1) -> None:
    """Delete what a removed document has left outside the database: files, pictures, vectors."""
    if Document.objects.filter(pk=document_id).exists():
        return  # its removal was undone
    if file:
        default_storage.delete(file)
    delete_page_images(Document(pk=document_id, sha256=sha256))
    try:
        delete_document_vectors(document_id)
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
    run_build_slice(build_id)


def drop_old_collections() -> None:
    """Drop what search no longer uses."""
    drop_unused_collections()


def mend_index() -> None:
    """Put into the index what it has lost."""
    with suppress(TransientError):  # the next start looks again
        repair_index()


# The names of tasks of version 0.1: tasks that it has queued bear them. To go in version 0.3.
deliver = run_import
read_words = refresh_document_lexemes
