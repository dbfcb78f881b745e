"""Adding sources: several files at once, each with its own outcome."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from ingestion import ingest
from ingestion.forms import UploadForm
from ingestion.models import Document
from ingestion.uploads import CappedUpload
from wikico2.errors import WorkError
from wikico2.queue import workers_alive


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_exempt
def document_add(request: HttpRequest) -> HttpResponse:
    """Take files in, from those who may.

    The right is asked for, and the size of files capped, before anything reads the request's body:
    that is why the check against forged requests comes second, in `_add`.
    """
    if not request.user.has_perm("ingestion.add_document"):
        return render(request, "ingestion/upload_refused.html", status=403)
    request.upload_handlers.insert(0, CappedUpload(request))
    try:
        return _add(request)
    except TooManyFilesSent:
        form = UploadForm({})
        form.errors["uploads"] = form.error_class(
            [
                _("More than %(limit)d files were sent at once, and none was kept. Send fewer.")
                % {"limit": settings.MAX_FILES_PER_UPLOAD}
            ]
        )
        return _page(request, form, [], 422)


@csrf_protect
def _add(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    outcomes: list[Outcome] = []
    sent = request.method == "POST"
    if sent and form.is_valid():
        access = form.cleaned_data["access"]
        outcomes = [taken(upload, request.user, access) for upload in form.cleaned_data["uploads"]]
    if sent and request.headers.get("HX-Request"):
        outcome = outcomes[0] if outcomes else Outcome("", 0, error=_first_error(form))
        context = {"outcome": outcome, "no_worker": not workers_alive()}
        return render(request, "ingestion/_outcome.html", context, status=outcome.status)
    return _page(request, form, outcomes, 422 if sent and not outcomes else 200)


def _page(
    request: HttpRequest, form: UploadForm, outcomes: "list[Outcome]", status: int
) -> HttpResponse:
    context = {
        "form": form,
        "outcomes": outcomes,
        "max_files": settings.MAX_FILES_PER_UPLOAD,
        "limit": settings.MAX_UPLOAD_MB,
        "no_worker": not workers_alive(),
    }
    return render(request, "ingestion/document_add.html", context, status=status)


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a document, or the sentence why not."""

    name: str
    size: int
    document: Document | None = None
    error: str = ""
    existing: int | None = None  # the document that has the same content

    @property
    def status(self) -> int:
        if self.document:
            return 201
        return 409 if self.existing else 422


def taken(upload: UploadedFile[Any], user: object, access: str) -> Outcome:
    """Add one file to the sources and tell what became of it."""
    name, size = upload.name or "", upload.size or 0
    try:
        return Outcome(name, size, document=ingest.accept(upload, user, access=access))
    except WorkError as error:
        return Outcome(name, size, error=error.sentence, existing=error.details.get("document"))


def _first_error(form: UploadForm) -> str:
    return next((str(error) for errors in form.errors.values() for error in errors), "")
