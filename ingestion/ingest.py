"""Ingest: a document's way from file to searchable passages, and who may stop or restart it.

extract → chunk → embed → index. Each step can run twice, and starts where it was cut short. A
worker holds the document by a lease; whatever it writes about the state is refused once the lease
is gone, because another worker has taken over or because somebody cancelled.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from ingestion import alike, index, metadata, postings, spelling
from ingestion.accept import ADVANCE, accept, explained
from ingestion.chunk import chunk_pages
from ingestion.embed import embed_chunks, without_vector
from ingestion.embedders import Embedder, get_embedder
from ingestion.extract import look_at_pictures, read_pages
from ingestion.files import local_copy
from ingestion.models import Chunk, Document
from ingestion.readers import Block, PageText, ReadError
from ingestion.signals import document_settled
from wikico2.ai import Patience
from wikico2.errors import TransientError, WorkError
from wikico2.leases import LeaseLost, kept_alive
from wikico2.queue import enqueue
from wikico2.terms import tsvector

__all__ = ["accept", "advance", "cancel", "remove", "retry"]

logger = logging.getLogger(__name__)

State = Document.State

MAX_ATTEMPTS = 5
"""How often work may end without any progress, a worker's death included, before it counts as
failed."""

CHUNKS_AT_ONCE = 500


# --- What people do -----------------------------------------------------------------------------


def retry(document: Document) -> bool:
    """Put a failed or cancelled document back to work where it stopped; tell whether it was one."""
    with transaction.atomic():
        restarted = document.restart()
        if restarted:
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return restarted


def cancel(document: Document) -> bool:
    """Stop the reading of a document; tell whether it was under way.

    Its worker stops within seconds, when it next tries to renew its lease.
    """
    working = Document.objects.in_progress().filter(pk=document.pk)
    with transaction.atomic():
        cancelled = working.update(
            failed_step=F("state"), state=State.CANCELLED, lease_token=None, lease_until=None
        )
        if cancelled:
            document_settled.send(Document, document_id=document.pk)
    document.refresh_from_db()
    return bool(cancelled)


def remove(document: Document) -> None:
    """Remove a document with its pages and passages; vectors and files follow in the queue.

    Citations keep their quote, page number and verdict.
    """
    with transaction.atomic():
        document_settled.send(Document, document_id=document.pk)
        enqueue("ingestion.tasks.forget_document", document.pk, document.file.name, document.sha256)
        document.delete()


# --- What workers do ----------------------------------------------------------------------------


def read_words(document_id: int) -> None:
    """Read again what the passages of a document are found by."""
    passages = Chunk.objects.select_related("document").filter(document=document_id)
    rows = passages.defer("search").order_by("pk").iterator(chunk_size=CHUNKS_AT_ONCE)
    while batch := list(islice(rows, CHUNKS_AT_ONCE)):
        for chunk in batch:
            chunk.search = tsvector(chunk.searched())
        Chunk.objects.bulk_update(batch, ["search"])
    postings.fold(Chunk._meta.db_table)


def advance(document_id: int) -> None:
    """Take a document as far as one time slice allows; do nothing if it is not ours to take."""
    token = Document.objects.in_progress().claim(document_id)
    if token is None:
        return
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    work = _Work(document, token)
    try:
        work.run()
    except LeaseLost:
        logger.info("Document %d was taken out of our hands.", document_id)
        _sweep(document_id)
    except ReadError as error:
        work.fail(explained(error))
    except TransientError as error:
        work.postpone(error)
    except WorkError as error:
        work.fail(error)
    except Exception as error:
        if not Document.objects.filter(pk=document_id, lease_token=token).exists():
            logger.info("Document %d was removed while it was read.", document_id)
            _sweep(document_id)
            return
        logger.exception("Document %d, %s:", document_id, work.document.state)
        work.postpone(TransientError("internal", reason=type(error).__name__))


def _sweep(document_id: int) -> None:
    """Delete the vectors of a document that was removed while we wrote them."""
    if not Document.objects.filter(pk=document_id).exists():
        with suppress(TransientError):  # those that stay are never shown
            index.delete_document(document_id)


class _Work:
    """A document in the hands of this worker, for one time slice."""

    def __init__(self, document: Document, token: UUID) -> None:
        self.document = document
        self.token = token
        self.deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
        self._told = 0.0

    @cached_property
    def embedder(self) -> Embedder:
        return get_embedder()

    def run(self) -> None:
        """Go from step to step until the document is ready or the slice is over."""
        if self.document.attempts > MAX_ATTEMPTS:
            code, details = self.document.error_code, self.document.error_details
            if not code:
                code, details = "internal", {"reason": f"worker stopped {MAX_ATTEMPTS} times"}
            raise WorkError(code, **details)
        if self.document.state == State.WAITING:
            self.begin(State.EXTRACTING)
        while True:
            following = STEPS[State(self.document.state)](self)
            if following == State.READY:
                self.finish()
                return
            if following is not None:
                self.begin(following)
            if following is None or time.monotonic() >= self.deadline:
                self.pass_on()
                return

    def keep(self, **values: Any) -> None:
        """Renew the lease and write `values`; raises LeaseLost."""
        Document.objects.hold(self.document.pk, self.token, **values)
        self._told = time.monotonic()

    def renew(self) -> None:
        """Renew the lease, once a second at most: it may be called at any turn."""
        if time.monotonic() - self._told >= 1.0:
            self.keep()

    def progress(self, done: int, total: int) -> None:
        """Tell how far the step is; the row is written a few times a second at most."""
        if done >= total or time.monotonic() - self._told >= 0.3:
            self.keep(done=min(done, total), total=total)

    def moved(self) -> None:
        """Note that something lasting was done: the attempts before it do not count any more."""
        if self.document.attempts or self.document.error_code:
            self.document.attempts = 0
            self.document.error_code = ""
            self.keep(attempts=0, error_code="", error_details={})

    def patience(self) -> Patience:
        return Patience.of_settings(on_wait=self.renew)

    # Each way to end writes the row only while the lease is ours.

    def begin(self, step: str) -> None:
        self.keep(
            state=step,
            done=0,
            total=0,
            step_started_at=Now(),
            attempts=0,
            error_code="",
            error_details={},
        )
        self.document.state = step
        self.document.attempts = 0

    def pass_on(self) -> None:
        """Let another document have its turn; ours goes to the end of the queue."""
        with transaction.atomic():
            self._release()
            enqueue(ADVANCE, self.document.pk)

    def finish(self) -> None:
        self._settle(
            state=State.READY,
            ready_at=Now(),
            indexed_with=self.embedder.name,
            attempts=0,
            error_code="",
            error_details={},
        )

    def fail(self, error: WorkError) -> None:
        logger.warning("Document %d, %s: %s", self.document.pk, self.document.state, error)
        with suppress(LeaseLost):
            self._settle(
                state=State.FAILED,
                failed_step=self.document.state,
                error_code=error.code,
                error_details=error.details,
            )

    def postpone(self, error: TransientError) -> None:
        """Try again later, each time later; give up when it has been tried often enough."""
        attempts = self.document.attempts
        if attempts >= MAX_ATTEMPTS:
            self.fail(error)
            return
        asked = float(error.details.get("retry_after") or 0)
        wait = min(max(asked, 5.0 * 2**attempts), 600)
        logger.info("Document %d: %s; again in %.0f s", self.document.pk, error, wait)
        with suppress(LeaseLost):
            Document.objects.postpone(
                self.document.pk,
                self.token,
                dt.timedelta(seconds=wait),
                error_code=error.code,
                error_details=error.details,
            )

    def _settle(self, **values: Any) -> None:
        with transaction.atomic():
            self._release(**values)
            document_settled.send(Document, document_id=self.document.pk)

    def _release(self, **values: Any) -> None:
        Document.objects.release(self.document.pk, self.token, **values)


# --- The steps ----------------------------------------------------------------------------------
# Each returns the step that follows, or None when its time slice ended before it did.


def _extract(work: _Work) -> str | None:
    """Write the text of each page, then have the pictures read that need it.

    A reading that stopped among the pictures goes on there.
    """
    document = work.document
    lease = kept_alive(Document.objects.all(), document.pk, work.token)
    try:
        with local_copy(document) as path, lease:
            if document.read_at is None:
                _read_pages(work, path)
            look_at_pictures(document, path, on_progress=work.progress, patience=work.patience())
    except FileNotFoundError:
        raise WorkError("file_missing") from None
    if not document.pages.exclude(text="").exclude(doubt="nonsense", read_by="").exists():
        raise WorkError("no_text")
    return State.CHUNKING


def _read_pages(work: _Work, path: Path) -> None:
    document = work.document
    info = read_pages(document, path, on_progress=work.progress, on_batch=work.renew)
    metadata.note(document.pk, info)
    count = document.pages.count()
    work.keep(done=count, total=count, page_count=count, read_at=Now())
    document.refresh_from_db(fields=["read_at", "page_count"])


def _chunk(work: _Work) -> str | None:
    """Cut the pages into passages; a passage that has not changed keeps its row."""
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
        raise WorkError("no_text")
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
    alike.remember(document.pk, (page.text for page in pages))
    spelling.learn([document.title, *(draft.text for draft in drafts)])
    postings.fold(Chunk._meta.db_table)
    return State.EMBEDDING


def _embed(work: _Work) -> str | None:
    """Get the vectors that are missing, for as long as the slice lasts."""

    had: int | None = None

    def told(done: int, total: int) -> None:
        nonlocal had
        work.progress(done, total)
        if had is not None and done > had:
            work.moved()
        had = done

    whole = embed_chunks(
        work.document.chunks.all(),
        work.embedder,
        deadline=work.deadline,
        on_progress=told,
        patience=work.patience(),
    )
    return State.INDEXING if whole else None


def _index(work: _Work) -> str | None:
    """Put the vectors where near ones are found."""
    if without_vector(work.document.chunks.all(), work.embedder.name).exists():
        return State.EMBEDDING  # the model was changed meanwhile
    index.index_document(work.document.pk, work.embedder.name, on_progress=work.progress)
    return State.READY


STEPS: dict[State, Callable[[_Work], str | None]] = {
    State.EXTRACTING: _extract,
    State.CHUNKING: _chunk,
    State.EMBEDDING: _embed,
    State.INDEXING: _index,
}
