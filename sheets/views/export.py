"""Views to export sheets, and to export and import the whole wiki."""

from typing import cast

from django import forms
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ingestion.intake.upload import clean_name
from sheets.file_jobs import (
    ARCHIVE_RETENTION,
    request_pdf,
    request_wiki_export,
    request_wiki_import,
    restart_file_job,
    stop_file_job,
)
from sheets.links.localized_text import localize_text
from sheets.models import FileJob, Revision, Sheet
from sheets.transfer.formats import to_markdown
from sheets.transfer.pdf import pdf_of, stored_pdf
from sheets.transfer.word import MEDIA_TYPE, to_word
from sheets.views.reading import readable_sheets, shown_sheet
from wikico2.accounts.decorators import requires
from wikico2.errors import UserError
from wikico2.models import User

SHOWN = 5


@require_safe
def export_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sheet as a Markdown file."""
    found = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    return as_file(to_markdown(found).encode(), "text/markdown; charset=utf-8", f"{found.slug}.md")


@require_safe
def export_pdf(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sheet as a PDF file, or queue its rendering and redirect to the progress page."""
    found = get_exportable_sheet(request, slug)
    revision = cast("Revision", found.current)
    pdf = pdf_of(found, revision, localize_text(revision, request.user))
    content = stored_pdf(pdf.name)
    if content is not None:
        return as_file(content, "application/pdf", f"{found.slug}.pdf")
    request_pdf(found, pdf, request.user)
    return redirect("pdf_progress", found.slug, pdf.name)


@require_safe
def export_docx(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sheet as a Word document."""
    found = get_exportable_sheet(request, slug)
    revision = cast("Revision", found.current)
    content = to_word(found, revision, localize_text(revision, request.user))
    return as_file(content, MEDIA_TYPE, f"{found.slug}.docx")


@never_cache
@require_safe
def pdf_progress(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Show the progress of a PDF; the page polls it each second."""
    found = get_exportable_sheet(request, slug)
    file_job = FileJob.objects.filter(kind=FileJob.Kind.PDF, name=name, sheet=found).first()
    context = {"sheet": found, "file_job": file_job}
    if request.headers.get("HX-Request"):
        return render(request, "sheets/_pdf.html", context)
    return render(request, "sheets/pdf_progress.html", context)


def get_exportable_sheet(request: HttpRequest, slug: str) -> Sheet:
    """Return a sheet that has a text; raises Http404."""
    sheets = readable_sheets(request).select_related("current__author", "current__generation")
    return shown_sheet(request, sheets, slug, current__isnull=False)


def as_file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)


class ArchiveForm(forms.Form):
    """The archive of a wiki."""

    archive = forms.FileField(
        label=gettext_lazy("Archive (zip)"),
        error_messages={"required": gettext_lazy("Choose the zip file of a wiki.")},
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires("wiki.transfer")
def wiki_transfer(request: HttpRequest) -> HttpResponse:
    """Show the exports and imports of the wiki; queue an import on POST."""
    form = ArchiveForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        archive = form.cleaned_data["archive"]
        try:
            file_job = request_wiki_import(
                archive, clean_name(archive.name), cast("User", request.user)
            )
            return redirect("wiki_import", file_job.pk)
        except UserError as error:
            form.add_error("archive", error.sentence)
    context = {
        "form": form,
        "imports": latest_file_jobs(FileJob.Kind.IMPORT),
        "exports": latest_file_jobs(FileJob.Kind.EXPORT),
    }
    return render(request, "sheets/wiki.html", context, status=422 if form.errors else 200)


def latest_file_jobs(kind: str) -> list[FileJob]:
    """Return the latest file jobs of a kind, with their jobs."""
    shown = list(FileJob.objects.filter(kind=kind)[:SHOWN])
    FileJob.load_jobs(shown)
    return shown


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("wiki.transfer")
def wiki_import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the progress and the result of an import; cancel or resume it on POST."""
    return file_job_page(request, FileJob.Kind.IMPORT, pk)


@require_POST
@requires("wiki.transfer")
def wiki_export_create(request: HttpRequest) -> HttpResponse:
    """Queue an export of the wiki, and redirect to its progress page."""
    files = request.POST.get("files") != "0"
    return redirect("wiki_export", request_wiki_export(cast("User", request.user), files=files).pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("wiki.transfer")
def wiki_export_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the progress and the archive of an export; cancel or restart it on POST."""
    return file_job_page(request, FileJob.Kind.EXPORT, pk)


def file_job_page(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Show a file job, only the partial for a polling request; cancel or restart it on POST."""
    file_job = get_object_or_404(FileJob, kind=kind, pk=pk)
    if request.method == "POST":
        act = restart_file_job if request.POST.get("do") == "restart" else stop_file_job
        act(file_job, request.user)
        return redirect(request.path)
    context = {
        "file_job": file_job,
        "report": file_job.report,
        "until": file_job.created_at + ARCHIVE_RETENTION,
    }
    partial = "_" if request.headers.get("HX-Request") else ""
    return render(request, f"sheets/{partial}wiki_{kind}.html", context)


@require_safe
@requires("wiki.transfer")
def wiki_zip(request: HttpRequest, pk: int) -> FileResponse:
    """Send the archive of an export."""
    file_job = get_object_or_404(FileJob, kind=FileJob.Kind.EXPORT, pk=pk)
    if file_job.state != FileJob.State.DONE:
        raise Http404
    try:
        file = file_job.file.open("rb")
    except (FileNotFoundError, ValueError):  # ValueError: no file was kept
        raise Http404 from None
    return FileResponse(
        file, as_attachment=True, filename=file_job.name, content_type="application/zip"
    )
