"""Run one time slice of the job whose turn it is, under a lease, by the policy of its kind."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import Exists, F
from django.db.models.functions import Now

from wikico2.errors import TransientError, UserError, as_user_error
from wikico2.jobs.log import record_event, record_failure, trim_events
from wikico2.jobs.policy import UNCOUNTED, JobPolicy, policy_of
from wikico2.jobs.queue import NO_LEASE, issue_tickets
from wikico2.jobs.turns import claim, claim_next
from wikico2.llm.client import RetryPolicy
from wikico2.models import Job, QueuePause
from wikico2.models.jobs import lease_expiry

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""Seconds between two looks at whether the queue is paused, or a person waits."""
OUTAGE_SECONDS = 60.0
"""Seconds for which a worker waits for a lost database to write what came of a slice."""
WRITE_SECONDS = 0.3
"""Seconds between two writes of progress."""
NO_ERROR: dict[str, Any] = {"error_code": "", "error_details": {}, "not_before": None}


class LeaseLost(Exception):
    """The lease is no longer ours: it expired and was claimed, or somebody stopped the job."""


class JobPaused(Exception):
    """All jobs were paused; what is not stored yet is done again after the pause."""


def run_next() -> None:
    """Run one time slice of the job whose turn it is, if there is one."""
    job = claim_next()
    if job is not None:
        run_slice(job)


def run_out_of_turn(job: Job) -> bool:
    """Run one time slice of this job, if it may run now; tell whether it did."""
    claimed = claim(job.pk)
    if claimed is not None:
        run_slice(claimed)
    return claimed is not None


def run_slice(job: Job) -> None:
    """Run one time slice of a leased job, and write what came of it."""
    run = JobRun(job)
    try:
        with run.lease_kept():
            run.begin()
            if run.policy.work(run):
                run.finish()
            else:
                run.pass_on()
    except LeaseLost:
        logger.info("Job %s: stopped, or taken over.", job)
        run.policy.on_lost(job)
    except Exception as error:  # noqa: BLE001 (logged, and tried again by the policy)
        when_database_is_back(partial(end_with_error, run, error))


def end_with_error(run: "JobRun", error: Exception) -> None:
    """Write what an error means for the job: a pause, another attempt, or a failure."""
    if isinstance(error, JobPaused):
        run.stop()
    elif isinstance(error, OperationalError | InterfaceError):
        logger.warning("Job %s: %s", run.job, error)
        run.postpone(as_user_error(error))
    elif isinstance(error, TransientError):
        run.postpone(error)
    elif isinstance(error, UserError):
        run.fail(error)
    elif not run.is_held():
        logger.info("Job %s: its subject was removed, or its lease lost, during a step.", run.job)
        run.policy.on_lost(run.job)
    else:
        level = logging.WARNING if isinstance(error, IntegrityError) else logging.ERROR
        logger.log(level, "Job %s: %s", run.job, error, exc_info=error)
        run.postpone(TransientError("internal", reason=type(error).__name__))


def when_database_is_back(write: Callable[[], None]) -> None:
    """Write what came of a slice when the database is back, unless it takes too long.

    Without that its outage would count as the death of a worker, of which a few are enough.
    """
    end = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            if not connection.in_atomic_block:
                close_old_connections()
            write()
            return
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > end:
                raise
            time.sleep(CHECK_SECONDS / 4)


class JobRun:
    """One time slice of a job that this worker holds; its writes raise LeaseLost once it does not.

    Each method that ends the slice ends the lease.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.token = job.lease_token
        self.policy: JobPolicy = policy_of(job.kind)
        self.begun_at = time.monotonic()
        self.deadline = self.begun_at + settings.TASK_SLICE_SECONDS
        self._written_at = 0.0
        self._looked_at = self.begun_at
        self._is_paused = self._is_awaited = False
        self._pace_start: tuple[float, int] | None = None
        self._is_over = False

    @property
    def row_id(self) -> int:
        return self.job.row_id

    # --- During the slice ---

    def begin(self) -> None:
        """Raise UserError after too many attempts without progress."""
        if self.job.was_held:
            record_event(self.job, "taken_over")
        code, details = self.job.error_code, self.job.error_details
        if not self.policy.attempts_left(self.job.attempts - 1, code):
            worn_out = {"reason": f"worker stopped {self.policy.attempts} times"}
            raise UserError(code or "internal", **(details if code else worn_out))

    def keep(self, **values: Any) -> None:
        """Renew the lease and write `values` to the job; raises LeaseLost.

        In a transaction the job stays ours until the end of that.
        """
        if not self._mine().update(lease_until=lease_expiry(), **values):
            raise LeaseLost(self.job.pk)
        for name in values.keys() & {"attempts", "error_code", "done", "total"}:
            setattr(self.job, name, values[name])
        self._written_at = time.monotonic()

    def renew(self) -> None:
        """Renew the lease, at most once a second, so that it may be called in tight loops."""
        if time.monotonic() - self._written_at >= CHECK_SECONDS:
            self.keep()

    def check(self) -> None:
        """Renew the lease; raises JobPaused if all jobs are paused, or LeaseLost."""
        self.renew()
        if self.paused():
            raise JobPaused

    def paused(self) -> bool:
        """Tell whether all jobs are paused; the database is queried once a second at most."""
        self._look()
        return self._is_paused

    def enough(self) -> bool:
        """Tell whether the slice is over, all jobs are paused, or a person waits for another."""
        self._look()
        return time.monotonic() >= self.deadline or self._is_paused or self._is_awaited

    def progress(self, done: int, total: int) -> None:
        """Save the progress of the step; the row is written a few times a second at most."""
        if 0 < total <= done or time.monotonic() - self._written_at >= WRITE_SECONDS:
            self.keep(done=done, total=total, pace=self._pace(done))

    def progress_or_pause(self, done: int, total: int) -> None:
        """Save the progress of a step that cannot resume in the middle; raises JobPaused."""
        if self.paused():
            raise JobPaused
        self.progress(done, total)

    def advance(self, **values: Any) -> None:
        """Write progress that is stored for good: the attempts and the error are over."""
        self.keep(attempts=0, **NO_ERROR, **values)

    def renew_attempts(self) -> None:
        """Note that there is stored progress, if attempts had failed or the job waited."""
        if self.job.attempts or self.job.error_code:
            self.advance()

    def next_step(self) -> None:
        """Begin another step: its progress is counted anew."""
        self._pace_start = None
        self.advance(done=0, total=0, pace=None)

    def save_wait(self, reason: UserError, seconds: float) -> None:
        """Save that the running work waits for a service, why, and until when."""
        until = Now() + dt.timedelta(seconds=seconds)
        self.keep(error_code=reason.code, error_details=reason.details, not_before=until)

    def patience(self) -> RetryPolicy:
        """Return the policy of the requests to services; a pause or a stop ends their waits."""
        return RetryPolicy.from_settings(on_wait=self.check, on_pause=self.save_wait)

    def log(self, code: str, **details: Any) -> None:
        record_event(self.job, code, **details)

    @contextmanager
    def lease_kept(self) -> Iterator[None]:
        """Renew the lease from a thread while the block is busy without reporting progress."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(settings.LEASE_SECONDS / 3):
                try:
                    if not self._mine().update(lease_until=lease_expiry()):
                        break  # the block finds out at its own next write
                except (DatabaseError, InterfaceError):  # it may be back the next time
                    connection.close()
            connection.close()

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def is_held(self) -> bool:
        return bool(self._mine().exists())

    # --- The end of the slice ---

    def finish(self, event: str = "done", **details: Any) -> None:
        """Mark the job as done and log the event; in a transaction, with what the caller writes."""
        if self._is_over:
            return
        with transaction.atomic():
            self._end(state=Job.State.DONE, pace=None, ended_at=Now(), **NO_ERROR)
            if self.policy.merges:  # what failed before, or was stopped, is done with it
                same = Job.objects.filter(kind=self.job.kind, key=self.job.key, merges=True)
                same.filter(state__in=Job.STOPPED).delete()
            self.policy.follow(self.job)
        if not self.policy.merges:
            self.log(event, **{"seconds": round(self.job.seconds, 1), **details})
            trim_events(self.job)

    def pass_on(self) -> None:
        """Put the job at the end of its line, or stop while all jobs are paused."""
        if self.paused():
            self.stop()
            return
        with transaction.atomic():
            self._end(state=Job.State.WAITING, queued_at=Now(), attempts=0, not_before=None)
            issue_tickets(1)

    def stop(self) -> None:
        """Put the job back in its line until the pause ends."""
        with suppress(LeaseLost):
            self._end(state=Job.State.WAITING, attempts=0, **NO_ERROR)
            self.log("paused")

    def fail(self, error: UserError) -> None:
        """Mark the job as failed; does nothing when the lease is lost."""
        logger.warning("Job %s: %s", self.job, error)
        with suppress(LeaseLost), transaction.atomic():
            self._end(
                state=Job.State.FAILED,
                error_code=error.code,
                error_details=error.details,
                not_before=None,
                ended_at=Now(),
            )
            self.policy.follow(self.job)
            record_failure(self.job, error)
            trim_events(self.job)

    def postpone(self, error: UserError) -> None:
        """Put the job off, the longer the more attempts failed; fail it after too many."""
        attempts = 0 if error.code in UNCOUNTED else self.job.attempts
        if not self.policy.attempts_left(attempts, error.code):
            self.fail(error)
            return
        retry_after = float(error.details.get("retry_after") or 0)
        wait = self.policy.wait_after(attempts, retry_after)
        logger.info("Job %s: %s; again in %.0f s", self.job, error, wait)
        with suppress(LeaseLost):
            self._end(
                state=Job.State.WAITING,
                attempts=attempts,
                error_code=error.code,
                error_details=error.details,
                not_before=Now() + dt.timedelta(seconds=wait),
            )
            record_failure(self.job, error, waits=True)

    # --- Within ---

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, lease_token=self.token)

    def _end(self, **values: Any) -> None:
        spent = time.monotonic() - self.begun_at
        if not self._mine().update(**NO_LEASE, **values, seconds=F("seconds") + spent):
            raise LeaseLost(self.job.pk)
        self._is_over = True
        self.job.refresh_from_db()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < CHECK_SECONDS:
            return
        self._looked_at = now
        short = Job.objects.due().filter(lane=Job.Lane.SHORT, state=Job.State.WAITING)
        found = Job.objects.filter(pk=self.job.pk).values_list(
            Exists(QueuePause.objects.all()), Exists(short)
        )
        self._is_paused, self._is_awaited = found.first() or (False, False)
        self._is_awaited = self._is_awaited and self.job.lane != Job.Lane.SHORT

    def _pace(self, done: int) -> float | None:
        """Return the units done per second since this worker began the step, or None."""
        now = time.monotonic()
        if self._pace_start is None or done < self._pace_start[1]:
            self._pace_start = now, done
        since, first = self._pace_start
        return (done - first) / (now - since) if done > first and now > since else None
