"""Ingest: a document's way from file to searchable passages, and who may stop or restart it.

extract → chunk → embed → index. Each step can run twice, and starts where it was cut short. How a
worker holds the document meanwhile, and how its work ends, is in `work`.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from ingestion.intake import metadata
from ingestion.intake.files import local_copy
from ingestion.intake.near_duplicates import save_signature
from ingestion.intake.upload import ADVANCE, accept_upload, explain_read_error
from ingestion.models import Chunk, Document, Vector
from ingestion.ocr.recognise import no_text_error
from ingestion.pipeline.chunk import chunk_pages
from ingestion.pipeline.event_log import record_event
from ingestion.pipeline.extract import read_pages, recognise_pictures
from ingestion.pipeline.job import DocumentRun, WorkPaused
from ingestion.readers import Block, PageText, ReadError
from ingestion.search import postings, spelling
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

CHUNKS_AT_ONCE = 500


# --- What people do -----------------------------------------------------------------------------


def retry_document(document: Document, user: Any = None) -> bool:
    """Put a failed or cancelled document back to work where it stopped; tell whether it was one."""
    with transaction.atomic():
        restarted = document.restart()
        if restarted:
            record_event(document, "retried", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return restarted


def request_recognition(document: Document, user: Any = None) -> bool:
    """Have the pictures of a source looked at that no machine has read; tell whether it begins.

    It is for a source that was read when nothing could look at pictures, or no more of them. What
    it has stays, and goes on being found once this is over; only what is new has to be embedded.
    """
    with transaction.atomic():
        begun = document.look_again()
        if begun:
            record_event(document, "pictures", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return begun


def cancel_document(document: Document, user: Any = None) -> bool:
    """Stop the reading of a document; tell whether it was under way.

    Its worker stops within seconds, when it next tries to renew its lease.
    """
    working = Document.objects.in_progress().filter(pk=document.pk)
    with transaction.atomic():
        cancelled = working.update(
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
    """Remove a document with its pages and passages; what the index and files hold follows.

    Vectors that no other document has the text of go as well. Citations keep their quote, page
    number and verdict.
    """
    with transaction.atomic():
        hashes = document.chunks.values("content_hash")
        others = Chunk.objects.exclude(document=document.pk).values("content_hash")
        Vector.objects.filter(content_hash__in=hashes).exclude(content_hash__in=others).delete()
        document_settled.send(Document, document_id=document.pk)
        enqueue("ingestion.tasks.forget_document", document.pk, document.file.name, document.sha256)
        document.delete()


# --- What workers do ----------------------------------------------------------------------------


def refresh_lexemes(document_id: int) -> None:
    """Read again what the passages of a document are found by."""
    passages = Chunk.objects.select_related("document").filter(document=document_id)
    rows = passages.defer("search").order_by("pk").iterator(chunk_size=CHUNKS_AT_ONCE)
    while batch := list(islice(rows, CHUNKS_AT_ONCE)):
        for chunk in batch:
            chunk.search = build_tsvector(chunk.searched())
        Chunk.objects.bulk_update(batch, ["search"])
    postings.compact_tallies(Chunk._meta.db_table)


def run_document_slice(document_id: int) -> None:
    """Take a document as far as one time slice allows; do nothing if it is not ours to take."""
    before = Document.objects.filter(pk=document_id).first()
    token = Document.objects.in_progress().claim(document_id)
    if before is None or token is None:
        return
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    if before.lease_token:
        record_event(document, "taken_over")
    work = DocumentRun(document, token)
    try:
        _run_steps(work)
    except WorkPaused:
        work.stop()
    except LeaseLost:
        logger.info("Document %d was taken out of our hands.", document_id)
        _delete_orphan_vectors(document_id)
    except ReadError as error:
        work.fail(explain_read_error(error))
    except TransientError as error:
        work.postpone(error)
    except UserError as error:
        work.fail(error)
    except Exception as error:
        if not Document.objects.filter(pk=document_id, lease_token=token).exists():
            logger.info("Document %d was removed while it was read.", document_id)
            _delete_orphan_vectors(document_id)
            return
        logger.exception("Document %d, %s:", document_id, work.document.state)
        work.postpone(TransientError("internal", reason=type(error).__name__))


def _run_steps(work: DocumentRun) -> None:
    """Go from step to step until the document is ready or the time slice is over."""
    work.give_up_if_hopeless()
    if work.document.state == State.WAITING:
        work.begin(State.EXTRACTING)
    while True:
        following = STEPS[State(work.document.state)](work)
        if following == State.READY:
            work.finish()
            return
        if following is not None:
            work.begin(following)
        if following is None or work.enough():
            work.pass_on()
            return


def _delete_orphan_vectors(document_id: int) -> None:
    """Delete the vectors of a document that was removed while we wrote them."""
    if not Document.objects.filter(pk=document_id).exists():
        with suppress(TransientError):  # those that stay are never shown
            delete_document_vectors(document_id)


# --- The steps ----------------------------------------------------------------------------------
# Each returns the step that follows, or None when its time slice ended before it did.


def _extract_step(work: DocumentRun) -> str | None:
    """Write the text of each page, then have the pictures read that need it.

    A reading that stopped among the pictures goes on there.
    """
    document = work.document
    lease = keep_lease_alive(Document.objects.all(), document.pk, work.token)
    try:
        with local_copy(document) as path, lease:
            if document.read_at is None:
                _read_pages(work, path)
            recognise_pictures(
                document, path, on_progress=work.progress_or_pause, patience=work.patience()
            )
    except FileNotFoundError:
        raise UserError("file_missing") from None
    if not document.pages.exclude(text="").exclude(doubt="nonsense", read_by="").exists():
        raise no_text_error(document)
    return State.CHUNKING


def _read_pages(work: DocumentRun, path: Path) -> None:
    document = work.document
    info = read_pages(document, path, on_progress=work.progress_or_pause, on_batch=work.renew)
    metadata.save_metadata(document.pk, info)
    count = document.pages.count()
    work.keep(done=0, total=0, page_count=count, read_at=Now())
    document.refresh_from_db(fields=["read_at", "page_count"])


def _chunk_step(work: DocumentRun) -> str | None:
    """Cut the pages into passages; a passage that has not changed keeps its row."""
    with keep_lease_alive(Document.objects.all(), work.document.pk, work.token):
        _write_chunks(work)
    return State.EMBEDDING


def _write_chunks(work: DocumentRun) -> None:
    document = work.document
    pages = [
        PageText(
            number=page.number,
            text=page.text,
            width=page.width,
            height=page.height,
            blocks=tuple(Block(**block) for block in page.blocks),
        )
        for page in document.pages.exclude(doubt="nonsense", read_by="").order_by("number")
    ]
    drafts = chunk_pages(pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP)
    if not drafts:
        raise UserError("no_text")
    wanted = {
        (draft.position, draft.content_hash): Chunk(
            document=document,
            position=draft.position,
            text=draft.text,
            page_start=draft.page_start,
            page_end=draft.page_end,
            headings=list(draft.headings),
            kind=draft.kind,
            content_hash=draft.content_hash,
        )
        for draft in drafts
    }
    with transaction.atomic():
        # Whoever renames the document waits until its passages are there to be renamed with it.
        document.title = (
            Document.objects.select_for_update().only("title").get(pk=document.pk).title
        )
        existing = {
            (chunk.position, chunk.content_hash): chunk
            for chunk in document.chunks.defer("search").select_for_update()
        }
        gone = [chunk.pk for key, chunk in existing.items() if key not in wanted]
        Chunk.objects.filter(pk__in=gone).delete()
        for key, chunk in existing.items():
            if key in wanted:
                wanted[key].pk = chunk.pk
        Chunk.objects.bulk_update(
            [chunk for chunk in wanted.values() if chunk.pk],
            ["text", "page_start", "page_end", "headings", "kind"],
            batch_size=CHUNKS_AT_ONCE,
        )
        Chunk.objects.bulk_create(
            [chunk for chunk in wanted.values() if not chunk.pk], batch_size=CHUNKS_AT_ONCE
        )
        work.keep(done=len(wanted), total=len(wanted))
    save_signature(document.pk, (page.text for page in pages))
    spelling.learn_words([document.title, *(draft.text for draft in drafts)])
    postings.compact_tallies(Chunk._meta.db_table)


def _embed_step(work: DocumentRun) -> str | None:
    """Get the vectors that are missing, for as long as the slice lasts; they go on to the index."""

    had: int | None = None

    def told(done: int, total: int) -> None:
        nonlocal had
        work.progress(done, total)
        if had is not None and done > had:
            work.moved()
        had = done

    model = work.embedder.name
    with VectorStream(PASSAGES, work.document.pk, model) as stream:

        def stored(chunks: Sequence[Chunk], vectors: Vectors) -> None:
            stream.put(
                [
                    (chunk.pk, chunk.content_hash, vector.astype("<f4").tobytes())
                    for chunk, vector in zip(chunks, vectors, strict=True)
                ]
            )

        whole = embed_chunks(
            work.document.chunks.all(),
            work.embedder,
            enough=work.enough,
            on_progress=told,
            on_stored=stored,
            patience=work.patience(),
        )
    return State.INDEXING if whole else None


def _index_step(work: DocumentRun) -> str | None:
    """Put the vectors where near ones are found."""
    model = work.embedder.name
    if without_vector(work.document.chunks.all(), model).exists():
        return State.EMBEDDING  # the model was changed meanwhile
    whole = collections.index_document(
        work.document.pk, model, on_progress=work.progress, enough=work.enough
    )
    return State.READY if whole else None


STEPS: dict[State, Callable[[DocumentRun], str | None]] = {
    State.EXTRACTING: _extract_step,
    State.CHUNKING: _chunk_step,
    State.EMBEDDING: _embed_step,
    State.INDEXING: _index_step,
}
