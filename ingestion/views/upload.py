"""Views to add sources: files and web addresses, each file with its own outcome."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from ingestion.forms import AddressForm, UploadForm
from ingestion.intake.imports import receive_upload, receive_url
from ingestion.intake.upload_handlers import CappedUpload
from ingestion.models import Document, SourceImport
from ingestion.pipeline.run import accept_upload
from ingestion.views.imports import ImportStatus, unfinished_imports
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import check, may
from wikico2.errors import UserError, error_sentence
from wikico2.jobs.queue import workers_alive
from wikico2.parameters import whole_number

LONGEST_QUERY = 2_000


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_exempt
def document_add(request: HttpRequest) -> HttpResponse:
    """Accept uploaded files from users with the permission.

    The permission is checked, and the size of files bounded, before the request's body is read:
    that is why the CSRF check comes second, in `_add_files`.
    """
    if not may(request.user, "source.add"):
        return render(request, "ingestion/upload_refused.html", status=403)
    request.upload_handlers.insert(0, CappedUpload(request))
    try:
        return _add_files(request)
    except TooManyFilesSent:
        form = UploadForm({})
        form.errors["uploads"] = form.error_class(
            [
                _(
                    "At most %(limit)d files can be sent at once. None was kept: send them in "
                    "several batches."
                )
                % {"limit": settings.MAX_FILES_PER_UPLOAD}
            ]
        )
        return _add_page(request, form, [], 422)


@csrf_protect
def _add_files(request: HttpRequest) -> HttpResponse:
    sent = request.method == "POST"
    form = (
        UploadForm(request.POST, request.FILES)
        if sent
        else UploadForm(initial=_initial_fields(request))
    )
    outcomes: list[UploadOutcome] = []
    if sent and form.is_valid():
        outcomes = [
            add_upload(upload, request.user, form.document_fields)
            for upload in form.cleaned_data["uploads"]
        ]
    if sent and request.headers.get("HX-Request"):
        outcome = outcomes[0] if outcomes else UploadOutcome("", 0, error=_first_error(form))
        context = {
            "outcome": outcome,
            "no_worker": not workers_alive(),
        }
        return render(request, "ingestion/_outcome.html", context, status=outcome.status)
    return _add_page(request, form, outcomes, 422 if sent and not outcomes else 200)


@require_POST
@requires("source.add")
def url_add(request: HttpRequest) -> HttpResponse:
    """Queue the import of web addresses; those that are refused come back with their sentences."""
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _add_page(
            request, UploadForm(initial=_initial_fields(request)), [], 422, addresses=form
        )
    with transaction.atomic():
        source_imports = [
            receive_url(address, request.user, **form.document_fields)
            for address in form.cleaned_data["addresses"]
        ]
    for sentence in form.refused.values():
        messages.error(request, sentence)
    if form.refused:
        left = urlencode({"addresses": "\n".join(form.refused)[:LONGEST_QUERY]})
        return redirect(f"{reverse('document_add')}?{left}#from-the-web")
    if len(source_imports) == 1:
        return redirect(source_imports[0])
    return redirect("document_add")


@require_POST
@requires("source.add")
def document_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a copy of a source, although its content is a duplicate."""
    source = get_object_or_404(Document, pk=pk)
    if source.access == Document.Access.INTERNAL:  # whoever adds the copy may open it to all
        check(request.user, "source.set_access", source)
    access = request.POST.get("access", "")
    try:
        with source.file.open("rb") as content:
            copy = accept_upload(
                File(content, name=request.POST.get("name") or source.filename),
                request.user,
                access=access if access in Document.Access.values else source.access,
                allow_duplicate=True,
            )
    except (FileNotFoundError, ValueError):
        messages.error(request, error_sentence("file_missing", {}))
        return redirect(source)
    except UserError as error:
        messages.error(request, error.sentence)
        return redirect(source)
    return redirect(copy)


def _initial_fields(request: HttpRequest) -> dict[str, Any]:
    """Return the initial fields of the form, from the query string: the source to replace."""
    wanted = request.GET.get("version", "") or request.POST.get("version", "")
    number = whole_number(wanted)
    return {} if number is None else {"version": Document.objects.filter(pk=number).first()}


def _typed_addresses(request: HttpRequest) -> dict[str, Any]:
    """Return the addresses of the query string, which were refused before."""
    return {"addresses": request.GET.get("addresses", "").replace("\0", "")[:LONGEST_QUERY]}


def _add_page(
    request: HttpRequest,
    form: UploadForm,
    outcomes: "list[UploadOutcome]",
    status: int,
    addresses: AddressForm | None = None,
) -> HttpResponse:
    replaced = form.initial.get("version") or getattr(form, "cleaned_data", {}).get("version")
    if replaced:
        form.fields["uploads"].widget.attrs.pop("multiple", None)
    shown = {outcome.source_import.pk for outcome in outcomes if outcome.source_import}
    waiting = [one for one in unfinished_imports(request.user) if one.source_import.pk not in shown]
    context = {
        "form": form,
        "addresses": addresses or AddressForm(initial=_typed_addresses(request)),
        "access": (addresses or form)["access"].value(),
        "replaced": replaced,
        "outcomes": outcomes,
        "source_imports": waiting,
        "max_files": 1 if replaced else settings.MAX_FILES_PER_UPLOAD,
        "limit": settings.MAX_UPLOAD_MB,
        "no_worker": not workers_alive(),
    }
    return render(request, "ingestion/document_add.html", context, status=status)


@dataclass(frozen=True)
class UploadOutcome:
    """The outcome for one file: a document, a source import, or the error as a sentence."""

    name: str
    size: int
    document: Document | None = None
    source_import: SourceImport | None = None
    error: str = ""
    existing: int | None = None  # the document that has the same content
    access: str = ""

    @property
    def import_status(self) -> ImportStatus | None:
        return ImportStatus.of(self.source_import) if self.source_import else None

    @property
    def status(self) -> int:
        if self.document or self.source_import:
            return 201
        return 409 if self.existing else 422


def add_upload(upload: UploadedFile[Any], user: object, options: dict[str, Any]) -> UploadOutcome:
    """Add one file to the sources, with the options of `receive_upload`; return the outcome."""
    name, size, access = upload.name or "", upload.size or 0, options["access"]
    try:
        received = receive_upload(upload, user, **options)
    except UserError as error:
        known = error.details.get("document")
        return UploadOutcome(name, size, error=error.sentence, existing=known, access=access)
    if isinstance(received, SourceImport):
        return UploadOutcome(name, size, source_import=received)
    return UploadOutcome(name, size, document=received)


def _first_error(form: UploadForm) -> str:
    return next((str(error) for errors in form.errors.values() for error in errors), "")
