"""Sources: upload, addresses, state, pages, passages, the file."""

from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from ninja import File, Form, Query, Router, UploadedFile
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.paging import PageIn, PageQuery, page_of
from api.problems import ApiProblem, form_problem
from api.rights import open_source, require_right
from api.routes.sheets import FieldNames
from api.schemas.common import RowId
from api.schemas.sources import (
    Access,
    AddressesIn,
    ImportOut,
    PageOut,
    PassageOut,
    Received,
    SourceEdit,
    SourceOut,
    description_fields,
)
from ingestion.forms import DescriptionForm
from ingestion.intake.imports import cancel_import, receive_upload, receive_url, retry_import
from ingestion.models import Document, SourceImport
from ingestion.pipeline.edit_details import save_description
from ingestion.pipeline.run import (
    cancel_document,
    remove_document,
    request_recognition,
    retry_document,
)
from ingestion.views.documents import document_file, may_remove
from ingestion.views.listing import SORTS, SOURCE_FILTER
from ingestion.views.pages import page_image

router = Router(tags=["sources"])
imports_router = Router(tags=["sources"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
NO_CONTENT = {204: None}


class SourceFilterIn(PageIn):
    """The facets of the list of sources; values that do not exist are ignored."""

    q: Annotated[str, StringConstraints(max_length=200)] = ""
    state: str = ""
    language: str = ""
    access: str = ""
    sort: str = "recent"
    fields: FieldNames = ""


@router.get("", response=Listed[SourceOut])
def list_sources(request: HttpRequest, filters: Query[SourceFilterIn]) -> Any:
    """List the sources whose pages you may open."""
    chosen = SOURCE_FILTER.read(request.GET)
    rows = chosen.apply(Document.objects.readable_by(request.user).matching(chosen["q"]))
    _label, order = SORTS[chosen["sort"]]
    shown, following = page_of(rows, order, filters)
    Document.load_jobs(shown)
    content = Listed[SourceOut](items=[SourceOut.of(row) for row in shown], next=following)
    return json_answer(request, content, fields=filters.fields)


class UploadFields(BaseModel):
    """What goes with an uploaded file."""

    access: Access = "open"
    replaces: RowId | None = None


@router.post("", response={201: Received, 202: Received})
@once
def add_source(request: HttpRequest, file: File[UploadedFile], fields: Form[UploadFields]) -> Any:
    """Upload a source (201), or a ZIP of sources (202); it is read in the background."""
    user = require_right(request, "source.add")
    received = receive_upload(
        file, user, access=fields.access, supersedes=replaced_source(fields.replaces)
    )
    if isinstance(received, SourceImport):
        return Status(202, Received(imported=ImportOut.of(received)))
    return Status(201, Received(source=SourceOut.of(received)))


def replaced_source(pk: int | None) -> Document | None:
    """Return the source that a new one replaces; raises ApiProblem."""
    if pk is None:
        return None
    found = Document.objects.filter(pk=pk).first()
    if found is None:
        raise ApiProblem(422, "unknown_source")
    return found


@router.post("/addresses", response={202: list[ImportOut]})
def add_addresses(request: HttpRequest, given: AddressesIn) -> Any:
    """Fetch sources from web addresses, each as an import of its own."""
    user = require_right(request, "source.add")
    replaced = replaced_source(given.replaces)
    with transaction.atomic():
        rows = [
            receive_url(address, user, access=given.access, supersedes=replaced)
            for address in given.addresses
        ]
    return Status(202, [ImportOut.of(row) for row in rows])


@router.get("/{pk}", response=SourceOut)
def read_source(request: HttpRequest, pk: RowId, fields: FieldNames = "") -> Any:
    """Read the description and the state of a source."""
    return json_answer(request, SourceOut.of(open_source(request, pk)), fields=fields)


@router.patch("/{pk}", response=SourceOut)
def edit_source(request: HttpRequest, pk: RowId, given: SourceEdit) -> Any:
    """Correct the description of a source."""
    require_right(request, "source.edit")
    row = open_source(request, pk)
    form = DescriptionForm(description_fields(given, row), instance=row)
    if given.access not in (None, row.access):
        require_right(request, "source.set_access", row)
    if not form.is_valid():
        raise form_problem(form.errors, "invalid")
    save_description(row, form.changed_data)
    return SourceOut.of(row)


@router.delete("/{pk}", response=NO_CONTENT)
def delete_source(request: HttpRequest, pk: RowId) -> Any:
    """Remove a source with its file; sheets keep what they quote."""
    row = open_source(request, pk)
    if not may_remove(request.user, row):
        require_right(request, "source.edit")
        raise PermissionDenied
    remove_document(row)
    return Status(204, None)


@router.post("/{pk}/retry", response=SourceOut)
def retry_source(request: HttpRequest, pk: RowId) -> Any:
    """Go on with a reading that failed or was stopped."""
    user = require_right(request, "source.retry")
    row = open_source(request, pk)
    retry_document(row, user)
    return SourceOut.of(row)


@router.post("/{pk}/stop", response=SourceOut)
def stop_source(request: HttpRequest, pk: RowId) -> Any:
    """Stop the reading of a source; a retry goes on with it."""
    row = open_source(request, pk)
    user = require_right(request, "source.stop", row)
    cancel_document(row, user)
    return SourceOut.of(row)


@router.post("/{pk}/recognise", response=SourceOut)
def recognise_source(request: HttpRequest, pk: RowId) -> Any:
    """Queue text recognition of the images of a source that are not read yet."""
    user = require_right(request, "source.retry")
    row = open_source(request, pk)
    request_recognition(row, user)
    return SourceOut.of(row)


@router.get("/{pk}/file", openapi_extra={
    "responses": {200: {"description": "OK", "content": {"application/octet-stream": BINARY}}}
})  # fmt: skip
def read_file(request: HttpRequest, pk: RowId) -> HttpResponseBase:
    """Download the file of a source."""
    open_source(request, pk)
    response = document_file(request, pk)
    if response.status_code != 200:
        raise Http404
    response.headers["Content-Type"] = "application/octet-stream"
    return response


@router.get("/{pk}/pages", response=Listed[PageOut])
def list_pages(request: HttpRequest, pk: RowId, page: PageQuery) -> Any:
    """List the pages of a source with their text."""
    row = open_source(request, pk)
    rows, following = page_of(row.pages.defer("blocks", "words"), ("number",), page)
    return json_answer(
        request, Listed[PageOut](items=[PageOut.of(one) for one in rows], next=following)
    )


@router.get("/{pk}/pages/{number}", response=PageOut)
def read_page(request: HttpRequest, pk: RowId, number: RowId) -> Any:
    """Read the text of one page."""
    row = open_source(request, pk)
    if number >= 2**31:
        raise Http404
    return json_answer(request, PageOut.of(get_object_or_404(row.pages, number=number)))


@router.get("/{pk}/pages/{number}/image", openapi_extra={
    "responses": {200: {"description": "OK", "content": {"image/webp": BINARY}}}
})  # fmt: skip
def read_page_image(request: HttpRequest, pk: RowId, number: RowId) -> HttpResponse:
    """Download the image of one page."""
    open_source(request, pk)
    response = page_image(request, pk, number)
    if response.status_code not in (200, 304):
        raise Http404
    return response


@router.get("/{pk}/passages", response=Listed[PassageOut])
def list_passages(request: HttpRequest, pk: RowId, page: PageQuery) -> Any:
    """List the passages of a source, in their order."""
    row = open_source(request, pk)
    passages = row.chunks.select_related("document").defer("search")
    rows, following = page_of(passages, ("position",), page)
    return json_answer(
        request, Listed[PassageOut](items=[PassageOut.of(one) for one in rows], next=following)
    )


# --- Imports --------------------------------------------------------------------------------------


@imports_router.get("", response=Listed[ImportOut])
def list_imports(request: HttpRequest, page: PageQuery) -> Any:
    """List the imports of addresses and archives, the latest first."""
    require_right(request, "import.read")
    rows, following = page_of(SourceImport.objects.all(), ("-created_at", "-id"), page)
    return json_answer(
        request, Listed[ImportOut](items=[ImportOut.of(row) for row in rows], next=following)
    )


@imports_router.get("/{pk}", response=ImportOut)
def read_import(request: HttpRequest, pk: RowId) -> Any:
    """Read an import, with what became of each file."""
    require_right(request, "import.read")
    return json_answer(request, ImportOut.of(get_object_or_404(SourceImport, pk=pk)))


@imports_router.post("/{pk}/retry", response=ImportOut)
def retry_one_import(request: HttpRequest, pk: RowId) -> Any:
    """Start a failed or stopped import again."""
    user = require_right(request, "import.retry")
    row = get_object_or_404(SourceImport, pk=pk)
    retry_import(row, user)
    return ImportOut.of(get_object_or_404(SourceImport, pk=pk))


@imports_router.post("/{pk}/stop", response=ImportOut)
def stop_import(request: HttpRequest, pk: RowId) -> Any:
    """Stop an import; the sources that it has brought stay."""
    row = get_object_or_404(SourceImport, pk=pk)
    user = require_right(request, "import.stop", row)
    cancel_import(row, user)
    return ImportOut.of(get_object_or_404(SourceImport, pk=pk))
