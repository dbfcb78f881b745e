"""The only access to the task queue: queue tasks, pause the queue, requeue what a dead worker left.

The queue may lose a task when the process that took it dies; rows are never lost. So
`resume_stalled` checks every minute the rows marked as in progress, and queues those again that
no worker works on.
"""

import datetime as dt
import logging
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from django_q.status import Stat
from django_q.tasks import async_task

from wikico2.jobs.leases import LeasedQuerySet
from wikico2.models import QueuePause

logger = logging.getLogger(__name__)

RESUME = "wikico2.jobs.queue.resume_stalled"
SESSION_NAME = "wikico2 worker"
"""`application_name` of a worker cluster's connections; they end with it, even if killed."""

_resumable: dict[str, str] = {}


def enqueue(task: str, *args: Any) -> None:
    """Queue `task` (a dotted path) with plain arguments.

    With the queue in PostgreSQL the task is written in the caller's transaction, so that the row
    and its task appear together or not at all. With another broker it is queued on commit.
    """
    if is_in_database():
        async_task(task, *args)
    else:
        transaction.on_commit(lambda: async_task(task, *args))


def enqueue_later(task: str, *args: Any, seconds: float) -> None:
    """Queue `task` after `seconds`; the queue checks its schedules about every half minute."""
    Schedule.objects.create(
        func=task,
        args=repr(args),
        schedule_type=Schedule.ONCE,
        next_run=timezone.now() + dt.timedelta(seconds=seconds),
    )


def register_resumable(model: str, task: str) -> None:
    """Declare that `task`, called with a primary key, resumes that row of `model` (app.Model).

    The model must have the lease fields, and its manager the method `in_progress`.
    """
    _resumable[model] = task


def resume_stalled() -> int:
    """Queue again the rows in progress that no worker works on; return how many."""
    if is_paused():
        return 0
    queue_is_empty = get_broker().queue_size() == 0
    return sum(_requeue_rows(label, task, queue_is_empty) for label, task in _resumable.items())


def pause_queue(user: Any = None) -> None:
    """Pause the queue: no task starts, and running ones stop after their time slice."""
    QueuePause.objects.get_or_create(only=True, defaults={"by": user})


def resume_queue() -> None:
    """End the pause and queue all rows in progress again."""
    with transaction.atomic():
        paused, _rows = QueuePause.objects.all().delete()
        if paused:
            for label, task in _resumable.items():
                free = _in_progress(label).filter(lease_until__isnull=True)
                for pk in free.order_by("pk").values_list("pk", flat=True):
                    enqueue(task, pk)


def is_paused() -> bool:
    """Tell whether the queue is paused."""
    return QueuePause.objects.exists()


def workers_alive() -> bool:
    """Tell whether any worker, on any machine, takes tasks from the queue."""
    if not is_in_database():
        return bool(Stat.get_all())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s)",
            [SESSION_NAME],
        )
        return bool(cursor.fetchone()[0])


def queue_length() -> int:
    """Return how many tasks wait for a worker."""
    return int(get_broker().queue_size())


def recover_stalled() -> None:
    """Free the leases and tasks of dead workers. Call it before the first worker starts.

    With no worker alive anywhere, every lease and every task taken from the queue belongs to a
    dead worker; neither has to expire first.
    """
    if workers_alive():
        return
    for label in _resumable:
        _in_progress(label).filter(lease_token__isnull=False).update(lease_until=Now())
    if is_in_database():
        OrmQ.objects.filter(lock__gt=timezone.now()).update(lock=timezone.now())
    resume_stalled()


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


def is_in_database() -> bool:
    """Tell whether the queue is a table of the same database, rather than another broker."""
    return "orm" in settings.Q_CLUSTER


def _in_progress(label: str) -> LeasedQuerySet[Any]:
    rows: LeasedQuerySet[Any] = apps.get_model(label)._default_manager.in_progress()
    return rows


def _requeue_rows(label: str, task: str, queue_is_empty: bool) -> int:
    """Queue the rows whose lease has expired, and those whose task the queue has lost."""
    rows = _in_progress(label)
    stalled = rows.filter(lease_until__lt=Now())
    lost = rows.filter(lease_until__isnull=True)
    queued = 0
    for pk in stalled.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            if stalled.filter(pk=pk).update(lease_token=None, lease_until=None):
                enqueue(task, pk)
                queued += 1
    # A row without a lease waits for its task. With an empty queue that task is lost, or a worker
    # is just starting it; in that case a second task finds the row claimed and ends.
    if queue_is_empty and not queued:
        for pk in lost.order_by("pk").values_list("pk", flat=True)[:1_000]:
            enqueue(task, pk)
            queued += 1
    if queued:
        logger.info("%d rows of %s queued again after a worker stopped", queued, label)
    return queued
