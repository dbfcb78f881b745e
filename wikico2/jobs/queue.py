"""Start, stop and retry jobs, pause all of them, and keep tickets for them in the task queue.

django-q's queue holds tickets only: each makes a worker run one time slice of the job whose turn it
is. The queue may lose tickets; jobs are rows and are never lost. `resume_stalled` makes up for
what is missing.
"""

import datetime as dt
import logging
import threading
import time
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from wikico2.accounts.audit import record
from wikico2.jobs.log import record_event
from wikico2.jobs.policy import policy_of
from wikico2.jobs.turns import runnable
from wikico2.models import Job, QueuePause, WorkerPulse

logger = logging.getLogger(__name__)

RUN_NEXT = "wikico2.jobs.runner.run_next"
RESUME = "wikico2.jobs.queue.resume_stalled"
SESSION_NAME = "wikico2 worker"
"""`application_name` of a worker cluster's connections; they end with it, even if killed."""
PULSE_SECONDS = 5.0
JOB_RETENTION = dt.timedelta(days=1)
"""Time after which ended jobs that have no page of their own are deleted."""
MAX_TICKETS = 200
NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_until": None}
ANEW: dict[str, Any] = {
    "state": Job.State.WAITING,
    "attempts": 0,
    "error_code": "",
    "error_details": {},
    "done": 0,
    "pace": None,
    "not_before": None,
    "ended_at": None,
    **NO_LEASE,
}


# --- One job --------------------------------------------------------------------------------------


def start_job(
    kind: str,
    subject_id: int | None = None,
    *,
    key: str = "",
    owner: Any = None,
    params: dict[str, Any] | None = None,
    total: int = 0,
    delay: float = 0.0,
) -> bool:
    """Create a job with its ticket, in the caller's transaction; tell whether it was needed.

    It is not where the kind does not merge and a job of the same key is in progress; one that has
    ended starts again. `owner` is a user, their id or None, `delay` is in seconds.
    """
    policy = policy_of(kind)
    values: dict[str, Any] = {
        "lane": policy.lane,
        "subject_id": subject_id,
        "params": params or {},
        "total": total,
        "not_before": Now() + dt.timedelta(seconds=delay) if delay else None,
    }
    owner_id = getattr(owner, "pk", owner)
    identity = {"kind": kind, "key": key or str(subject_id or ""), "merges": policy.merges}
    with transaction.atomic():
        if policy.merges:
            Job.objects.create(**identity, **values, owner_id=owner_id)
            is_started = True
        else:
            job, is_started = Job.objects.get_or_create(
                **identity, defaults={**values, "owner_id": owner_id}
            )
            if not is_started:
                ended = Job.objects.filter(pk=job.pk).exclude(state__in=Job.WORKING)
                again = ANEW | values | {"seconds": 0, "started_at": None}
                is_started = bool(ended.update(**again, queued_at=Now()))
        if is_started and not delay:
            issue_tickets(1)
    return is_started


def restart_job(job: Job | None, user: Any = None) -> bool:
    """Start a failed or stopped job again where it stopped; tell whether it was one."""
    if job is None:
        return False
    with transaction.atomic():
        stopped = Job.objects.filter(pk=job.pk, state__in=Job.STOPPED)
        values = {name: value for name, value in ANEW.items() if name != "done"}
        if not stopped.update(**values, queued_at=Now()):
            return False
        job.refresh_from_db()
        record_event(job, "retried", name=str(user or "–"))
        record("job.retry", job, user)
        policy_of(job.kind).follow(job)
        issue_tickets(1)
    return True


def stop_job(job: Job | None, user: Any = None) -> bool:
    """Stop a job, keeping what it has done; tell whether it was in progress.

    Its worker stops within seconds, when it next tries to renew its lease.
    """
    if job is None:
        return False
    with transaction.atomic():
        in_progress = Job.objects.in_progress().filter(pk=job.pk)
        values = ANEW | {"state": Job.State.CANCELLED, "ended_at": Now()}
        del values["done"]
        if not in_progress.update(**values):
            return False
        job.refresh_from_db()
        record_event(job, "cancelled", name=str(user or "–"))
        record("job.stop", job, user)
        policy_of(job.kind).follow(job)
    return True


def wake_job(kind: str, subject_id: int) -> None:
    """Let a job that was put off run now."""
    waiting = Job.objects.of(kind, subject_id).filter(state=Job.State.WAITING)
    with transaction.atomic():
        if waiting.update(not_before=None, error_code="", error_details={}):
            issue_tickets(1)


def clear_ended_jobs() -> None:
    """Delete jobs that ended long ago and have no page of their own, and lost workers."""
    ended = Job.objects.exclude(state__in=Job.WORKING)
    ended.filter(merges=True, ended_at__lt=Now() - JOB_RETENTION).delete()
    WorkerPulse.objects.filter(seen_at__lt=Now() - JOB_RETENTION).delete()


# --- Tickets --------------------------------------------------------------------------------------


def issue_tickets(count: int) -> None:
    """Queue tickets, each for one time slice of whatever job is next.

    With the queue in PostgreSQL they are written in the caller's transaction, so that a job and
    its ticket appear together or not at all. With another broker they are queued on commit.
    """
    for _number in range(count):
        if is_in_database():
            async_task(RUN_NEXT)
        else:
            # A ticket that the broker does not take is made up for later: the job is a row.
            transaction.on_commit(lambda: async_task(RUN_NEXT), robust=True)


def resume_stalled() -> int:
    """Issue the tickets that are missing for the jobs that may run now; return how many."""
    missing = min(runnable().count(), MAX_TICKETS) - queue_length()
    issue_tickets(max(missing, 0))
    return max(missing, 0)


def recover_stalled() -> None:
    """Free the leases and tickets of dead workers. Call it before the first worker starts.

    With no worker alive anywhere, every lease and every ticket taken from the queue belongs to a
    dead worker; neither has to expire first.
    """
    if workers_alive():
        return
    Job.objects.in_progress().filter(lease_token__isnull=False).update(lease_until=None)
    WorkerPulse.objects.all().delete()
    if is_in_database():
        OrmQ.objects.filter(lock__gt=timezone.now()).update(lock=timezone.now())
    resume_stalled()


def queue_length() -> int:
    """Return how many tickets wait for a worker."""
    return int(get_broker().queue_size())


def is_in_database() -> bool:
    """Tell whether the queue is a table of the same database, rather than another broker."""
    return "orm" in settings.Q_CLUSTER


# --- The pause of everything ----------------------------------------------------------------------


def pause_queue(user: Any = None) -> None:
    """Pause all jobs: none starts, and running ones stop within seconds."""
    _pause, is_new = QueuePause.objects.get_or_create(only=True, defaults={"by": user})
    if is_new:
        record("queue.pause", user=user)


def resume_queue() -> None:
    """End the pause."""
    with transaction.atomic():
        paused, _rows = QueuePause.objects.all().delete()
        if paused:
            resume_stalled()
            record("queue.resume")


def is_paused() -> bool:
    """Tell whether all jobs are paused."""
    return QueuePause.objects.exists()


# --- Workers --------------------------------------------------------------------------------------


def start_pulse(**kwargs: Any) -> None:
    """Show from a thread that this worker process lives, and make up for missing tickets.

    The thread stands still with a frozen process, which then counts as dead.
    """
    pulse = WorkerPulse()

    def beat() -> None:
        while True:
            try:
                WorkerPulse.objects.update_or_create(key=pulse.key, defaults={"seen_at": Now()})
                resume_stalled()
            except Exception:  # the database or the broker is away for a moment
                logger.debug("No pulse.", exc_info=True)
                connection.close()
            time.sleep(min(PULSE_SECONDS, settings.LEASE_SECONDS / 4))

    threading.Thread(target=beat, name="pulse", daemon=True).start()


def workers_alive() -> bool:
    """Tell whether any worker process, on any machine, is alive and not frozen.

    A killed one ends its session at once; a frozen one keeps it, but shows no pulse.
    """
    if not WorkerPulse.objects.alive().exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s)",
            [SESSION_NAME],
        )
        return bool(cursor.fetchone()[0])


# --- Schedules ------------------------------------------------------------------------------------


def ensure_schedule(**kwargs: Any) -> None:
    """Schedule `resume_stalled` every minute; does nothing when it is scheduled already."""
    schedule_task(RESUME, "resume stalled work", Schedule.MINUTES)


def schedule_task(task: str, name: str, how_often: str, first: dt.datetime | None = None) -> None:
    """Schedule a task every minute, or daily from `first` on; keep an existing schedule."""
    if Schedule._meta.db_table not in connection.introspection.table_names():
        return  # only some migrations are applied
    existing = Schedule.objects.filter(func=task).order_by("pk")
    if one := existing.first():
        existing.exclude(pk=one.pk).delete()
    else:
        Schedule.objects.create(
            name=name,
            func=task,
            schedule_type=how_often,
            minutes=1,
            repeats=-1,
            next_run=first or timezone.now(),
        )


def schedule_daily(task: str, name: str, hour: int = 6) -> None:
    """Schedule a task every day at `hour`; keep an existing schedule."""
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    first = tomorrow.replace(hour=hour, minute=0, second=0, microsecond=0)
    schedule_task(task, name, Schedule.DAILY, first)
