"""Run the ingestion of a document, from file to searchable passages; cancel and restart it.

extract → chunk → embed → index. Each step can run twice, and resumes where it was interrupted. The
lease, the progress and the end of a run are in `ingestion.pipeline.job`.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from ingestion.intake import metadata
from ingestion.intake.attachments import accept_attachments
from ingestion.intake.files import local_copy
from ingestion.intake.upload import ADVANCE, accept_upload, explain_read_error
from ingestion.models import Chunk, Document, Vector
from ingestion.ocr.recognise import no_text_error
from ingestion.pipeline.event_log import record_event
from ingestion.pipeline.extract import add_remarks, read_pages, recognise_pictures
from ingestion.pipeline.job import DocumentRun, WorkPaused
from ingestion.pipeline.save_chunks import CHUNK_BATCH, save_chunks
from ingestion.readers import ReadError
from ingestion.readers.registry import reader_version
from ingestion.search import postings
from ingestion.signals import document_settled
from ingestion.vector_index import collections
from ingestion.vector_index.collections import PASSAGES, VectorStream, delete_document_vectors
from ingestion.vector_index.embed import embed_chunks, without_vector
from wikico2.errors import TransientError, UserError
from wikico2.jobs.leases import LeaseLost, keep_lease_alive
from wikico2.jobs.queue import enqueue
from wikico2.llm.client import Vectors
from wikico2.text.analyzer import build_tsvector

__all__ = [
    "accept_upload",
    "cancel_document",
    "remove_document",
    "request_recognition",
    "retry_document",
    "run_document_slice",
]

logger = logging.getLogger(__name__)

State = Document.State


# --- Actions of people --------------------------------------------------------------------------


def retry_document(document: Document, user: Any = None) -> bool:
    """Restart a failed or cancelled document at the step where it stopped; return if it was one."""
    with transaction.atomic():
        restarted = document.restart()
        if restarted:
            record_event(document, "retried", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return restarted


def request_recognition(document: Document, user: Any = None) -> bool:
    """Queue OCR of a source's unread pictures; return whether it was queued.

    This is for a source that was read while no OCR engine was set, or above its limit of pictures.
    Its text and passages stay, and are found again at the end; only new ones have to be embedded.
    """
    with transaction.atomic():
        restarted = document.restart_recognition()
        if restarted:
            record_event(document, "pictures", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return restarted


def cancel_document(document: Document, user: Any = None) -> bool:
    """Cancel the reading of a document; return whether it was in progress.

    Its worker stops within seconds, when it next tries to renew its lease.
    """
    in_progress = Document.objects.in_progress().filter(pk=document.pk)
    with transaction.atomic():
        cancelled = in_progress.update(
            failed_step=F("state"),
            state=State.CANCELLED,
            lease_token=None,
            lease_until=None,
            waits_until=None,
            error_code="",
            error_details={},
        )
        if cancelled:
            record_event(document, "cancelled", name=str(user or "–"))
            document_settled.send(Document, document_id=document.pk)
    document.refresh_from_db()
    return bool(cancelled)


def remove_document(document: Document) -> None:
    """Delete a document with its pages and passages; queue the removal of its files and vectors.

    Its cached vectors are deleted too, unless another document has the same text. Citations keep
    their quote, page number and verdict.
    """
    with transaction.atomic():
        hashes = document.chunks.values("content_hash")
        others = Chunk.objects.exclude(document=document.pk).values("content_hash")
        Vector.objects.filter(content_hash__in=hashes).exclude(content_hash__in=others).delete()
        document_settled.send(Document, document_id=document.pk)
        enqueue("ingestion.tasks.forget_document", document.pk, document.file.name, document.sha256)
        document.delete()


# --- Actions of workers -------------------------------------------------------------------------


def refresh_lexemes(document_id: int) -> None:
    """Recompute the full-text index of a document's passages."""
    passages = Chunk.objects.select_related("document").filter(document=document_id)
    rows = passages.defer("search").order_by("pk").iterator(chunk_size=CHUNK_BATCH)
    while batch := list(islice(rows, CHUNK_BATCH)):
        for chunk in batch:
            chunk.search = build_tsvector(chunk.searched())
        Chunk.objects.bulk_update(batch, ["search"])
    postings.compact_tallies(Chunk._meta.db_table)


def run_document_slice(document_id: int) -> None:
    """Work on a document for one time slice; do nothing if another worker holds it."""
    before = Document.objects.filter(pk=document_id).first()
    token = Document.objects.in_progress().claim(document_id)
    if before is None or token is None:
        return
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    if before.lease_token:
        record_event(document, "taken_over")
    run = DocumentRun(document, token)
    try:
        _run_steps(run)
    except WorkPaused:
        run.stop()
    except LeaseLost:
        logger.info("Document %d: the lease was lost.", document_id)
        _delete_orphan_vectors(document_id)
    except ReadError as error:
        run.fail(explain_read_error(error))
    except TransientError as error:
        run.postpone(error)
    except UserError as error:
        run.fail(error)
    except Exception as error:
        if not Document.objects.filter(pk=document_id, lease_token=token).exists():
            logger.info("Document %d was removed, or its lease lost, during a step.", document_id)
            _delete_orphan_vectors(document_id)
            return
        logger.exception("Document %d, %s:", document_id, run.document.state)
        run.postpone(TransientError("internal", reason=type(error).__name__))


def _run_steps(run: DocumentRun) -> None:
    """Run steps until the document is ready or the time slice is over."""
    run.check_attempts()
    if run.document.state == State.WAITING:
        run.begin(State.EXTRACTING)
    while True:
        following = STEPS[State(run.document.state)](run)
        if following == State.READY:
            run.finish()
            return
        if following is not None:
            run.begin(following)
        if following is None or run.enough():
            run.pass_on()
            return


def _delete_orphan_vectors(document_id: int) -> None:
    """Delete the vectors of a document that was removed while they were written."""
    if not Document.objects.filter(pk=document_id).exists():
        with suppress(TransientError):  # vectors without a document are never shown
            delete_document_vectors(document_id)


# --- The steps ----------------------------------------------------------------------------------
# Each returns the next step, or None when the time slice ended first.


def _extract_step(run: DocumentRun) -> str | None:
    """Extract the text of each page, then run OCR on pictures; resumes among the pictures."""
    document = run.document
    lease = keep_lease_alive(Document.objects.all(), document.pk, run.token)
    try:
        with local_copy(document) as path, lease:
            if document.read_at is None:
                _read_pages(run, path)
            recognise_pictures(
                document, path, on_progress=run.progress_or_pause, patience=run.patience()
            )
    except FileNotFoundError:
        raise UserError("file_missing") from None
    if not document.pages.exclude(text="").exclude(doubt="nonsense", read_by="").exists():
        raise no_text_error(document)
    return State.CHUNKING


def _read_pages(run: DocumentRun, path: Path) -> None:
    document = run.document
    run.keep(reader_version=reader_version(document.media_type))
    info = read_pages(document, path, on_progress=run.progress_or_pause, on_batch=run.renew)
    metadata.save_metadata(document.pk, info)
    add_remarks(document, accept_attachments(document, path))
    count = document.pages.count()
    run.keep(done=0, total=0, page_count=count, read_at=Now())
    document.refresh_from_db(fields=["read_at", "page_count"])


def _chunk_step(run: DocumentRun) -> str | None:
    """Cut the pages into passages; an unchanged passage keeps its row."""
    with keep_lease_alive(Document.objects.all(), run.document.pk, run.token):
        save_chunks(
            run.document,
            on_saved=lambda changes: run.keep(done=changes.total, total=changes.total),
        )
    return State.EMBEDDING


def _embed_step(run: DocumentRun) -> str | None:
    """Compute the missing vectors until the slice ends, and stream them to the index."""

    previous: int | None = None

    def report(done: int, total: int) -> None:
        nonlocal previous
        run.progress(done, total)
        if previous is not None and done > previous:
            run.reset_attempts()
        previous = done

    model = run.embedder.name
    with VectorStream(PASSAGES, run.document.pk, model) as stream:

        def put_in_index(chunks: Sequence[Chunk], vectors: Vectors) -> None:
            stream.put(
                [
                    (chunk.pk, chunk.content_hash, vector.astype("<f4").tobytes())
                    for chunk, vector in zip(chunks, vectors, strict=True)
                ]
            )

        complete = embed_chunks(
            run.document.chunks.all(),
            run.embedder,
            enough=run.enough,
            on_progress=report,
            on_stored=put_in_index,
            patience=run.patience(),
        )
    return State.INDEXING if complete else None


def _index_step(run: DocumentRun) -> str | None:
    """Put the vectors that are missing into the index."""
    model = run.embedder.name
    if without_vector(run.document.chunks.all(), model).exists():
        return State.EMBEDDING  # the embedding model was changed meanwhile
    complete = collections.index_document(
        run.document.pk, model, on_progress=run.progress, enough=run.enough
    )
    return State.READY if complete else None


STEPS: dict[State, Callable[[DocumentRun], str | None]] = {
    State.EXTRACTING: _extract_step,
    State.CHUNKING: _chunk_step,
    State.EMBEDDING: _embed_step,
    State.INDEXING: _index_step,
}
