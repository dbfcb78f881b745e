"""The page of a source: metadata, progress, citations, file, actions."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ingestion.anchors.page_images import THUMBNAIL_WIDTH
from ingestion.intake.near_duplicates import find_near_duplicates
from ingestion.models import Document
from ingestion.models.page_remarks import remark_sentences
from ingestion.ocr.recognise import count_unrecognised
from ingestion.pipeline.run import (
    cancel_document,
    remove_document,
    request_recognition,
    retry_document,
)
from ingestion.readers.registry import FORMATS, is_paged, with_extension
from ingestion.views.errors import gone_response, internal_response, unavailable_response
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import check, may
from wikico2.errors import UserError, error_sentence
from wikico2.jobs.log import event_lines
from wikico2.parameters import LARGEST_NUMBER, return_address, whole_number

PASSAGES_PER_PAGE = 20
PAGES_LISTED = 300
PARTS_SHOWN = 40
PAGES_NAMED = 20
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; img-src 'self'"


class PageRemarks(NamedTuple):
    """What was left out or not read, as a sentence, and the first pages that it is about."""

    sentence: str
    pages: list[int]


@require_safe
def document_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a source; without an account, only the citations of an internal one."""
    sources = Document.objects.select_related("uploaded_by", "supersedes")
    source = sources.filter(pk=pk).first()
    if source is None:
        return gone_response(request)
    readable = source.can_be_read_by(request.user)
    wanted = whole_number(request.GET.get("p", ""), LARGEST_NUMBER)
    if wanted is not None and readable:
        return redirect("page", pk, wanted)
    sheets = source.citations.current().shown_to(request.user).by_sheet()
    if not readable and not sheets:
        return internal_response(request, source)
    visible = Document.objects.readable_by(request.user)
    context: dict[str, Any] = {
        "document": source,
        "readable": readable,
        "newer": visible.filter(supersedes=source).order_by("-pk").first(),
        "replaces": visible.filter(newer=source).first(),
        "twins": visible.filter(pk__in=source.twins()) if readable else [],
        "sheets": sheets,
        "may_remove": may_remove(request.user, source),
        "unseen": _readable_pictures(request.user, source),
        **progress_context(request, source),
    }
    if readable:
        context["left_out"] = left_out_of(source)
        used = {number for sheet in sheets for number in sheet["pages"]}
        context["unused"] = unused_parts(source, used) if used else []
        context["attachments"] = visible.filter(attached_to=source).order_by("filename")
        context["mail"] = visible.filter(attachments=source).first()
        passages = source.chunks.defer("search").order_by("position")
        context["passages"] = Paginator(passages, PASSAGES_PER_PAGE).get_page(
            request.GET.get("page")
        )
        step = 1 if source.page_count <= PAGES_LISTED else 10
        context["numbers"] = range(1, source.page_count + 1, step)
        context["cover_height"] = _cover_height(source)
        context["blank"] = list(
            source.pages.filter(text="").order_by("number").values_list("number", flat=True)[:50]
        )
    return render(request, "ingestion/document.html", context)


def _readable_pictures(user: Any, source: Document) -> int:
    """Return how many unread pictures `user` may queue for OCR now."""
    idle = source.is_ready or source.error_code in Document.BLANK
    may_change = may(user, "source.edit")
    return count_unrecognised(source) if idle and may_change else 0


@dataclass(frozen=True)
class UnusedPart:
    """Pages in a row that no sheet cites, with the headings that the first of them stands under."""

    first: int
    last: int
    heading: str


def unused_parts(source: Document, used: Collection[int]) -> list[UnusedPart]:
    """Return the pages with text that no sheet cites, those in a row together."""
    with_text = source.pages.exclude(text="").order_by("number")
    headings: dict[int, str] = {}
    rows = source.chunks.order_by("position").values_list("page_start", "headings")
    for number, trail in rows:
        headings.setdefault(number, trail[-1] if trail else "")
    parts: list[UnusedPart] = []
    for number in with_text.values_list("number", flat=True):
        if number in used:
            continue
        if parts and parts[-1].last == number - 1:
            parts[-1] = replace(parts[-1], last=number)
        else:
            parts.append(UnusedPart(number, number, headings.get(number, "")))
    return parts[:PARTS_SHOWN]


def left_out_of(source: Document) -> list[PageRemarks]:
    """Return what was left out of the source or not read, by sentence, with the first pages."""
    pages: dict[str, list[int]] = {}
    remarks: dict[str, list[dict[str, Any]]] = {}
    rows = source.pages.exclude(remarks=[]).order_by("number")
    for number, found in rows.values_list("number", "remarks"):
        for remark in found:
            pages.setdefault(remark["code"], []).append(number)
            remarks.setdefault(remark["code"], []).append(remark)
    return [
        PageRemarks(remark_sentences(found)[0], list(dict.fromkeys(pages[code]))[:PAGES_NAMED])
        for code, found in remarks.items()
    ]


def _cover_height(source: Document) -> int | None:
    """Return the height of the first page's thumbnail, to reserve its space in the layout."""
    if not is_paged(source.media_type):
        return None
    first = source.pages.filter(number=1).values_list("width", "height").first()
    return round(THUMBNAIL_WIDTH * first[1] / first[0]) if first and first[0] else None


@require_safe
def document_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the uploaded file: inline for formats without scripts, else as an attachment."""
    source = get_object_or_404(Document, pk=pk)
    if not source.can_be_read_by(request.user):
        return internal_response(request, source)
    try:
        content = source.file.open("rb")
    except (FileNotFoundError, ValueError):
        return unavailable_response(request, source, error_sentence("file_missing", {}))
    inline = source.media_type in FORMATS and FORMATS[source.media_type].shown
    response = FileResponse(
        content,
        content_type=source.media_type if inline else "application/octet-stream",
        as_attachment=not inline,
        filename=safe_filename(source),
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def safe_filename(source: Document) -> str:
    """Return a file name that is valid on every system."""
    name = PurePath(source.filename.replace("\\", "/")).name
    valid = "".join(c for c in name if c.isprintable() and c not in '<>:"/|?*').strip(". ")
    return with_extension(valid or f"source-{source.pk}", source.media_type)


@require_safe
def document_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the progress of a source; polled each second while it is read."""
    source = Document.objects.filter(pk=pk).first()
    if source is None:
        return render(request, "ingestion/_removed.html", {"pk": pk})
    if not source.can_be_read_by(request.user):
        return HttpResponse(status=403)
    response = render(request, "ingestion/_progress.html", progress_context(request, source))
    if "whole" in request.GET and not source.is_working:
        response.headers["HX-Refresh"] = "true"  # the rest of the page has changed too
    return response


def progress_context(request: HttpRequest, source: Document) -> dict[str, Any]:
    """Return the context of `_progress.html`; near duplicates only once the source is ready."""
    readable = Document.objects.readable_by(request.user)
    return {
        "document": source,
        "has_journal": may(request.user, "source.read_log", source),
        "alike": find_near_duplicates(source, readable) if source.is_ready else [],
    }


@require_safe
@requires("source.read_log")
def document_log(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the event log of a source to those who may read it; updated while it is read."""
    source = get_object_or_404(Document, pk=pk)
    check(request.user, "source.read_log", source)
    context = {"document": source, "lines": list(event_lines(source.job))}
    partial = request.headers.get("HX-Request")
    template = "ingestion/_journal.html" if partial else "ingestion/journal.html"
    return render(request, template, context)


@require_POST
@requires("source.retry")
def document_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Restart a failed or cancelled reading where it stopped."""
    source = get_object_or_404(Document, pk=pk)
    try:
        retry_document(source, request.user)
    except UserError as error:
        messages.error(request, error.sentence)
    return _document_response(request, source)


@require_POST
@requires("source.edit")
def document_pictures(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue OCR of the unread pages without text and figures."""
    source = get_object_or_404(Document, pk=pk)
    if count_unrecognised(source):
        request_recognition(source, request.user)
    else:
        messages.info(request, _("No image is left to read."))
    return _document_response(request, source)


@require_POST
@requires("source.stop")
def document_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a reading; a later retry resumes it."""
    source = get_object_or_404(Document, pk=pk)
    check(request.user, "source.stop", source)
    try:
        cancel_document(source, request.user)
    except UserError as error:
        messages.error(request, error.sentence)
    return _document_response(request, source)


@require_POST
@requires("source.remove")
def document_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a source with its file, passages and vectors."""
    source = get_object_or_404(Document, pk=pk)
    if not may_remove(request.user, source):
        raise PermissionDenied
    title = source.title
    try:
        remove_document(source)
    except UserError as error:
        messages.error(request, error.sentence)
        return redirect("document", pk)
    messages.success(request, _("The source “%(title)s” was removed.") % {"title": title})
    return redirect("documents")


def may_remove(user: Any, source: Document) -> bool:
    """Tell whether `user` may remove the source: a curator, or the uploader while uncited."""
    if may(user, "source.remove"):
        return True
    return may(user, "source.remove", source) and not source.citations.exists()


def _document_response(request: HttpRequest, source: Document) -> HttpResponse:
    """Return the updated partial, or a redirect to the page of the form."""
    source.refresh_from_db()
    if request.headers.get("HX-Request"):
        return render(request, "ingestion/_progress.html", progress_context(request, source))
    return redirect(return_address(request) or source)
