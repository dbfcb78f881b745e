"""Run a job's row under a lease, one time slice at a time; restart and stop jobs.

The row has, besides its lease, `attempts`, `state` (waiting, failed, cancelled and states of its
own), `error_code` and `error_details`, and its manager the method `in_progress`.
"""

import logging
import time
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import models, transaction

from wikico2.errors import UserError
from wikico2.jobs.leases import LeasedQuerySet, LeaseLost
from wikico2.jobs.queue import enqueue

Row = TypeVar("Row", bound=models.Model)
NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_until": None}

logger = logging.getLogger(__name__)


class JobRun(Generic[Row]):
    """One time slice of work on a leased row; each method that ends the slice ends the lease."""

    rows: ClassVar[LeasedQuerySet[Any]]
    task: ClassVar[str]

    def __init__(self, row: Row, token: UUID) -> None:
        self.row = row
        self.token = token
        self.deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
        self.written_at = 0.0  # monotonic time of the last write to the row

    def keep(self, **values: Any) -> None:
        """Renew the lease and write `values`; raises LeaseLost."""
        self.rows.hold(self.row.pk, self.token, **values)
        self.written_at = time.monotonic()

    def renew(self) -> None:
        """Renew the lease, at most once a second, so that it may be called in tight loops."""
        if time.monotonic() - self.written_at >= 1.0:
            self.keep()

    def release(self, **values: Any) -> None:
        """Write `values` and end the lease; raises LeaseLost."""
        self.rows.release(self.row.pk, self.token, **values)

    def pass_on(self) -> None:
        """End the slice and queue the row's next one behind the tasks that wait."""
        with transaction.atomic():
            self.release(attempts=0)
            enqueue(self.task, self.row.pk)

    def fail(self, error: UserError) -> None:
        """Mark the row as failed and end the lease; does nothing when the lease is lost."""
        logger.warning("%s %d: %s", type(self.row).__name__, self.row.pk, error)
        with suppress(LeaseLost):
            self.release(state="failed", error_code=error.code, error_details=error.details)


def requeue_job(rows: LeasedQuerySet[Any], pk: int, task: str, **values: Any) -> bool:
    """Queue a failed or cancelled row again; tell whether it was one."""
    reset = {"state": "waiting", "attempts": 0, "error_code": "", "error_details": {}}
    with transaction.atomic():
        stopped = rows.filter(pk=pk, state__in=("failed", "cancelled"))
        restarted = stopped.update(**reset, **NO_LEASE, **values)
        if restarted:
            enqueue(task, pk)
    return bool(restarted)


def stop_job(in_progress: LeasedQuerySet[Any], pk: int) -> bool:
    """Cancel a job in progress by ending its lease; tell whether it was in progress."""
    return bool(in_progress.filter(pk=pk).update(state="cancelled", **NO_LEASE))
