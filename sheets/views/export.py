"""Giving sheets away as files, and taking a whole wiki in."""

import tempfile
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from sheets.export import to_markdown
from sheets.pack import pack
from sheets.page import text_for
from sheets.pdf import pdf_of
from sheets.unpack import unpack
from sheets.views.read import readable_sheets
from wikico2.errors import WorkError
from wikico2.models import User

IN_MEMORY = 20 * 1024 * 1024


@require_safe
def export_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sheet as a Markdown file."""
    found = get_object_or_404(readable_sheets(request).select_related("current"), slug=slug)
    return as_file(to_markdown(found).encode(), "text/markdown; charset=utf-8", f"{found.slug}.md")


@require_safe
def export_pdf(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a sheet as a PDF file; say what is missing where that cannot be made."""
    sheets = readable_sheets(request).select_related("current__author", "current__generation")
    found = get_object_or_404(sheets, slug=slug)
    if found.current is None:
        raise Http404
    try:
        content = pdf_of(found, found.current, text_for(found.current, request.user))
    except WorkError as error:
        context = {"sheet": found, "reason": error.sentence}
        return render(request, "sheets/no_pdf.html", context, status=503)
    return as_file(content, "application/pdf", f"{found.slug}.pdf")


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


@login_required
@permission_required("sheets.publish_sheet", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def wiki(request: HttpRequest) -> HttpResponse:
    """Offer the whole wiki as a file, and take one in."""
    form = ArchiveForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form, "limit": settings.MAX_UPLOAD_MB}
    if request.method == "POST" and form.is_valid():
        try:
            user = cast("User", request.user)
            context["report"] = unpack(form.cleaned_data["archive"], user)
        except WorkError as error:
            form.add_error("archive", error.sentence)
    return render(request, "sheets/wiki.html", context, status=422 if form.errors else 200)


@login_required
@permission_required("sheets.publish_sheet", raise_exception=True)
@require_safe
def export_wiki(request: HttpRequest) -> FileResponse:
    """Send the whole wiki as a zip of plain files."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (the response closes it)
    pack(cast("Any", file), sources=request.GET.get("sources") != "0")
    file.seek(0)
    name = _("wiki-%(date)s.zip") % {"date": timezone.localdate().isoformat()}
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
