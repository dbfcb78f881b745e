"""Ingest: a document's way from file to searchable passages, and who may stop or restart it.

extract → chunk → embed → index. Each step can run twice, and starts where it was cut short. A
worker holds the document by a lease; whatever it writes about the state is refused once the lease
is gone, because another worker has taken over or because somebody cancelled.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
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
from django.utils import timezone

from ingestion import alike, index, journal, metadata, postings, spelling
from ingestion.accept import ADVANCE, accept, explained
from ingestion.chunk import chunk_pages
from ingestion.embed import embed_chunks, without_vector
from ingestion.embedders import Embedder, Vectors, get_embedder
from ingestion.extract import look_at_pictures, read_pages
from ingestion.files import local_copy
from ingestion.models import Chunk, Document, Vector
from ingestion.readers import Block, PageText, ReadError
from ingestion.signals import document_settled
from wikico2.ai import Patience
from wikico2.errors import TransientError, WorkError
from wikico2.leases import LeaseLost, kept_alive
from wikico2.queue import enqueue, is_paused
from wikico2.terms import tsvector

__all__ = ["accept", "advance", "cancel", "read_pictures", "remove", "retry"]

logger = logging.getLogger(__name__)

State = Document.State

MAX_ATTEMPTS = 5
"""How often work may end without any progress, a worker's death included, before it counts as
failed."""

NO_TROUBLE: dict[str, Any] = {"error_code": "", "error_details": {}, "waits_until": None}

MAX_OUTAGES = 12
"""How often in a row a service may be away, an hour in all, before the work counts as failed."""

OUTAGES = {
    "bad_answer",
    "index_unreachable",
    "service_busy",
    "service_cut_off",
    "service_slow",
    "service_unreachable",
}

CHUNKS_AT_ONCE = 500


# --- What people do -----------------------------------------------------------------------------


def retry(document: Document, user: Any = None) -> bool:
    """Put a failed or cancelled document back to work where it stopped; tell whether it was one."""
    with transaction.atomic():
        restarted = document.restart()
        if restarted:
            journal.note(document, "retried", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return restarted


def read_pictures(document: Document, user: Any = None) -> bool:
    """Have the pictures of a source looked at that no machine has read; tell whether it begins.

    It is for a source that was read when nothing could look at pictures, or no more of them. What
    it has stays, and goes on being found once this is over; only what is new has to be embedded.
    """
    with transaction.atomic():
        begun = document.look_again()
        if begun:
            journal.note(document, "pictures", name=str(user or "–"))
            enqueue(ADVANCE, document.pk)
    document.refresh_from_db()
    return begun


def cancel(document: Document, user: Any = None) -> bool:
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
            journal.note(document, "cancelled", name=str(user or "–"))
            document_settled.send(Document, document_id=document.pk)
    document.refresh_from_db()
    return bool(cancelled)


def remove(document: Document) -> None:
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
    before = Document.objects.filter(pk=document_id).first()
    token = Document.objects.in_progress().claim(document_id)
    if before is None or token is None:
        return
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    if before.lease_token:
        journal.note(document, "taken_over")
    work = _Work(document, token)
    try:
        work.run()
    except _Paused:
        work.stop()
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


def _most_attempts(code: str) -> int:
    return MAX_OUTAGES if code in OUTAGES else MAX_ATTEMPTS


class _Paused(Exception):
    """All work was paused while this went on."""


class _Work:
    """A document in the hands of this worker, for one time slice."""

    def __init__(self, document: Document, token: UUID) -> None:
        self.document = document
        self.token = token
        self.deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
        self._told = 0.0
        self._looked = time.monotonic()
        self._paused = False
        self._first: tuple[float, int] | None = None

    @cached_property
    def embedder(self) -> Embedder:
        return get_embedder()

    def run(self) -> None:
        """Go from step to step until the document is ready or the slice is over."""
        if self.document.attempts > _most_attempts(self.document.error_code):
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
            if following is None or self.enough():
                self.pass_on()
                return

    def enough(self) -> bool:
        """Tell whether the slice is over, or all work was paused."""
        return time.monotonic() >= self.deadline or self.paused()

    def paused(self) -> bool:
        """Tell whether all work was paused; the database is asked once a second at most."""
        if time.monotonic() - self._looked >= 1.0:
            self._paused = is_paused()
            self._looked = time.monotonic()
        return self._paused

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
            self.keep(done=min(done, total), total=total, pace=self._pace(done))

    def progress_or_pause(self, done: int, total: int) -> None:
        """Tell how far a step is that cannot go on where it was left."""
        if self.paused():
            raise _Paused
        self.progress(done, total)

    def _pace(self, done: int) -> float | None:
        """Return how much is done in a second, counted since this worker took up the step."""
        now = time.monotonic()
        if self._first is None or done < self._first[1]:
            self._first = now, done
        since, first = self._first
        return (done - first) / (now - since) if done > first and now > since else None

    def moved(self) -> None:
        """Note that something lasting was done: the attempts before it do not count any more."""
        if self.document.attempts or self.document.error_code:
            self.document.attempts = 0
            self.document.error_code = ""
            self.keep(attempts=0, **NO_TROUBLE)

    def waits(self, reason: WorkError, seconds: float) -> None:
        """Show that the work waits for a service, and until when."""
        self.document.error_code = reason.code
        self.keep(
            error_code=reason.code,
            error_details=reason.details,
            waits_until=Now() + dt.timedelta(seconds=seconds),
        )

    def patience(self) -> Patience:
        return Patience.of_settings(on_wait=self.renew, on_pause=self.waits)

    # Each way to end writes the row only while the lease is ours.

    def begin(self, step: str) -> None:
        details = self._summary()
        self.keep(
            state=step,
            done=0,
            total=0,
            pace=None,
            step_started_at=Now(),
            attempts=0,
            **NO_TROUBLE,
        )
        self.document.state = step
        self.document.attempts = 0
        self._first = None
        journal.note(self.document, step, **details)

    def _summary(self) -> dict[str, Any]:
        """Return what the journal tells of the step that has ended."""
        row = Document.objects.get(pk=self.document.pk)
        seconds = (
            (timezone.now() - row.step_started_at).total_seconds() if row.step_started_at else 0
        )
        return {
            "seconds": round(seconds, 1),
            "pages": row.page_count,
            "passages": row.chunks.count(),
        }

    def pass_on(self) -> None:
        """Let another document have its turn; ours goes to the end of the queue."""
        if self.paused():
            self.stop()
            return
        with transaction.atomic():
            self._release()
            enqueue(ADVANCE, self.document.pk)

    def stop(self) -> None:
        """Let go until the work is resumed."""
        with suppress(LeaseLost):
            self._release(attempts=0)
            journal.note(self.document, "paused")

    def finish(self) -> None:
        details = self._summary()
        self._settle(
            state=State.READY,
            ready_at=Now(),
            indexed_with=self.embedder.name,
            attempts=0,
            pace=None,
            **NO_TROUBLE,
        )
        journal.note(self.document, State.READY, **details)
        journal.trim(self.document)

    def fail(self, error: WorkError) -> None:
        logger.warning("Document %d, %s: %s", self.document.pk, self.document.state, error)
        with suppress(LeaseLost):
            self._settle(
                state=State.FAILED,
                failed_step=self.document.state,
                error_code=error.code,
                error_details=error.details,
                waits_until=None,
            )
            journal.note_failure(self.document, error)
            journal.trim(self.document)

    def postpone(self, error: TransientError) -> None:
        """Try again later, each time later; give up when it has been tried often enough.

        Waiting for the shared pace is no failure: it is tried for as long as it takes.
        """
        attempts = 0 if error.code == "service_paced" else self.document.attempts
        if attempts >= _most_attempts(error.code):
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
                attempts=attempts,
                error_code=error.code,
                error_details=error.details,
                waits_until=Now() + dt.timedelta(seconds=wait),
            )
            journal.note_failure(self.document, error)

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
            look_at_pictures(
                document, path, on_progress=work.progress_or_pause, patience=work.patience()
            )
    except FileNotFoundError:
        raise WorkError("file_missing") from None
    if not document.pages.exclude(text="").exclude(doubt="nonsense", read_by="").exists():
        raise WorkError("no_text")
    return State.CHUNKING


def _read_pages(work: _Work, path: Path) -> None:
    document = work.document
    info = read_pages(document, path, on_progress=work.progress_or_pause, on_batch=work.renew)
    metadata.note(document.pk, info)
    count = document.pages.count()
    work.keep(done=0, total=0, page_count=count, read_at=Now())
    document.refresh_from_db(fields=["read_at", "page_count"])


def _chunk(work: _Work) -> str | None:
    """Cut the pages into passages; a passage that has not changed keeps its row."""
    with kept_alive(Document.objects.all(), work.document.pk, work.token):
        _cut(work)
    return State.EMBEDDING


def _cut(work: _Work) -> None:
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


def _embed(work: _Work) -> str | None:
    """Get the vectors that are missing, for as long as the slice lasts; they go on to the index."""

    had: int | None = None

    def told(done: int, total: int) -> None:
        nonlocal had
        work.progress(done, total)
        if had is not None and done > had:
            work.moved()
        had = done

    model = work.embedder.name
    with index.Stream(index.PASSAGES, work.document.pk, model) as stream:

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


def _index(work: _Work) -> str | None:
    """Put the vectors where near ones are found."""
    model = work.embedder.name
    if without_vector(work.document.chunks.all(), model).exists():
        return State.EMBEDDING  # the model was changed meanwhile
    whole = index.index_document(
        work.document.pk, model, on_progress=work.progress, enough=work.enough
    )
    return State.READY if whole else None


STEPS: dict[State, Callable[[_Work], str | None]] = {
    State.EXTRACTING: _extract,
    State.CHUNKING: _chunk,
    State.EMBEDDING: _embed,
    State.INDEXING: _index,
}
