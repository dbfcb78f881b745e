"""Views of background jobs: the list, one job with its log, stop and retry, pause, spending."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sheets.models import Spending
from wikico2.accounts.decorators import requires
from wikico2.jobs import queue
from wikico2.jobs.listing import JobLine, Outlook, job_lines, visible_job
from wikico2.jobs.log import event_lines
from wikico2.jobs.policy import known_kinds, policy_of
from wikico2.llm.rate_limit import recent_requests
from wikico2.models import Job, JobQuerySet, QueuePause, User

SHOWN = 30
LOOKED_AT = 200
"""Jobs from which those that the reader may see are taken."""
FINISHED_SHOWN = 10
MONTHS_SHOWN = 12


@never_cache
@require_safe
@requires("job.read")
def job_list(request: HttpRequest) -> HttpResponse:
    """Show all jobs; only the partial for a polling request."""
    outlook = Outlook()
    jobs = Job.objects.filter(kind__in=known_kinds()).select_related("owner")
    in_progress = job_lines(in_line(jobs.in_progress(), outlook), request.user, outlook)
    failed = jobs.filter(state=Job.State.FAILED).order_by("-ended_at", "-pk")[:LOOKED_AT]
    done = jobs.filter(state=Job.State.DONE, merges=False, started_at__isnull=False)
    months = Spending.objects.by_month()[:MONTHS_SHOWN]
    context: dict[str, Any] = {
        "outlook": outlook,
        "pause": QueuePause.current(),
        "requests": request_rates(),
        "waiting_count": jobs.filter(state=Job.State.WAITING).count(),
        "running_count": jobs.held().count(),
        "lines": in_progress[:SHOWN],
        "hidden_count": hidden_count(jobs.in_progress(), in_progress, request.user),
        "failed": job_lines(list(failed), request.user, outlook)[:SHOWN],
        "done": job_lines(list(done.order_by("-ended_at")[:LOOKED_AT]), request.user, outlook)[
            :FINISHED_SHOWN
        ],
        "today": months[0]["sum_today"] if months else 0,
        "ceiling": settings.LLM_TOKENS_PER_DAY,
        "months": months,
        "currency": settings.LLM_CURRENCY,
    }
    partial = request.headers.get("HX-Request")
    return render(request, "sheets/_tasks.html" if partial else "sheets/tasks.html", context)


def in_line(jobs: JobQuerySet, outlook: Outlook) -> list[Job]:
    """Return the running jobs, then those next in the line, then those put off; not all of many."""
    held = list(jobs.held().order_by("queued_at", "pk")[:LOOKED_AT])
    places = list(islice(outlook.places, LOOKED_AT - len(held)))
    by_place = jobs.in_bulk(places)
    known = [job.pk for job in held] + places
    others = jobs.exclude(pk__in=known).order_by("not_before", "queued_at", "pk")
    in_places = [by_place[pk] for pk in places if pk in by_place]
    return [*held, *in_places, *others[: LOOKED_AT - len(known)]]


def hidden_count(jobs: JobQuerySet, lines: Sequence[JobLine], user: Any) -> int:
    """Return how many of the jobs that `user` may see are not shown."""
    total = jobs.count()
    if total <= LOOKED_AT:
        return max(len(lines) - SHOWN, 0)
    seen = 0
    for kind in jobs.order_by().values_list("kind", flat=True).distinct():
        visible, of_kind = policy_of(kind).visible, jobs.filter(kind=kind)
        if visible is not None:
            of_kind = of_kind.filter(subject_id__in=visible(user).order_by().values("pk"))
        seen += of_kind.count()
    return max(seen - SHOWN, 0)


def request_rates() -> dict[str, Any] | None:
    """Return the request rate of the embedding model; None without a rate limit."""
    if settings.EMBEDDING_BACKEND != "openai" or not settings.AI_REQUESTS_PER_MINUTE:
        return None
    made, waiting = recent_requests(settings.EMBEDDING_MODEL)
    return {"made": made, "waiting": waiting, "granted": settings.AI_REQUESTS_PER_MINUTE}


@never_cache
@require_safe
@requires("job.read")
def job_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a job with its log, which only those who may act on it read."""
    line = get_line(request, pk)
    job = line.job
    events = list(event_lines(job)) if line.may_read_log else []
    partial = "_" if request.headers.get("HX-Request") else ""
    return render(request, f"sheets/{partial}task.html", {"line": line, "events": events})


@require_POST
@requires("job.read")
def job_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a job; what it has done is kept. Its page offers to go on, the list has it no more."""
    line = get_line(request, pk)
    if not line.may_stop:
        raise PermissionDenied
    queue.stop_job(line.job, cast("User", request.user))
    return redirect("task", pk)


@require_POST
@requires("job.read")
def job_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a failed or stopped job again where it stopped."""
    line = get_line(request, pk)
    if not line.may_start:
        raise PermissionDenied
    queue.restart_job(line.job, cast("User", request.user))
    return redirect("tasks")


def get_line(request: HttpRequest, pk: int) -> JobLine:
    """Return a job; raises Http404 where the user may not see it."""
    job = get_object_or_404(Job.objects.select_related("owner"), pk=pk, kind__in=known_kinds())
    line = visible_job(job, request.user)
    if line is None:
        raise Http404
    return line


@require_POST
@requires("queue.manage")
def jobs_pause(request: HttpRequest) -> HttpResponse:
    """Pause all jobs: running ones stop within seconds, and keep their progress."""
    queue.pause_queue(request.user)
    return redirect("tasks")


@require_POST
@requires("queue.manage")
def jobs_resume(request: HttpRequest) -> HttpResponse:
    """Resume all jobs."""
    queue.resume_queue()
    return redirect("tasks")
