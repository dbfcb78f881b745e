"""Work: a document in the hands of a worker, what it tells of itself meanwhile, and how it ends.

A worker holds the document by a lease; whatever it writes is refused once the lease is gone,
because another worker has taken over or because somebody cancelled.
"""

import datetime as dt
import logging
import time
from contextlib import suppress
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from ingestion.intake.upload import ADVANCE
from ingestion.models import Document
from ingestion.pipeline.event_log import record_event, record_failure, trim_events
from ingestion.signals import document_settled
from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.embedders.registry import get_embedder
from wikico2.errors import TransientError, UserError
from wikico2.jobs.leases import LeaseLost
from wikico2.jobs.queue import enqueue, is_paused
from wikico2.jobs.worker import JobRun
from wikico2.llm.client import RetryPolicy

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


class WorkPaused(Exception):
    """All work was paused while this went on."""


class DocumentRun(JobRun[Document]):
    """A document in the hands of this worker, for one time slice."""

    rows = Document.objects.all()
    task = ADVANCE

    def __init__(self, document: Document, token: UUID) -> None:
        super().__init__(document, token)
        self.document = document
        self._looked = time.monotonic()
        self._paused = False
        self._first: tuple[float, int] | None = None

    @cached_property
    def embedder(self) -> Embedder:
        return get_embedder()

    def give_up_if_hopeless(self) -> None:
        """Raise UserError when this was tried often enough without getting any further."""
        if self.document.attempts > _max_attempts(self.document.error_code):
            code, details = self.document.error_code, self.document.error_details
            if not code:
                code, details = "internal", {"reason": f"worker stopped {MAX_ATTEMPTS} times"}
            raise UserError(code, **details)

    def enough(self) -> bool:
        """Tell whether the slice is over, or all work was paused."""
        return time.monotonic() >= self.deadline or self.paused()

    def paused(self) -> bool:
        """Tell whether all work was paused; the database is asked once a second at most."""
        if time.monotonic() - self._looked >= 1.0:
            self._paused = is_paused()
            self._looked = time.monotonic()
        return self._paused

    def progress(self, done: int, total: int) -> None:
        """Tell how far the step is; the row is written a few times a second at most."""
        if done >= total or time.monotonic() - self.written_at >= 0.3:
            self.keep(done=min(done, total), total=total, pace=self._pace(done))

    def progress_or_pause(self, done: int, total: int) -> None:
        """Tell how far a step is that cannot go on where it was left."""
        if self.paused():
            raise WorkPaused
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

    def waits(self, reason: UserError, seconds: float) -> None:
        """Show that the work waits for a service, and until when."""
        self.document.error_code = reason.code
        self.keep(
            error_code=reason.code,
            error_details=reason.details,
            waits_until=Now() + dt.timedelta(seconds=seconds),
        )

    def patience(self) -> RetryPolicy:
        return RetryPolicy.from_settings(on_wait=self.renew, on_pause=self.waits)

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
        record_event(self.document, step, **details)

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
            self.release()
            enqueue(ADVANCE, self.document.pk)

    def stop(self) -> None:
        """Let go until the work is resumed."""
        with suppress(LeaseLost):
            self.release(attempts=0)
            record_event(self.document, "paused")

    def finish(self) -> None:
        details = self._summary()
        self._close_job(
            state=State.READY,
            ready_at=Now(),
            indexed_with=self.embedder.name,
            attempts=0,
            pace=None,
            **NO_TROUBLE,
        )
        record_event(self.document, State.READY, **details)
        trim_events(self.document)

    def fail(self, error: UserError) -> None:
        logger.warning("Document %d, %s: %s", self.document.pk, self.document.state, error)
        with suppress(LeaseLost):
            self._close_job(
                state=State.FAILED,
                failed_step=self.document.state,
                error_code=error.code,
                error_details=error.details,
                waits_until=None,
            )
            record_failure(self.document, error)
            trim_events(self.document)

    def postpone(self, error: TransientError) -> None:
        """Try again later, each time later; give up when it has been tried often enough.

        Waiting for the shared pace is no failure: it is tried for as long as it takes.
        """
        attempts = 0 if error.code == "service_paced" else self.document.attempts
        if attempts >= _max_attempts(error.code):
            self.fail(error)
            return
        asked = float(error.details.get("retry_after") or 0)
        wait = min(max(asked, 5.0 * 2**attempts), 600)
        logger.info("Document %d: %s; again in %.0f s", self.document.pk, error, wait)
        with suppress(LeaseLost):
            self.rows.postpone(
                self.document.pk,
                self.token,
                dt.timedelta(seconds=wait),
                attempts=attempts,
                error_code=error.code,
                error_details=error.details,
                waits_until=Now() + dt.timedelta(seconds=wait),
            )
            record_failure(self.document, error, waits=True)

    def _close_job(self, **values: Any) -> None:
        with transaction.atomic():
            self.release(**values)
            document_settled.send(Document, document_id=self.document.pk)


def _max_attempts(code: str) -> int:
    return MAX_OUTAGES if code in OUTAGES else MAX_ATTEMPTS
