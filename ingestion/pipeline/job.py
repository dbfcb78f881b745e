"""One worker's run on a document: its progress, and how it ends.

A worker holds the document by a lease. Its writes raise LeaseLost once the lease is gone, because
another worker has taken over or somebody has cancelled.
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
"""Attempts without progress, killed workers included, after which the work counts as failed."""

NO_ERROR: dict[str, Any] = {"error_code": "", "error_details": {}, "waits_until": None}

MAX_OUTAGES = 12
"""Failures of a service in a row, an hour in all, after which the work counts as failed."""

OUTAGES = {
    "bad_answer",
    "index_unreachable",
    "service_busy",
    "service_cut_off",
    "service_slow",
    "service_unreachable",
}


class WorkPaused(Exception):
    """All work was paused during a step that cannot be resumed in the middle."""


class DocumentRun(JobRun[Document]):
    """A document that this worker holds, for one time slice."""

    rows = Document.objects.all()
    task = ADVANCE

    def __init__(self, document: Document, token: UUID) -> None:
        super().__init__(document, token)
        self.document = document
        self._pause_checked_at = time.monotonic()
        self._paused = False
        self._pace_start: tuple[float, int] | None = None

    @cached_property
    def embedder(self) -> Embedder:
        return get_embedder()

    def check_attempts(self) -> None:
        """Raise UserError after too many attempts without progress."""
        if self.document.attempts > _max_attempts(self.document.error_code):
            code, details = self.document.error_code, self.document.error_details
            if not code:
                code, details = "internal", {"reason": f"worker stopped {MAX_ATTEMPTS} times"}
            raise UserError(code, **details)

    def enough(self) -> bool:
        """Tell whether the slice is over, or all work was paused."""
        return time.monotonic() >= self.deadline or self.paused()

    def paused(self) -> bool:
        """Tell whether all work was paused; the database is queried once a second at most."""
        if time.monotonic() - self._pause_checked_at >= 1.0:
            self._paused = is_paused()
            self._pause_checked_at = time.monotonic()
        return self._paused

    def progress(self, done: int, total: int) -> None:
        """Save the progress of the step; the row is written a few times a second at most."""
        if done >= total or time.monotonic() - self.written_at >= 0.3:
            self.keep(done=min(done, total), total=total, pace=self._pace(done))

    def progress_or_pause(self, done: int, total: int) -> None:
        """Save the progress of a step that cannot resume in the middle; raises WorkPaused."""
        if self.paused():
            raise WorkPaused
        self.progress(done, total)

    def _pace(self, done: int) -> float | None:
        """Return the units done per second since this worker began the step, or None."""
        now = time.monotonic()
        if self._pace_start is None or done < self._pace_start[1]:
            self._pace_start = now, done
        since, first = self._pace_start
        return (done - first) / (now - since) if done > first and now > since else None

    def reset_attempts(self) -> None:
        """Reset the attempts and the error, after progress that is stored for good."""
        if self.document.attempts or self.document.error_code:
            self.document.attempts = 0
            self.document.error_code = ""
            self.keep(attempts=0, **NO_ERROR)

    def save_wait(self, reason: UserError, seconds: float) -> None:
        """Save that the work waits for a service, why, and until when."""
        self.document.error_code = reason.code
        self.keep(
            error_code=reason.code,
            error_details=reason.details,
            waits_until=Now() + dt.timedelta(seconds=seconds),
        )

    def patience(self) -> RetryPolicy:
        return RetryPolicy.from_settings(on_wait=self.renew, on_pause=self.save_wait)

    # The methods below write the row only while this worker holds the lease.

    def begin(self, step: str) -> None:
        details = self._summary()
        self.keep(
            state=step,
            done=0,
            total=0,
            pace=None,
            step_started_at=Now(),
            attempts=0,
            **NO_ERROR,
        )
        self.document.state = step
        self.document.attempts = 0
        self._pace_start = None
        record_event(self.document, step, **details)

    def _summary(self) -> dict[str, Any]:
        """Return the details that the event log gives of the step that has ended."""
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
        """Release the document and put it at the end of the queue."""
        if self.paused():
            self.stop()
            return
        with transaction.atomic():
            self.release()
            enqueue(ADVANCE, self.document.pk)

    def stop(self) -> None:
        """Release the document until the work is resumed."""
        with suppress(LeaseLost):
            self.release(attempts=0)
            record_event(self.document, "paused")

    def finish(self) -> None:
        details = self._summary()
        self._release_settled(
            state=State.READY,
            ready_at=Now(),
            indexed_with=self.embedder.name,
            attempts=0,
            pace=None,
            **NO_ERROR,
        )
        record_event(self.document, State.READY, **details)
        trim_events(self.document)

    def fail(self, error: UserError) -> None:
        logger.warning("Document %d, %s: %s", self.document.pk, self.document.state, error)
        with suppress(LeaseLost):
            self._release_settled(
                state=State.FAILED,
                failed_step=self.document.state,
                error_code=error.code,
                error_details=error.details,
                waits_until=None,
            )
            record_failure(self.document, error)
            trim_events(self.document)

    def postpone(self, error: TransientError) -> None:
        """Retry with exponential back-off; fail after `_max_attempts`.

        Waiting for the shared rate limit is not a failure and is retried without end.
        """
        attempts = 0 if error.code == "service_paced" else self.document.attempts
        if attempts >= _max_attempts(error.code):
            self.fail(error)
            return
        retry_after = float(error.details.get("retry_after") or 0)
        wait = min(max(retry_after, 5.0 * 2**attempts), 600)
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

    def _release_settled(self, **values: Any) -> None:
        with transaction.atomic():
            self.release(**values)
            document_settled.send(Document, document_id=self.document.pk)


def _max_attempts(code: str) -> int:
    return MAX_OUTAGES if code in OUTAGES else MAX_ATTEMPTS
