"""What a monitoring system watches, in the text format of Prometheus."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max
from django.db.models.functions import Now

from wikico2.jobs.queue import is_paused, queue_length, workers_alive
from wikico2.models import Job, WorkerPulse

Sample = tuple[dict[str, str], float]
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render_metrics() -> str:
    """Return all metrics as they stand now, by a handful of queries."""
    return "".join(
        line
        for name, about, samples in _metrics()
        for line in _metric_lines(f"wikico2_{name}", about, samples)
    )


def _metrics() -> Iterator[tuple[str, str, Iterable[Sample]]]:
    yield "jobs", "Jobs by kind, lane and state.", _jobs()
    yield "job_age_seconds", "Age of the oldest job of a lane that may run but waits.", _ages()
    yield "job_seconds", "Longest work on one job of a kind, of those that are kept.", _seconds()
    yield "queue_tickets", "Tickets that wait for a worker.", [({}, queue_length())]
    yield "queue_paused", "Whether all jobs are paused.", [({}, is_paused())]
    yield "workers", "Worker processes that were seen lately.", _workers()
    yield "database_bytes", "Size of the database.", [({}, _database_size())]
    if not settings.S3_BUCKET:
        yield "storage_free_bytes", "Free space for files.", [({}, _free_space())]


def _jobs() -> Iterator[Sample]:
    rows = Job.objects.order_by("kind").values_list("kind", "lane", "state")
    for kind, lane, state, count in rows.annotate(n=Count("pk")):
        yield {"kind": kind, "lane": lane, "state": state}, count


def _ages() -> Iterator[Sample]:
    """Yield every lane, so that an alert sees 0 and not nothing while no job waits."""
    age = ExpressionWrapper(Now() - F("queued_at"), output_field=DurationField())
    due = Job.objects.due().filter(state=Job.State.WAITING).order_by()
    oldest = dict(due.values_list("lane").annotate(age=Max(age)))
    for lane in Job.Lane.values:
        yield {"lane": lane}, oldest[lane].total_seconds() if lane in oldest else 0.0


def _seconds() -> Iterator[Sample]:
    rows = Job.objects.order_by("kind").values("kind").annotate(spent=Max("seconds"))
    for row in rows:
        yield {"kind": row["kind"]}, row["spent"]


def _workers() -> list[Sample]:
    """A killed process has no session, a frozen one no pulse: neither counts."""
    return [({}, WorkerPulse.objects.alive().count() if workers_alive() else 0)]


def _database_size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _free_space() -> int:
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _metric_lines(name: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        pairs = ",".join(f'{key}="{text.translate(ESCAPES)}"' for key, text in labels.items())
        yield f"{name}{{{pairs}}} {value:g}\n" if pairs else f"{name} {float(value):.15g}\n"
