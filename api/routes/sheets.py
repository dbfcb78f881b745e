"""Sheets: lists, reading, creating, editing, versions."""

from collections.abc import Mapping
from typing import Annotated, Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints

from api.answers import (
    Listed,
    base_version,
    cached_answer,
    json_answer,
    tagged_answer,
)
from api.idempotency import once
from api.paging import PageIn, PageQuery, page_of
from api.problems import ApiProblem, form_problem
from api.rights import listed_sheets, open_sheet, require_right, sheet_types_of, show_all
from api.schemas.common import PersonOut, job_address, site_address
from api.schemas.sheets import (
    BlockChangeOut,
    ChoiceIn,
    CitationOut,
    ComparisonOut,
    ConflictOut,
    EditIn,
    EditOut,
    RenameIn,
    RestoreIn,
    RevisionOut,
    RevisionText,
    SectionOut,
    SheetIn,
    SheetMade,
    SheetOut,
    SheetSummary,
    SourceRef,
    StatementOut,
    ValueChangeOut,
    stale_detail,
    summary_of,
)
from ingestion.models import Document
from sheets.forms.edit import VALUE, EditForm, initial_of
from sheets.forms.wiki import free_title
from sheets.generation.request import create_sheet, request_sheet
from sheets.links.localized_text import localize_text
from sheets.links.rename import rename_sheet
from sheets.markdown.sections_edit import cut_section, section_headings
from sheets.merge import (
    MINE,
    ConflictChoice,
    MergeResult,
    Version,
    merge_versions,
    resolve_value_conflicts,
)
from sheets.models import Revision, RevisionCheck, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.rendering.statement_anchors import counted_statements
from sheets.revisions.compare import compare_versions
from sheets.revisions.edit import EditConflict, restore_revision, save_edit
from sheets.revisions.errors import StaleBase
from sheets.revisions.versions import initial_version, version_of
from sheets.schema.types import SheetTemplate
from sheets.search.list_filters import ORDERS, filtered_sheets, sheet_filter
from sheets.sources.visibility import sources_visible_on
from sheets.transfer.formats import to_markdown
from sheets.views.history import list_revisions
from sheets.views.reading import shown_revisions
from wikico2.errors import UserError
from wikico2.models import User

router = Router(tags=["sheets"])

FieldNames = Annotated[str, StringConstraints(max_length=1_000)]
MARKDOWN = "text/markdown; charset=utf-8"
HTML = "text/html; charset=utf-8"


def text_operation(media_type: str) -> dict[str, Any]:
    """Return what the schema says of an operation whose answer is a text."""
    content = {media_type.partition(";")[0]: {"schema": {"type": "string"}}}
    return {"responses": {200: {"description": "OK", "content": content}}}


class SheetFilterIn(PageIn):
    """The facets of the list of sheets; values that do not exist are ignored."""

    q: Annotated[str, StringConstraints(max_length=200)] = ""
    type: str = ""
    category: str = ""
    system: str = ""
    level: str = ""
    checked: str = ""
    state: str = ""
    source: str = ""
    stale: str = ""
    sort: str = "recent"
    fields: FieldNames = ""


@router.get("", response=Listed[SheetSummary])
def list_sheets(request: HttpRequest, filters: Query[SheetFilterIn]) -> Any:
    """List the sheets that you see in lists, with the facets of the site."""
    active = sheet_filter(request.user).read(request.GET)
    rows = filtered_sheets(listed_sheets(request), active, request.user)
    shown, following = page_of(rows, ORDERS[active["sort"]], filters)
    show_all(request, shown)
    numbers = dict(
        Revision.objects.filter(pk__in=[s.current_id for s in shown]).values_list("pk", "number")
    )
    items = [SheetSummary.of(s, numbers.get(s.current_id or 0)) for s in shown]
    content = Listed[SheetSummary](items=items, next=following)
    return json_answer(request, content, fields=filters.fields)


@router.post("", response={201: SheetMade, 202: SheetMade})
@once
def create(request: HttpRequest, given: SheetIn) -> Any:
    """Create a sheet: with your text, or written from sources (202 with the job's address)."""
    user = require_right(request, "sheet.create")
    kind = sheet_type(request, given.type)
    title = free_title_of(given.title)
    if given.markdown is None:
        documents = list(Document.objects.filter(pk__in=given.sources))
        if len(documents) < len(set(given.sources)):
            raise ApiProblem(422, "unknown_source", _("One of the sources does not exist."))
        sheet = request_sheet(kind, title, documents, user)
        return Status(202, made(sheet))
    template = load_template(kind)
    version = checked_text(Version(""), template, given.markdown, given.header, given.comment)
    with transaction.atomic():
        sheet = create_sheet(kind, title, user)
        sheet.documents.set(Document.objects.filter(pk__in=given.sources))
        sheet.current = save_edit(sheet, user, base=None, text=version, comment=given.comment)
    return Status(201, made(sheet))


def sheet_type(request: HttpRequest, key: str) -> SheetType:
    """Return a sheet type by its key, if the token may touch it; raises ApiProblem."""
    kind = SheetType.objects.filter(key=key).first()
    if kind is None:
        raise UserError("unknown_type", key=key)
    if (types := sheet_types_of(request)) and key not in types:
        raise PermissionDenied
    return kind


def free_title_of(title: str, sheet: Sheet | None = None) -> str:
    """Return a title that no other sheet has; raises ApiProblem 409 or 422."""
    try:
        return free_title(title, sheet)
    except forms.ValidationError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise ApiProblem(422, "title_missing", " ".join(error.messages)) from None


def made(sheet: Sheet) -> SheetMade:
    """Return a sheet that was just created, with the job that writes it."""
    generation = sheet.generations.order_by("-pk").first()
    return SheetMade(
        id=sheet.pk,
        slug=sheet.slug,
        version=sheet.current.number if sheet.current else None,
        url=site_address(sheet.get_absolute_url()),
        address=f"/v1/sheets/{sheet.slug}",
        job=job_address(generation.job if generation else None),
    )


# --- Reading --------------------------------------------------------------------------------------


@router.get("/{slug}", response=SheetOut, url_name="sheets_read")
def read(request: HttpRequest, slug: str, fields: FieldNames = "") -> Any:
    """Read a sheet: header, Markdown, statements with their levels, citations, sources."""

    def content() -> tuple[SheetOut, int]:
        sheet = open_sheet(request, slug, "current__check_made", "validated_by")
        return sheet_content(sheet, request.user), number_of(sheet)

    if fields:
        made, version = content()
        return json_answer(request, made, fields=fields, version=version)
    return cached_answer(request, slug, content)


def number_of(sheet: Sheet) -> int:
    return sheet.current.number if sheet.current else 0


def sheet_content(sheet: Sheet, user: Any) -> SheetOut:
    """Return a sheet as the API gives it; `current` and its check are loaded."""
    revision = sheet.current
    check: RevisionCheck | None = getattr(revision, "check_made", None) if revision else None
    outline = revision.rendered.get("outline", []) if revision else []
    statements = counted_statements(check)
    citations = revision.citations.select_related("document") if revision else []
    address = site_address(sheet.get_absolute_url())
    return SheetOut(
        **summary_of(sheet, revision.number if revision else None),
        header=dict(revision.metadata) if revision else {},
        markdown=revision.body if revision else "",
        sections=[
            SectionOut(id=anchor, heading=heading, url=f"{address}#{anchor}")
            for anchor, heading in outline
            if not anchor.startswith("notes")
        ],
        statements=[StatementOut.of(one, anchor, sheet) for anchor, one in statements],
        citations=[CitationOut.of(row) for row in citations],
        sources=[
            SourceRef(id=d.pk, title=d.title)
            for d in sources_visible_on(sheet, user).order_by("title").only("title")
        ],
        levels=check.levels if check else {},
        locks=sorted(sheet.locked_keys()),
        stale_sections=sorted(sheet.stale_sections),
        validated_by=PersonOut.of(sheet.validated_by),
        validated_at=sheet.validated_at,
        created_at=sheet.created_at,
    )


@router.get("/{slug}/markdown", openapi_extra=text_operation(MARKDOWN))
def read_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """Read a sheet as Markdown with front matter, as the site exports it."""
    sheet = open_sheet(request, slug)
    content = to_markdown(sheet).encode()
    return tagged_answer(request, content, MARKDOWN, version=number_of(sheet))


@router.get("/{slug}/html", openapi_extra=text_operation(HTML))
def read_html(request: HttpRequest, slug: str) -> HttpResponse:
    """Read the text of a sheet as HTML, in the language of the request."""
    sheet = open_sheet(request, slug)
    body = ""
    if sheet.current:
        sheet.current.sheet = sheet
        body = localize_text(sheet.current, request.user).body
    response = tagged_answer(request, body.encode(), HTML, version=number_of(sheet))
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


class SectionText(BaseModel):
    """One section as Markdown, with the footnotes that it calls."""

    id: str
    heading: str
    version: int
    markdown: str
    statements: list[StatementOut]
    citations: list[CitationOut]
    url: str


@router.get("/{slug}/sections/{section}", response=SectionText)
def read_section(request: HttpRequest, slug: str, section: str) -> Any:
    """Read one section, to edit it alone: its Markdown, statements and citations."""
    sheet = open_sheet(request, slug, "current__check_made", "validated_by")
    content = section_content(sheet, section, request.user)
    return json_answer(request, content, version=number_of(sheet))


def section_content(sheet: Sheet, section: str, user: Any) -> SectionText:
    """Return one section of a sheet, by its id; raises Http404."""
    template = load_template(sheet.sheet_type)
    start = initial_version(sheet)
    heading = section_headings(start, template).get(section)
    if heading is None:
        raise Http404
    whole = sheet_content(sheet, user)
    statements = [one for one in whole.statements if one.section == section]
    markers = {marker for one in statements for marker in one.citations}
    return SectionText(
        id=section,
        heading=heading,
        version=number_of(sheet),
        markdown=cut_section(start, section, template),
        statements=statements,
        citations=[one for one in whole.citations if one.marker in markers],
        url=site_address(f"{sheet.get_absolute_url()}#{section}"),
    )


# --- Editing --------------------------------------------------------------------------------------


@router.put("/{slug}", response=EditOut)
def edit(request: HttpRequest, slug: str, given: EditIn) -> Any:
    """Save an edit as the next version; 409 with the merged text where others saved meanwhile."""
    user = require_right(request, "sheet.edit")
    sheet = open_sheet(request, slug)
    return save_sheet_edit(sheet, user, given, base_version(request, given.base))


def save_sheet_edit(sheet: Sheet, user: User, given: EditIn, number: int) -> EditOut:
    """Save an edit of version `number`; raises ApiProblem 409 and 422."""
    base = sheet.revisions.filter(number=number).first() if number else None
    if number and base is None:
        raise ApiProblem(412, "base_unknown", _("This sheet has no such version."))
    template = load_template(sheet.sheet_type)
    start = version_of(base) if base or sheet.current else initial_version(sheet)
    text = checked_text(start, template, given.markdown, given.header, given.comment, given.section)
    before = number_of(sheet)
    is_stale = base != sheet.current
    if is_stale and given.on_stale == "refuse" and given.choices is None:
        raise stale_problem(sheet, base, text)
    try:
        saved = save_edit(
            sheet,
            user,
            base=base,
            text=text,
            comment=given.comment,
            minor=given.minor,
            choices=None if given.choices is None else made_choices(given.choices),
            onto=given.onto,
        )
    except EditConflict as conflict:
        raise conflict_problem(conflict.merged, conflict.current) from None
    return EditOut.of(saved, sheet, before, merged=saved.origin == Revision.Origin.MERGE)


def made_choices(choices: Mapping[str, ChoiceIn]) -> dict[str, ConflictChoice]:
    return {key: ConflictChoice(one.take, one.text) for key, one in choices.items()}


def checked_text(
    start: Version,
    template: SheetTemplate,
    markdown: str | None,
    header: Mapping[str, str] | None,
    comment: str = "",
    section: str = "",
) -> Version:
    """Return the whole text of an edit, checked as the editor of the site does; raises ApiProblem.

    Without `markdown` the body stays, and header values that are not in `header` stay.
    """
    form = EditForm(
        text_fields(start, template, markdown, header, comment, section),
        start=start,
        template=template,
        section=section,
    )
    unknown = [key for key in header or {} if VALUE + key not in form.fields]
    if unknown:
        detail = _("Unknown fields: %(names)s.") % {"names": ", ".join(sorted(unknown))}
        raise ApiProblem(422, "unknown_fields", detail)
    if section and not form.is_header and section not in known_sections(start, template):
        raise ApiProblem(422, "unknown_section", _("This sheet has no such section."))
    if not form.is_valid():
        raise form_problem({where.removeprefix(VALUE): e for where, e in form.errors.items()})
    return form.text()


def known_sections(start: Version, template: SheetTemplate) -> set[str]:
    return {*section_headings(start, template), *(s.key for s in template.sections)}


def text_fields(
    start: Version,
    template: SheetTemplate,
    markdown: str | None,
    header: Mapping[str, str] | None,
    comment: str,
    section: str,
) -> QueryDict:
    """Return the fields of the editor's form for an edit."""
    fields = initial_of(start, template, section)
    if markdown is not None:
        fields["body"] = markdown
    fields |= {VALUE + key: value for key, value in (header or {}).items()}
    data = QueryDict(mutable=True)
    data.update({**fields, "base": "0", "comment": comment})
    return data


def stale_problem(sheet: Sheet, base: Revision | None, text: Version) -> ApiProblem:
    """Return the 409 of an edit whose base is not the current version, with what merging gives."""
    assert sheet.current is not None
    return conflict_problem(
        merge_versions(version_of(base), version_of(sheet.current), text), sheet.current
    )


def conflict_problem(merged: MergeResult, current: Revision) -> ApiProblem:
    """Return the 409 of a merge: the text merged so far, and the conflicts by id."""
    chosen = {conflict.id: MINE for conflict in merged.conflicts}
    return ApiProblem(
        409,
        "conflicts" if merged.conflicts else "stale_base",
        stale_detail(),
        onto=current.number,
        merged={"markdown": merged.text, "header": dict(resolve_value_conflicts(merged, chosen))},
        conflicts=[ConflictOut.of(one).model_dump() for one in merged.conflicts],
    )


@router.post("/{slug}/rename", response=SheetMade)
def rename(request: HttpRequest, slug: str, given: RenameIn) -> Any:
    """Give a sheet another title; its old address leads to the new one."""
    user = require_right(request, "sheet.rename")
    sheet = open_sheet(request, slug)
    return made(rename_sheet(sheet, free_title_of(given.title, sheet), user))


# --- Versions -------------------------------------------------------------------------------------


@router.get("/{slug}/revisions", response=Listed[RevisionOut])
def history(request: HttpRequest, slug: str, page: PageQuery) -> Any:
    """List the versions of a sheet, the latest first."""
    sheet = open_sheet(request, slug)
    rows, following = page_of(list_revisions(sheet), ("-number",), page)
    content = Listed[RevisionOut](
        items=[RevisionOut.of(row, sheet) for row in rows], next=following
    )
    return json_answer(request, content)


@router.get("/{slug}/revisions/{number}", response=RevisionText)
def read_revision(request: HttpRequest, slug: str, number: int) -> Any:
    """Read one version of a sheet."""
    sheet = open_sheet(request, slug)
    row = revision_numbered(sheet, number)
    content = RevisionText(
        **RevisionOut.of(row, sheet).model_dump(), markdown=row.body, header=dict(row.metadata)
    )
    return json_answer(request, content, version=row.number)


def revision_numbered(sheet: Sheet, number: int) -> Revision:
    """Return a version by its number; raises Http404."""
    if not 0 < number < 2**31:
        raise Http404
    return get_object_or_404(shown_revisions(sheet).select_related("author"), number=number)


@router.get("/{slug}/compare/{old}/{new}", response=ComparisonOut)
def compare(request: HttpRequest, slug: str, old: int, new: int) -> Any:
    """Compare two versions, block by block."""
    sheet = open_sheet(request, slug)
    was, now = revision_numbered(sheet, old), revision_numbered(sheet, new)
    found = compare_versions(
        version_of(was), version_of(now), load_template(sheet.sheet_type), whole=True
    )
    content = ComparisonOut(
        old=old,
        new=new,
        blocks=[
            BlockChangeOut(kind=c.kind, section=c.section, field=c.field, old=c.old, new=c.new)
            for c in found.changes
            if c.kind != "same"
        ],
        header=[
            ValueChangeOut(field=change.key, old=change.old, new=change.new)
            for _label, change in found.values
        ],
    )
    return json_answer(request, content)


@router.post("/{slug}/revisions/{number}/restore", response=EditOut)
@once
def restore(request: HttpRequest, slug: str, number: int, given: RestoreIn) -> Any:
    """Restore a version as the next one."""
    user = require_right(request, "sheet.edit")
    sheet = open_sheet(request, slug)
    former = revision_numbered(sheet, number)
    before = number_of(sheet)
    comment = given.comment or _("Version %(n)s restored") % {"n": former.number}
    try:
        saved = restore_revision(
            sheet, user, former, onto=base_version(request, given.base), comment=comment
        )
    except StaleBase:
        sheet.refresh_from_db()
        detail = _("The sheet was changed in the meantime. Check it, then restore.")
        raise ApiProblem(409, "stale_base", detail, onto=number_of(sheet)) from None
    return EditOut.of(saved, sheet, before, merged=False)
