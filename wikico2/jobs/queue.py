"""The one door to the queue: put a task in it, and bring back what a dead worker left.

The queue may forget a task, when the process that took it dies; rows never do. So `resume_stalled`
looks every minute at the rows that say that somebody works on them, and queues them again when
nobody does.
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
"""What the database calls the connections of a cluster; they end when it does, however it does."""

_resumable: dict[str, str] = {}


def enqueue(task: str, *args: Any) -> None:
    """Queue `task` (a dotted path) with plain arguments.

    With the queue in PostgreSQL the task is written in the caller's transaction, so that the row
    and its task appear together or not at all. Another broker is told on commit.
    """
    if is_in_database():
        async_task(task, *args)
    else:
        transaction.on_commit(lambda: async_task(task, *args))


def enqueue_later(task: str, *args: Any, seconds: float) -> None:
    """Queue `task` once some time has passed; the queue looks about every half minute."""
    Schedule.objects.create(
        func=task,
        args=repr(args),
        schedule_type=Schedule.ONCE,
        next_run=timezone.now() + dt.timedelta(seconds=seconds),
    )


def register_resumable(model: str, task: str) -> None:
    """Declare that rows of `model` (app.Model) go on when `task` gets their primary key.

    The model has the fields of a lease, and its manager the method `in_progress`.
    """
    _resumable[model] = task


def resume_stalled() -> int:
    """Queue again the rows that nobody works on any more; return how many."""
    if is_paused():
        return 0
    nothing_waits = get_broker().queue_size() == 0
    return sum(_requeue_rows(label, task, nothing_waits) for label, task in _resumable.items())


def pause_queue(user: Any = None) -> None:
    """Have the work stop: nothing is begun, and what is under way ends its slice of time."""
    QueuePause.objects.get_or_create(only=True, defaults={"by": user})


def resume_queue() -> None:
    """Have the work go on where it was when it was paused."""
    with transaction.atomic():
        paused, _rows = QueuePause.objects.all().delete()
        if paused:
            for label, task in _resumable.items():
                free = _in_progress(label).filter(lease_until__isnull=True)
                for pk in free.order_by("pk").values_list("pk", flat=True):
                    enqueue(task, pk)


def is_paused() -> bool:
    """Tell whether the work is paused."""
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
    """Free what dead workers hold. Call it before the first worker starts.

    With no worker alive anywhere every lease is a dead one's, and so is every task that was taken
    out of the queue; neither has to wait until its time is up.
    """
    if workers_alive():
        return
    for label in _resumable:
        _in_progress(label).filter(lease_token__isnull=False).update(lease_until=Now())
    if is_in_database():
        OrmQ.objects.filter(lock__gt=timezone.now()).update(lock=timezone.now())
    resume_stalled()


def ensure_schedule(**kwargs: Any) -> None:
    """Have `resume_stalled` run every minute; harmless when it already does."""
    schedule_task(RESUME, "resume stalled work", Schedule.MINUTES)


def schedule_task(task: str, name: str, how_often: str, first: dt.datetime | None = None) -> None:
    """Have a task run every minute, or every day from `first` on; harmless when it already does."""
    if Schedule._meta.db_table not in connection.introspection.table_names():
        return  # only a part of the migrations was asked for
    known = Schedule.objects.filter(func=task).order_by("pk")
    if one := known.first():
        known.exclude(pk=one.pk).delete()
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
    """Have a task run each morning; harmless when it already does."""
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    first = tomorrow.replace(hour=hour, minute=0, second=0, microsecond=0)
    schedule_task(task, name, Schedule.DAILY, first)


def is_in_database() -> bool:
    """Tell whether the queue is a table beside the rows, rather than another broker."""
    return "orm" in settings.Q_CLUSTER


def _in_progress(label: str) -> LeasedQuerySet[Any]:
    rows: LeasedQuerySet[Any] = apps.get_model(label)._default_manager.in_progress()
    return rows


def _requeue_rows(label: str, task: str, nothing_waits: bool) -> int:
    """Queue the rows whose lease has run out, and those whose task the queue has lost."""
    rows = _in_progress(label)
    stalled = rows.filter(lease_until__lt=Now())
    lost = rows.filter(lease_until__isnull=True)
    queued = 0
    for pk in stalled.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            if stalled.filter(pk=pk).update(lease_token=None, lease_until=None):
                enqueue(task, pk)
                queued += 1
    # A row without a lease waits for its task. With an empty queue that task is at best in the
    # hands of a worker that is about to begin, and then the second one finds nothing to do.
    if nothing_waits and not queued:
        for pk in lost.order_by("pk").values_list("pk", flat=True)[:1_000]:
            enqueue(task, pk)
            queued += 1
    if queued:
        logger.info("%d of %s go on after a worker stopped", queued, label)
    return queued
