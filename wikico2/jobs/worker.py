"""Work on a row that is leased: a worker has it in hand for a slice of time; people stop it.

The row has, beside its lease, `attempts`, `state` (waiting, failed, cancelled and others of its
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
FREE: dict[str, Any] = {"lease_token": None, "lease_until": None}

logger = logging.getLogger(__name__)


class JobRun(Generic[Row]):
    """A row in the hands of this worker, for one time slice; each way to end gives it up."""

    rows: ClassVar[LeasedQuerySet[Any]]
    task: ClassVar[str]

    def __init__(self, row: Row, token: UUID) -> None:
        self.row = row
        self.token = token
        self.deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
        self.told = 0.0  # when the row was written last

    def keep(self, **values: Any) -> None:
        """Renew the lease and write `values`; raises LeaseLost."""
        self.rows.hold(self.row.pk, self.token, **values)
        self.told = time.monotonic()

    def renew(self) -> None:
        """Renew the lease, once a second at most: it may be called at any turn."""
        if time.monotonic() - self.told >= 1.0:
            self.keep()

    def release(self, **values: Any) -> None:
        """Write `values` and give the row up; raises LeaseLost."""
        self.rows.release(self.row.pk, self.token, **values)

    def pass_on(self) -> None:
        """Let others have their turn; ours goes to the end of the queue."""
        with transaction.atomic():
            self.release(attempts=0)
            enqueue(self.task, self.row.pk)

    def fail(self, error: UserError) -> None:
        logger.warning("%s %d: %s", type(self.row).__name__, self.row.pk, error)
        with suppress(LeaseLost):
            self.release(state="failed", error_code=error.code, error_details=error.details)


def requeue_job(rows: LeasedQuerySet[Any], pk: int, task: str, **values: Any) -> bool:
    """Put a failed or stopped row back to work; tell whether it was one."""
    again = {"state": "waiting", "attempts": 0, "error_code": "", "error_details": {}}
    with transaction.atomic():
        stopped = rows.filter(pk=pk, state__in=("failed", "cancelled"))
        restarted = stopped.update(**again, **FREE, **values)
        if restarted:
            enqueue(task, pk)
    return bool(restarted)


def stop_job(in_progress: LeasedQuerySet[Any], pk: int) -> bool:
    """Take a row out of the hands of whoever works on it; tell whether it was under way."""
    return bool(in_progress.filter(pk=pk).update(state="cancelled", **FREE))
