"""The log of a job, as sentences for the people it concerns."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wikico2.errors import SENTENCES as FAILURES
from wikico2.errors import UserError, error_sentence
from wikico2.jobs.policy import policy_of
from wikico2.models import Job, JobEvent

MAX_EVENTS = 200
"""Events kept per job; the oldest are deleted."""

SENTENCES = {
    "taken_over": gettext_noop("Processing was interrupted. It resumes where it stopped."),
    "paused": gettext_noop("Processing was paused."),
    "cancelled": gettext_noop("Stopped by %(name)s."),
    "retried": gettext_noop("Restarted by %(name)s."),
    "done": gettext_noop("Done (%(seconds)s s)."),
}


class EventLine(NamedTuple):
    at: Any
    text: str
    is_failure: bool


def record_event(job: Job | None, code: str, **details: Any) -> None:
    """Log an event; do nothing if the job is gone."""
    if job is not None and Job.objects.filter(pk=job.pk).exists():
        JobEvent.objects.create(job_id=job.pk, code=code, details=details)


def record_failure(job: Job, error: UserError, *, waits: bool = False) -> None:
    """Log an error, unless the last event is the same error.

    `waits` says that the work is retried automatically.
    """
    last = JobEvent.objects.filter(job=job.pk).first()
    if last is None or (last.code, "waits" in last.details) != (error.code, waits):
        record_event(job, error.code, **error.details, **({"waits": True} if waits else {}))


def trim_events(job: Job) -> None:
    """Delete the oldest events beyond `MAX_EVENTS`."""
    events = JobEvent.objects.filter(job=job.pk)
    kept = events.values_list("pk", flat=True)[:MAX_EVENTS]
    events.exclude(pk__in=list(kept)).delete()


def event_lines(job: Job | None) -> Iterator[EventLine]:
    """Yield the events in the reader's language, the latest first."""
    if job is None:
        return
    sentences = SENTENCES | (policy_of(job.kind).sentences or {})
    for row in JobEvent.objects.filter(job=job.pk)[:MAX_EVENTS]:
        if row.code in sentences:
            details = {key: localize(value) for key, value in row.details.items()}
            yield EventLine(row.at, _(sentences[row.code]) % details, False)
        else:
            known = row.code in FAILURES
            waits = "waits" in row.details
            text = error_sentence(row.code, row.details, waits=waits) if known else row.code
            yield EventLine(row.at, text, True)
