"""The tasks of the queue for documents, source imports and the index."""

from contextlib import suppress

from django.core.files.storage import default_storage

from ingestion.anchors.page_images import delete_page_images
from ingestion.intake.imports import run_import_slice
from ingestion.models import Document
from ingestion.pipeline.reread import REREAD, outdated_documents, reread_outdated
from ingestion.pipeline.run import refresh_lexemes, run_document_slice
from ingestion.vector_index.collections import delete_document_vectors
from ingestion.vector_index.rebuild import drop_unused_collections, repair_index, run_build_slice
from wikico2.errors import TransientError
from wikico2.jobs.queue import enqueue, enqueue_later

FORGET_TRIES = 10
FORGET_PAUSE = 60.0


def advance_document(document_id: int) -> None:
    """Work on a document for one time slice."""
    run_document_slice(document_id)


def run_import(source_import_id: int) -> None:
    """Work on a source import for one time slice."""
    run_import_slice(source_import_id)


def refresh_document_lexemes(document_id: int) -> None:
    """Recompute the full-text index of a document's passages, after a change of its title."""
    refresh_lexemes(document_id)


def forget_document(document_id: int, file: str | None, sha256: str, attempt: int = 1) -> None:
    """Delete the file, page images and vectors of a removed document."""
    if Document.objects.filter(pk=document_id).exists():
        return  # its removal was rolled back
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


def reread_sources() -> None:
    """Read sources again that an older reader has read, for one time slice, if nothing waits.

    The rest comes behind the work that waits by then.
    """
    if reread_outdated() and outdated_documents().exists():
        enqueue(REREAD)


def advance_build(build_id: int) -> None:
    """Work on the build of another model's index for one time slice."""
    run_build_slice(build_id)


def drop_old_collections() -> None:
    """Drop the collections that search no longer uses."""
    drop_unused_collections()


def mend_index() -> None:
    """Add the vectors that the index has lost."""
    with suppress(TransientError):  # the next startup checks again
        repair_index()


# Names of tasks in version 0.1, which queued tasks may still have. To be removed in version 0.3.
deliver = run_import
read_words = refresh_document_lexemes
