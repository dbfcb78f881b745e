"""Background jobs: what each is, how far it is, stop and retry."""

import datetime as dt
from typing import Any, Literal

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import BaseModel

from api.answers import Listed, json_answer
from api.paging import PageIn, page_of
from api.rights import jobs_in_scope, require_account, require_right
from api.schemas.common import JobOut, RowId
from wikico2.jobs import queue
from wikico2.jobs.listing import JobLine, Outlook, job_lines, visible_job
from wikico2.jobs.log import event_lines
from wikico2.jobs.policy import known_kinds
from wikico2.models import Job, QueuePause

router = Router(tags=["jobs"])


def job_out(line: JobLine) -> JobOut:
    """Return a job as its page shows it."""
    return JobOut.of(
        line.job,
        title=line.title,
        result=line.url,
        place=line.wait.place,
        seconds_left=line.wait.seconds_left,
        may_stop=line.may_stop and line.job.is_working,
        may_retry=line.may_retry,
    )


def open_jobs(request: HttpRequest) -> QuerySet[Job]:
    """Return the jobs of all kinds that the caller's token may touch."""
    return jobs_in_scope(request, Job.objects.filter(kind__in=known_kinds()))


class JobFilterIn(PageIn):
    """Which jobs: those under way, the failed ones, or those that are done."""

    state: Literal["working", "failed", "done"] = "working"


STATES = {
    "working": Job.WORKING,
    "failed": (Job.State.FAILED,),
    "done": (Job.State.DONE,),
}


@router.get("", response=Listed[JobOut])
def list_jobs(request: HttpRequest, filters: Query[JobFilterIn]) -> Any:
    """List the jobs that you may see, the latest first; a page may hold fewer than its limit."""
    require_right(request, "job.read")
    rows = open_jobs(request).filter(state__in=STATES[filters.state])
    shown, following = page_of(rows.select_related("owner"), ("-id",), filters)
    lines = job_lines(shown, request.user, Outlook())
    return json_answer(
        request, Listed[JobOut](items=[job_out(line) for line in lines], next=following)
    )


def asked_line(request: HttpRequest, pk: int) -> JobLine:
    """Return a job that the caller may see; raises Unauthenticated, PermissionDenied or Http404."""
    require_right(request, "job.read")
    job = get_object_or_404(open_jobs(request).select_related("owner"), pk=pk)
    line = visible_job(job, request.user)
    if line is None:
        raise Http404
    return line


@router.get("/{pk}", response=JobOut)
def read_job(request: HttpRequest, pk: RowId) -> Any:
    """Read how far a job is."""
    return json_answer(request, job_out(asked_line(request, pk)))


class EventOut(BaseModel):
    """A line of the log of a job."""

    at: dt.datetime
    sentence: str


class EventsOut(BaseModel):
    """The log of a job, the latest line first."""

    items: list[EventOut]


@router.get("/{pk}/events", response=EventsOut)
def read_events(request: HttpRequest, pk: RowId) -> Any:
    """Read the log of a job, for who may act on it."""
    line = asked_line(request, pk)
    if not line.may_read_log:
        raise PermissionDenied
    items = [EventOut(at=one.at, sentence=str(one.text)) for one in event_lines(line.job)]
    return json_answer(request, EventsOut(items=items))


@router.post("/{pk}/stop", response=JobOut)
def halt_job(request: HttpRequest, pk: RowId) -> Any:
    """Stop a job; what it has done is kept."""
    user = require_account(request)
    line = asked_line(request, pk)
    if not line.may_stop:
        raise PermissionDenied
    queue.stop_job(line.job, user)
    return job_out(asked_line(request, pk))


@router.post("/{pk}/retry", response=JobOut)
def go_on_job(request: HttpRequest, pk: RowId) -> Any:
    """Start a failed or stopped job again where it stopped."""
    user = require_account(request)
    line = asked_line(request, pk)
    if not line.may_start:
        raise PermissionDenied
    queue.restart_job(line.job, user)
    return job_out(asked_line(request, pk))


queue_router = Router(tags=["jobs"])


class QueueOut(BaseModel):
    """Whether the queue is paused."""

    paused: bool


@queue_router.get("", response=QueueOut)
def read_queue(request: HttpRequest) -> Any:
    """Tell whether all jobs are paused."""
    return json_answer(request, QueueOut(paused=QueuePause.current() is not None))


@queue_router.put("", response=QueueOut)
def set_queue(request: HttpRequest, given: QueueOut) -> Any:
    """Pause or resume all jobs."""
    user = require_right(request, "queue.manage")
    if given.paused:
        queue.pause_queue(user)
    else:
        queue.resume_queue()
    return QueueOut(paused=QueuePause.current() is not None)
