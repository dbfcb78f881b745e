"""Background jobs: one table for all kinds of work, its log, whose turn it is, the workers.

What each kind does, and what may happen to it, is declared by its policy (`wikico2.jobs.policy`).
Times are those of the database, since the clocks of hosts differ.
"""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from wikico2.errors import PERMANENT, error_sentence

PULSE_LOST_SECONDS = 20
"""A worker process that has not been seen for so long is dead, or frozen."""

Row = TypeVar("Row", bound=models.Model)


def lease_expiry() -> Any:
    """Return the expression for the end of a lease taken now."""
    return Now() + dt.timedelta(seconds=settings.LEASE_SECONDS)


class JobQuerySet(models.QuerySet["Job"]):
    """Queries on jobs."""

    def of(self, kind: str, subject_id: int) -> "JobQuerySet":
        return self.filter(kind=kind, subject_id=subject_id)

    def in_progress(self) -> "JobQuerySet":
        """Return the jobs that a worker runs, or that wait for one."""
        return self.filter(state__in=Job.WORKING)

    def held(self) -> "JobQuerySet":
        """Return the jobs with a valid lease."""
        return self.filter(lease_token__isnull=False, lease_until__gte=Now())

    def due(self) -> "JobQuerySet":
        """Return the jobs that a worker may run now: not held by another, not put off."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        is_due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
        return self.in_progress().filter(is_free, is_due)


class Job(models.Model):
    """One piece of background work, held by at most one worker at a time by a lease.

    `subject_id` is the row of the kind's model, if it has one. `key` tells what is the same work:
    one job exists for each key of a kind, or, if the kind `merges`, those that wait are done
    together. `not_before` puts the job off, for the reason `error_code`. `attempts` counts those
    since the last progress. `pace` is what is done of `total` in a second, in this step; `seconds`
    is the work in all.
    """

    OWNER_FIELDS = ("owner_id",)

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("stopped")

    class Lane(models.TextChoices):
        SHORT = "short"
        WRITING = "writing"
        READING = "reading"
        INDEXING = "indexing"
        UPKEEP = "upkeep"

    WORKING = (State.WAITING, State.RUNNING)
    STOPPED = (State.FAILED, State.CANCELLED)

    kind = models.CharField(max_length=30)
    subject_id = models.BigIntegerField(null=True)
    key = models.CharField(max_length=100)
    merges = models.BooleanField(default=False)
    params = models.JSONField(default=dict)
    lane = models.CharField(max_length=10)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    pace = models.FloatField(null=True)
    seconds = models.FloatField(default=0)

    was_held = False
    """Whether the lease of another worker had expired when this one claimed the job."""

    objects = JobQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(merges=False), name="job_unique_key"
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error_code=""), name="job_failure_has_error"
            ),
        ]
        indexes = [
            models.Index(
                fields=["lane", "owner", "queued_at", "id"],
                condition=Q(state__in=("waiting", "running")),
                name="job_in_progress",
            ),
            models.Index(fields=["state", "-ended_at"], name="job_ended"),
            models.Index(fields=["kind", "key"], name="job_key"),
            models.Index(fields=["kind", "subject_id"], name="job_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def row_id(self) -> int:
        """Return the id of the row that the job works on."""
        assert self.subject_id is not None, self
        return self.subject_id

    @property
    def is_working(self) -> bool:
        """Tell whether a worker runs the job, or it waits for one."""
        return self.state in self.WORKING

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING

    @property
    def waits(self) -> bool:
        """Tell whether the job waits for a service, and goes on by itself."""
        return self.is_working and bool(self.error_code)

    @property
    def error(self) -> str:
        """Return the error, or what the job waits for, in the reader's language, or `""`."""
        return error_sentence(self.error_code, self.error_details, waits=self.is_working)

    @property
    def percent(self) -> int:
        return min(100 * self.done // self.total, 100) if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        """Estimate the seconds left of the current step; None while the pace is unknown."""
        if self.waits or not self.pace or not self.done or self.done >= self.total:
            return None
        return (self.total - self.done) / self.pace


class JobEvent(models.Model):
    """An event of a job; `wikico2.jobs.log` makes its sentence when it is displayed."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=40)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.job_id} {self.code}"


class JobTurn(models.Model):
    """When a lane, or a person in a lane, last had a turn, counted in turns of the whole queue."""

    name = models.CharField(max_length=40, unique=True)
    number = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class WorkerPulseQuerySet(models.QuerySet["WorkerPulse"]):
    """Queries on workers."""

    def alive(self) -> "WorkerPulseQuerySet":
        """Return the processes that were seen lately: the others are dead, or frozen."""
        lost = min(PULSE_LOST_SECONDS, settings.LEASE_SECONDS)
        return self.filter(seen_at__gt=Now() - dt.timedelta(seconds=lost))


class WorkerPulse(models.Model):
    """A process that runs jobs, and when it was last seen alive."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    seen_at = models.DateTimeField(db_default=Now())

    objects = WorkerPulseQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.key)


class JobSubjectQuerySet(models.QuerySet[Row]):
    """Queries on rows that a job works on."""

    def in_state(self, *states: str) -> Self:
        """Return the rows whose job is in one of these states."""
        kinds = self.model.JOB_KINDS  # type: ignore[attr-defined]
        jobs = Job.objects.filter(kind__in=kinds, subject_id=OuterRef("pk"), state__in=states)
        return self.filter(Exists(jobs))

    def in_progress(self) -> Self:
        """Return the rows that a worker works on, or that wait for one."""
        return self.in_state(*Job.WORKING)

    def failed(self) -> Self:
        return self.in_state(Job.State.FAILED)


class JobSubject(models.Model):
    """A row that a job works on, with the state, progress and error of that job."""

    JOB_KINDS: tuple[str, ...] = ()
    State = Job.State

    class Meta:
        abstract = True

    @property
    def job(self) -> Job | None:
        """Return the job of this row; None if none was ever needed."""
        if "_job" not in self.__dict__:
            found = Job.objects.filter(kind__in=self.JOB_KINDS, subject_id=self.pk)
            self.__dict__["_job"] = found.first()
        job: Job | None = self.__dict__["_job"]
        return job

    @property
    def done(self) -> int:
        return self.job.done if self.job else 0

    @property
    def total(self) -> int:
        return self.job.total if self.job else 0

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.pop("_job", None)
        super().refresh_from_db(*args, **kwargs)

    @classmethod
    def load_jobs(cls, rows: Collection[Any]) -> None:
        """Load the jobs of these rows in one query."""
        ids = [row.pk for row in rows]  # no query for none
        jobs = Job.objects.filter(kind__in=cls.JOB_KINDS, subject_id__in=ids)
        by_subject = {job.subject_id: job for job in jobs}
        for row in rows:
            row.__dict__["_job"] = by_subject.get(row.pk)


class JobState(JobSubject):
    """A row whose state is that of its job; a row without a job is done."""

    class Meta:
        abstract = True

    @property
    def state(self) -> str:
        return self.job.state if self.job else Job.State.DONE

    def get_state_display(self) -> str:
        """Return the state in the reader's language."""
        return str(Job.State(self.state).label)

    @property
    def is_working(self) -> bool:
        return bool(self.job and self.job.is_working)

    @property
    def percent(self) -> int:
        return self.job.percent if self.job else 100

    @property
    def error_code(self) -> str:
        return self.job.error_code if self.job else ""

    @property
    def error(self) -> str:
        """Return the error as a sentence in the reader's language, or `""`."""
        return self.job.error if self.job else ""

    @property
    def may_help_to_retry(self) -> bool:
        """Tell whether the job has stopped, and a retry of the same can succeed."""
        return self.state in Job.STOPPED and self.error_code not in PERMANENT


class QueuePause(models.Model):
    """The one row that exists while the queue is paused: workers finish their slice, then stop."""

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        verbose_name = _("processing pause")
        verbose_name_plural = _("processing pauses")
        default_permissions = ("add", "delete")
        constraints = [models.CheckConstraint(condition=models.Q(only=True), name="pause_only_one")]

    def __str__(self) -> str:
        return str(self.at)

    @classmethod
    def current(cls) -> Any:
        """Return the current pause, or None."""
        return cls.objects.select_related("by").first()
