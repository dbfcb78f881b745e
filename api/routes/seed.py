"""The addresses of the first prototype, so that its front end can be moved over."""

import datetime as dt
import time
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import File, Form, Router, UploadedFile
from ninja.responses import Status
from pydantic import BaseModel, Field, StringConstraints

from api.answers import base_version, json_answer
from api.fields import BadField, FieldValue, SectionFields, put_fields, read_fields_of
from api.idempotency import once
from api.paging import PageIn, PageQuery, page_of
from api.problems import ApiProblem
from api.rights import listed_sheets, open_sheet, open_sheets, require_right, show_all
from api.routes.sheets import free_title_of, made, number_of, save_sheet_edit, sheet_type
from api.schemas.common import Key, Number, RowId, site_address
from api.schemas.sheets import Body, EditIn, RevisionOut, SheetMade, SheetSummary
from ingestion.intake.upload import accept_upload, find_duplicate
from ingestion.models import Document
from sheets.generation.request import request_sheet
from sheets.markdown.splice import note_lines
from sheets.models import Generation, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.versions import initial_version, version_of
from sheets.views.history import list_revisions
from wikico2.errors import UserError
from wikico2.models import User

router = Router(tags=["prototype"])

LONGEST_WAIT = 20
POLL_SECONDS = 0.5
MOST_SAME_TITLES = 50
Value = (
    Body
    | Annotated[list[Body], Field(max_length=500)]
    | Annotated[list[dict[str, Body]], Field(max_length=500)]
)


NoteText = Annotated[str, StringConstraints(max_length=5_000)]


class SheetFieldsOut(BaseModel):
    """A sheet as fields by name.

    `fields` are by section: a field is its Markdown, a list of items, or the rows of a table by
    column. `notes` are the footnotes that its markers call; `headings` the headings as written.
    """

    id: int
    slug: str
    title: str
    type: str
    state: str
    version: int
    header: dict[str, str]
    fields: dict[str, dict[str, FieldValue]]
    headings: dict[str, str]
    notes: dict[str, str]
    completeness: int
    confidence: int
    updated_at: dt.datetime
    url: str


def fields_content(sheet: Sheet) -> SheetFieldsOut:
    """Return a sheet as fields by name; its text and type are loaded."""
    template = load_template(sheet.sheet_type)
    version = version_of(sheet.current) if sheet.current else initial_version(sheet)
    parts = read_fields_of(version, template)
    return SheetFieldsOut(
        id=sheet.pk,
        slug=sheet.slug,
        title=sheet.title,
        type=sheet.sheet_type.key,
        state=sheet.state,
        version=number_of(sheet),
        header=dict(version.values),
        fields={part.anchor: dict(part.values) for part in parts},
        headings={key: heading for part in parts for key, heading in named_headings(part)},
        notes=note_lines(version.body),
        completeness=sheet.completeness,
        confidence=sheet.confidence,
        updated_at=sheet.updated_at,
        url=site_address(sheet.get_absolute_url()),
    )


def named_headings(part: SectionFields) -> list[tuple[str, str]]:
    """Return the headings of a section, by `section` and `section.field`."""
    below = [(f"{part.anchor}.{name}", heading) for name, heading in part.headings.items()]
    return [(part.anchor, part.heading), *below] if part.heading else below


# --- From a PDF to a sheet ------------------------------------------------------------------------


class ProcessFields(BaseModel):
    """The title of the sheet; without one it is that of the document."""

    title: Annotated[str, StringConstraints(max_length=200)] = ""


Wait = Annotated[int, Field(ge=0, le=LONGEST_WAIT)]


@router.post("/process/solution", response={200: SheetFieldsOut, 202: SheetMade})
@once
def process_solution(
    request: HttpRequest, file: File[UploadedFile], fields: Form[ProcessFields], wait: Wait = 0
) -> Any:
    """Write a solution sheet from a document: 202 with the job, or the sheet within `wait` s."""
    return process_document(request, "solution", file, fields.title, wait)


@router.post("/process/sector", response={200: SheetFieldsOut, 202: SheetMade})
@once
def process_sector(
    request: HttpRequest, file: File[UploadedFile], fields: Form[ProcessFields], wait: Wait = 0
) -> Any:
    """Write a sector sheet from a document: 202 with the job, or the sheet within `wait` s."""
    return process_document(request, "secteur", file, fields.title, wait)


def process_document(
    request: HttpRequest, key: str, file: UploadedFile, title: str, wait: int
) -> Status[Any]:
    """Upload a document and have a sheet written from it; a known document is used as it is."""
    user = require_right(request, "sheet.create")
    require_right(request, "source.add")
    kind = sheet_type(request, key)
    named = free_title_of(title) if title.strip() else ""
    document = received_document(file, user)
    sheet = request_sheet(kind, named or unused_title(document.title), [document], user)
    if is_written(sheet, wait):
        return Status(200, fields_content(open_sheet(request, sheet.slug)))
    return Status(202, made(sheet))


def received_document(file: UploadedFile, user: User) -> Document:
    """Return the source of an uploaded file: new, or the one that has the same content."""
    try:
        return accept_upload(file, user)
    except UserError as error:
        known = find_duplicate(error.details) if error.code == "duplicate" else None
        if known is None:
            raise
        return known


def unused_title(title: str) -> str:
    """Return a title that no sheet has: the given one, or with a number."""
    stem = title[:190]
    for number in range(1, MOST_SAME_TITLES):
        found = title[:200] if number == 1 else f"{stem} ({number})"
        if not Sheet.objects.titled(found).exists():
            return found
    return title


def is_written(sheet: Sheet, seconds: int) -> bool:
    """Wait until a sheet is written, at most so many seconds; tell whether it is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        states = sheet.generations.order_by("-pk").values_list("state", flat=True)
        state = states.first()
        if state not in Generation.WORKING:
            return state == Generation.State.DONE
        time.sleep(POLL_SECONDS)
    return False


# --- Reading --------------------------------------------------------------------------------------


@router.get("/get/solution", response=list[SheetSummary])
def get_solutions(request: HttpRequest, page: PageQuery) -> Any:
    """List the solution sheets by title; the header Link has the next page."""
    return sheets_of_type(request, "solution", page)


@router.get("/get/sector", response=list[SheetSummary])
def get_sectors(request: HttpRequest, page: PageQuery) -> Any:
    """List the sector sheets by title; the header Link has the next page."""
    return sheets_of_type(request, "secteur", page)


def sheets_of_type(request: HttpRequest, key: str, page: PageIn) -> HttpResponse:
    rows = listed_sheets(request).filter(sheet_type__key=key)
    rows = rows.select_related("sheet_type", "current")
    shown, following = page_of(rows, ("title", "id"), page)
    show_all(request, shown)
    items = [SheetSummary.of(s, s.current.number if s.current else None) for s in shown]
    return array_answer(request, items, following, page)


def array_answer(
    request: HttpRequest, items: list[Any], following: str | None, page: PageIn
) -> HttpResponse:
    """Return a plain array, with the next page in the header Link."""
    content = b"[" + b",".join(one.__pydantic_serializer__.to_json(one) for one in items) + b"]"
    response = HttpResponse(content, content_type="application/json")
    if following:
        address = f"{request.path}?limit={page.limit}&cursor={following}"
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


def sheet_by_id(request: HttpRequest, pk: int) -> Sheet:
    rows = open_sheets(request).select_related("sheet_type", "current")
    return get_object_or_404(rows, pk=pk).show_to(request.user)


@router.get("/get/{pk}", response=SheetFieldsOut)
def get_sheet(request: HttpRequest, pk: RowId) -> Any:
    """Read a sheet as fields by name."""
    sheet = sheet_by_id(request, pk)
    return json_answer(request, fields_content(sheet), version=number_of(sheet))


@router.get("/get/{pk}/history", response=list[RevisionOut])
def get_history(request: HttpRequest, pk: RowId, page: PageQuery) -> Any:
    """List the versions of a sheet, the latest first; the header Link has the next page."""
    sheet = sheet_by_id(request, pk)
    rows, following = page_of(list_revisions(sheet), ("-number",), page)
    return array_answer(request, [RevisionOut.of(row, sheet) for row in rows], following, page)


# --- Writing --------------------------------------------------------------------------------------


class UpdateIn(BaseModel):
    """Fields to change, by section and name; all others stay as they are.

    `base` is the version that you read (or the header If-Match). A marker that the sheet does not
    have needs its definition in `notes`.
    """

    base: Number | None = None
    header: dict[Key, Annotated[str, StringConstraints(max_length=2_000)]] = {}
    fields: Annotated[dict[str, dict[str, Value]], Field(max_length=100)] = {}
    notes: Annotated[dict[str, NoteText], Field(max_length=500)] = {}
    comment: Annotated[str, StringConstraints(max_length=500)] = ""
    on_stale: Literal["refuse", "merge"] = "refuse"


@router.put("/update/{pk}", response=SheetFieldsOut)
def update(request: HttpRequest, pk: RowId, given: UpdateIn) -> Any:
    """Change fields of a sheet; 409 with the merged text where others saved meanwhile."""
    user = require_right(request, "sheet.edit")
    sheet = sheet_by_id(request, pk)
    number = base_version(request, given.base)
    base = sheet.revisions.filter(number=number).first() if number else None
    if number and base is None:
        raise ApiProblem(412, "base_unknown", _("This sheet has no such version."))
    start = version_of(base) if base or sheet.current else initial_version(sheet)
    try:
        text = put_fields(start, load_template(sheet.sheet_type), given.fields, given.notes)
    except BadField as error:
        raise bad_field(error) from None
    edit = EditIn(
        base=number,
        markdown=text.body,
        header=given.header,
        comment=given.comment,
        on_stale=given.on_stale,
    )
    save_sheet_edit(sheet, user, edit, number)
    return fields_content(sheet_by_id(request, pk))


def bad_field(error: BadField) -> ApiProblem:
    """Return the 422 of a field that cannot be written."""
    if error.why == "unknown":
        detail = _("Unknown fields: %(names)s.") % {"names": error.where}
        return ApiProblem(422, "unknown_fields", detail)
    detail = _("An item of a list or a cell of a table stands on one line: %(name)s.")
    return ApiProblem(422, "invalid", detail % {"name": error.where})
