"""Views of the queue: workers, jobs in progress, failures, pause and spending."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ingestion.models import Document, IndexBuild, SourceImport, SourceImportQuerySet
from ingestion.vector_index.rebuild import retry_build
from ingestion.views.imports import ImportStatus
from sheets.generation.progress import with_progress
from sheets.models import Generation, Sheet, Spending
from sheets.models.generation import GenerationQuerySet
from wikico2.jobs import queue
from wikico2.jobs.queue import queue_length, workers_alive
from wikico2.llm.rate_limit import recent_requests
from wikico2.models import QueuePause

Build = IndexBuild.State
SHOWN = 30
FINISHED_SHOWN = 10
MONTHS_SHOWN = 12


@never_cache
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """Show all jobs; only the partial for a polling request."""
    documents = Document.objects.readable_by(request.user)
    reading = documents.in_progress()
    writing = visible_generations(request.user).in_progress()
    months = Spending.objects.by_month()[:MONTHS_SHOWN]
    context: dict[str, Any] = {
        "alive": workers_alive(),
        "pause": QueuePause.current(),
        "requests": request_rates(),
        "totals": reading.totals(),
        "builds": IndexBuild.objects.filter(state__in=(Build.WORKING, Build.FAILED))[:3],
        "waiting": queue_length(),
        "reading_count": reading.count(),
        "reading": reading.order_by(F("lease_token").asc(nulls_last=True), "created_at")[:SHOWN],
        "writing": with_progress(writing)[:SHOWN],
        "failed_documents": documents.filter(state=Document.State.FAILED).order_by(
            F("step_started_at").desc(nulls_last=True), "-pk"
        )[:SHOWN],
        "failed_generations": latest_failures(request.user)[:SHOWN],
        "read": documents.ready()
        .filter(ready_at__isnull=False)
        .annotate(took=F("ready_at") - F("created_at"))
        .order_by("-ready_at")[:FINISHED_SHOWN],
        "written": visible_generations(request.user)
        .filter(state=Generation.State.DONE, finished_at__isnull=False)
        .select_related("sheet")
        .order_by("-finished_at")[:FINISHED_SHOWN],
        "today": months[0]["sum_today"] if months else 0,
        "source_imports": [ImportStatus(one, []) for one in visible_imports(request.user)[:SHOWN]],
        "ceiling": settings.LLM_TOKENS_PER_DAY,
        "months": months,
        "currency": settings.LLM_CURRENCY,
    }
    partial = request.headers.get("HX-Request")
    return render(request, "sheets/_tasks.html" if partial else "sheets/tasks.html", context)


def visible_imports(user: Any) -> SourceImportQuerySet:
    """Return the running and failed source imports, none for users who may not add sources."""
    if not user.has_perm("ingestion.add_document"):
        return SourceImport.objects.none()
    return SourceImport.objects.filter(state__in=(*SourceImport.WORKING, SourceImport.State.FAILED))


def request_rates() -> dict[str, Any] | None:
    """Return the request rate of the embedding model; None without a rate limit."""
    if settings.EMBEDDING_BACKEND != "openai" or not settings.AI_REQUESTS_PER_MINUTE:
        return None
    made, waiting = recent_requests(settings.EMBEDDING_MODEL)
    return {"made": made, "waiting": waiting, "granted": settings.AI_REQUESTS_PER_MINUTE}


@require_POST
@login_required
@permission_required("wikico2.add_queuepause", raise_exception=True)
def jobs_pause(request: HttpRequest) -> HttpResponse:
    """Pause all jobs: running ones stop within seconds, and keep their progress."""
    queue.pause_queue(request.user)
    return redirect("tasks")


@require_POST
@login_required
@permission_required("wikico2.add_queuepause", raise_exception=True)
def jobs_resume(request: HttpRequest) -> HttpResponse:
    """Resume all jobs."""
    queue.resume_queue()
    return redirect("tasks")


@require_POST
@login_required
@permission_required("wikico2.add_queuepause", raise_exception=True)
def index_build_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Retry a failed index build."""
    retry_build(get_object_or_404(IndexBuild, pk=pk))
    return redirect("tasks")


def visible_generations(user: Any) -> GenerationQuerySet:
    """Return the generations of the sheets that `user` may open."""
    return Generation.objects.filter(sheet__in=Sheet.objects.readable_by(user))


def latest_failures(user: Any) -> GenerationQuerySet:
    """Return the failed generations without a later one of the same sheet, latest first."""
    later = Generation.objects.filter(sheet=OuterRef("sheet"), pk__gt=OuterRef("pk"))
    failed = visible_generations(user).filter(~Exists(later), state=Generation.State.FAILED)
    return failed.select_related("sheet").order_by(F("finished_at").desc(nulls_last=True), "-pk")
