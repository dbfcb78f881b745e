"""Views of generations: request, progress, cancel and retry."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from ingestion.models import Document
from sheets.forms.wiki import SheetRequestForm, title_error
from sheets.generation.progress import generation_outline
from sheets.generation.request import cancel_generation, request_sheet, retry_generation
from sheets.models import Generation, Sheet
from sheets.views.reading import readable_sheets
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import check
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import whole_number


def latest_generation(sheet: Sheet) -> Generation | None:
    """Return the latest generation of a sheet, with the loaded sheet set on it."""
    generation = sheet.generations.order_by("-created_at", "-pk").first()
    if generation:
        generation.sheet = sheet
    return generation


@requires("sheet.create")
def sheet_new(request: HttpRequest) -> HttpResponse:
    """Request a new sheet: its type, title and sources."""
    if request.method == "POST":
        form = SheetRequestForm(request.POST)
        if form.is_valid():
            try:
                sheet = request_sheet(
                    form.cleaned_data["sheet_type"],
                    form.cleaned_data["title"],
                    list(form.cleaned_data["documents"]),
                    cast("User", request.user),
                )
            except UserError as error:
                form.add_error("title", title_error(error))
            else:
                return redirect(sheet)
    else:
        form = SheetRequestForm(
            initial={
                "sheet_type": request.GET.get("type"),
                "title": request.GET.get("title", "")[:200],
                "documents": [
                    n for n in map(whole_number, request.GET.getlist("document")) if n is not None
                ],
            }
        )
    context = {
        "form": form,
        "reading": Document.objects.in_progress().count(),
    }
    return render(request, "sheets/new.html", context, status=422 if form.errors else 200)


@never_cache
def generation_progress(request: HttpRequest, slug: str) -> HttpResponse:
    """Render the progress of a generation for a polling page; reload the page at the end."""
    sheet = get_object_or_404(readable_sheets(request), slug=slug)
    if "HX-Request" not in request.headers:
        return redirect(sheet)
    generation = latest_generation(sheet)
    if generation is None or not generation.is_working:
        return HttpResponseClientRefresh()
    progress = generation_outline(generation)
    shown = whole_number(request.GET.get("faites", ""))
    if sheet.current_id is None and shown is not None and shown != progress.done:
        return HttpResponseClientRefresh()  # the page shows the sections that are written
    context = {"sheet": sheet, "progress": progress}
    return render(request, "sheets/_progress.html", context)


@require_POST
@requires("generation.stop")
def generation_cancel(request: HttpRequest, slug: str) -> HttpResponse:
    """Cancel the generation of a sheet."""
    sheet = get_object_or_404(readable_sheets(request), slug=slug)
    generation = latest_generation(sheet)
    if generation and generation.is_working:
        check(request.user, "generation.stop", generation)
        cancel_generation(generation, cast("User", request.user))
        messages.info(request, _("Generation was stopped. The previous text is unchanged."))
    return redirect(sheet)


@require_POST
@requires("generation.retry")
def generation_retry(request: HttpRequest, slug: str) -> HttpResponse:
    """Resume a failed or cancelled generation."""
    sheet = get_object_or_404(readable_sheets(request), slug=slug)
    generation = latest_generation(sheet)
    if generation and generation.state in (Generation.State.FAILED, Generation.State.CANCELLED):
        retry_generation(generation, cast("User", request.user))
    return redirect(sheet)
