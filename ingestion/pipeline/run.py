"""Run the ingestion of a document, from file to searchable passages; cancel and restart it.

extract → chunk → embed → index. Each step can run twice, and resumes where it was interrupted.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from ingestion.intake import metadata
from ingestion.intake.attachments import accept_attachments
from ingestion.intake.files import local_copy
from ingestion.intake.upload import accept_upload, explain_read_error
from ingestion.kinds import DOCUMENT, FORGET_DOCUMENT
from ingestion.models import Chunk, Document, Vector
from ingestion.ocr.recognise import no_text_error
from ingestion.pipeline.extract import add_remarks, read_pages, recognise_pictures
from ingestion.pipeline.save_chunks import CHUNK_BATCH, save_chunks
from ingestion.readers import ReadError
from ingestion.readers.registry import reader_version
from ingestion.search import postings
from ingestion.signals import document_settled
from ingestion.vector_index import collections
from ingestion.vector_index.collections import PASSAGES, VectorStream, delete_document_vectors
from ingestion.vector_index.embed import embed_chunks, without_vector
from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.embedders.registry import get_embedder
from wikico2.accounts.audit import record
from wikico2.errors import TransientError, UserError
from wikico2.jobs.log import record_event
from wikico2.jobs.queue import restart_job, start_job, stop_job
from wikico2.jobs.runner import JobRun
from wikico2.llm.client import Vectors
from wikico2.models import Job
from wikico2.text.analyzer import build_tsvector

__all__ = [
    "accept_upload",
    "cancel_document",
    "remove_document",
    "request_recognition",
    "retry_document",
]

logger = logging.getLogger(__name__)

State = Document.State


# --- Actions of people --------------------------------------------------------------------------


def retry_document(document: Document, user: Any = None) -> bool:
    """Restart a failed or cancelled document at the step where it stopped; return if it was one."""
    restarted = restart_job(document.job, user)
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
            start_job(DOCUMENT, document.pk, owner=document.uploaded_by_id)
            document.refresh_from_db()
            record_event(document.job, "pictures", name=str(user or "–"))
    document.refresh_from_db()
    return restarted


def cancel_document(document: Document, user: Any = None) -> bool:
    """Cancel the reading of a document; return whether it was in progress."""
    cancelled = stop_job(document.job, user)
    document.refresh_from_db()
    return cancelled


def follow_document_job(job: Job) -> None:
    """Write to the document what became of its job, in that transaction."""
    rows = Document.objects.filter(pk=job.row_id)
    if job.state == Job.State.WAITING:
        for document in rows:
            document.restart()
    elif job.state in Job.STOPPED:
        errors = {"error_code": job.error_code, "error_details": job.error_details}
        state = State.FAILED if job.state == Job.State.FAILED else State.CANCELLED
        rows.update(failed_step=F("state"), state=state, **errors)
        document_settled.send(Document, document_id=job.row_id)


def remove_document(document: Document) -> None:
    """Delete a document with its pages and passages; queue the removal of its files and vectors.

    Its cached vectors are deleted too, unless another document has the same text. Citations keep
    their quote, page number and level.
    """
    with transaction.atomic():
        hashes = document.chunks.values("content_hash")
        others = Chunk.objects.exclude(document=document.pk).values("content_hash")
        Vector.objects.filter(content_hash__in=hashes).exclude(content_hash__in=others).delete()
        document_settled.send(Document, document_id=document.pk)
        params = {"file": document.file.name, "sha256": document.sha256}
        start_job(FORGET_DOCUMENT, document.pk, params=params)
        record("source.remove", document)
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


class DocumentRun:
    """One time slice of the reading of a document."""

    def __init__(self, job_run: JobRun, document: Document) -> None:
        self.slice = job_run
        self.document = document

    @cached_property
    def embedder(self) -> Embedder:
        return get_embedder()

    def write(self, **values: Any) -> None:
        """Write to the document while its job is ours; raises LeaseLost."""
        with transaction.atomic():
            self.slice.keep()
            Document.objects.filter(pk=self.document.pk).update(**values)

    def begin(self, step: str) -> None:
        """Begin a step, and log it with what the one before came to."""
        summary = self._summary()
        with transaction.atomic():
            self.slice.next_step()
            self.write(state=step, step_started_at=Now(), error_code="", error_details={})
        self.document.state = step
        self.slice.log(step, **summary)

    def finish(self) -> None:
        """Make the passages findable, tell who waits for the document, and end its job."""
        summary = self._summary()
        with transaction.atomic():
            self.write(
                state=State.READY,
                ready_at=Now(),
                indexed_with=self.embedder.name,
                error_code="",
                error_details={},
            )
            self.slice.finish(State.READY, **summary)
            document_settled.send(Document, document_id=self.document.pk)

    def _summary(self) -> dict[str, Any]:
        """Return the details that the log gives of the step that has ended."""
        row = Document.objects.get(pk=self.document.pk)
        since = row.step_started_at
        return {
            "seconds": round((timezone.now() - since).total_seconds(), 1) if since else 0,
            "pages": row.page_count,
            "passages": row.chunks.count(),
        }


def read_document_slice(job_run: JobRun) -> bool:
    """Run steps until the document is ready or the time slice is over."""
    document = Document.objects.filter(pk=job_run.row_id).first()
    if document is None:
        return True
    run = DocumentRun(job_run, document)
    try:
        if document.state == State.WAITING:
            run.begin(State.EXTRACTING)
        while True:
            following = STEPS[State(run.document.state)](run)
            if following == State.READY:
                run.finish()
                return True
            if following is not None:
                run.begin(following)
            if following is None or job_run.enough():
                return False
    except ReadError as error:
        raise explain_read_error(error) from error


def delete_orphan_vectors(job: Job) -> None:
    """Delete the vectors of a document that was removed while they were written."""
    if job.subject_id and not Document.objects.filter(pk=job.row_id).exists():
        with suppress(TransientError):  # vectors without a document are never shown
            delete_document_vectors(job.subject_id)


# --- The steps ----------------------------------------------------------------------------------
# Each returns the next step, or None when the time slice ended first.


def _extract_step(run: DocumentRun) -> str | None:
    """Extract the text of each page, then run OCR on pictures; resumes among the pictures."""
    document = run.document
    try:
        with local_copy(document) as path:
            if document.read_at is None:
                _read_pages(run, path)
            recognise_pictures(
                document,
                path,
                on_progress=run.slice.progress_or_pause,
                patience=run.slice.patience(),
            )
    except FileNotFoundError:
        raise UserError("file_missing") from None
    if not document.pages.exclude(text="").exclude(doubt="nonsense", read_by="").exists():
        raise no_text_error(document)
    return State.CHUNKING


def _read_pages(run: DocumentRun, path: Path) -> None:
    document = run.document
    run.write(reader_version=reader_version(document.media_type))
    info = read_pages(
        document, path, on_progress=run.slice.progress_or_pause, on_batch=run.slice.renew
    )
    metadata.save_metadata(document.pk, info)
    add_remarks(document, accept_attachments(document, path))
    count = document.pages.count()
    with transaction.atomic():
        run.slice.keep(done=0, total=0)
        run.write(page_count=count, read_at=Now())
    document.refresh_from_db(fields=["read_at", "page_count"])


def _chunk_step(run: DocumentRun) -> str | None:
    """Cut the pages into passages; an unchanged passage keeps its row."""
    save_chunks(
        run.document,
        on_saved=lambda changes: run.slice.keep(done=changes.total, total=changes.total),
    )
    return State.EMBEDDING


def _embed_step(run: DocumentRun) -> str | None:
    """Compute the missing vectors until the slice ends, and stream them to the index."""

    previous: int | None = None

    def report(done: int, total: int) -> None:
        nonlocal previous
        run.slice.progress(done, total)
        if previous is not None and done > previous:
            run.slice.renew_attempts()
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
            enough=run.slice.enough,
            on_progress=report,
            on_stored=put_in_index,
            patience=run.slice.patience(),
        )
    return State.INDEXING if complete else None


def _index_step(run: DocumentRun) -> str | None:
    """Put the vectors that are missing into the index."""
    model = run.embedder.name
    if without_vector(run.document.chunks.all(), model).exists():
        return State.EMBEDDING  # the embedding model was changed meanwhile
    complete = collections.index_document(
        run.document.pk, model, on_progress=run.slice.progress, enough=run.slice.enough
    )
    return State.READY if complete else None


STEPS: dict[State, Callable[[DocumentRun], str | None]] = {
    State.EXTRACTING: _extract_step,
    State.CHUNKING: _chunk_step,
    State.EMBEDDING: _embed_step,
    State.INDEXING: _index_step,
}
