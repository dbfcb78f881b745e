"""The sources of a sheet as a set that changes, and the sheets that a source concerns."""

from typing import Annotated, Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import BaseModel, Field

from api.answers import json_answer
from api.problems import ApiProblem
from api.rights import listed_sheets, open_sheet, require_right, sheets_in_scope
from api.schemas.common import RowId, site_address
from api.schemas.sheets import LevelName
from api.schemas.sources import PassageOut
from ingestion.models import Document
from sheets.actions.sources import add_sources, remove_source, replace_source
from sheets.models import Sheet
from sheets.search.for_source import concerned_sheets
from sheets.sources.visibility import sources_visible_on
from sheets.sources.working_set import (
    RestingStatement,
    resting_counts,
    statements_resting_on,
    suggest_sources,
)
from sheets.views.sources import later_versions_of
from wikico2.models import User

router = Router(tags=["sources of sheets"])
concerned_router = Router(tags=["sources of sheets"])
MOST_ADDED = 100


class DrawnSource(BaseModel):
    """A source that a sheet draws on: how many citations it has there; `newer` is a later version
    of it that you may read."""

    id: int
    title: str
    state: str
    citations: int
    newer: int | None
    url: str
    address: str


class DrawnSources(BaseModel):
    """The sources of a sheet, by title."""

    items: list[DrawnSource]


class RestingOut(BaseModel):
    """A statement that cites a source; it `loses_ground` without it if it cites no other one."""

    text: str
    section: str
    level: LevelName
    loses_ground: bool

    @classmethod
    def of(cls, one: RestingStatement) -> "RestingOut":
        return cls(
            text=one.text,
            section=one.section,
            level=one.level,  # type: ignore[arg-type]  # the choices of the column
            loses_ground=one.loses_ground,
        )


class RemovedOut(BaseModel):
    """What still cites the source that was removed: no text was changed."""

    statements: list[RestingOut]
    losing_ground: int


class SuggestedOut(BaseModel):
    """A source that a sheet does not draw on, with its best passage for it."""

    source: int
    title: str
    found: int
    passage: PassageOut


class SuggestedList(BaseModel):
    """The suggested sources, the best first."""

    items: list[SuggestedOut]


class AddIn(BaseModel):
    """The sources to add; one that the sheet draws on already stays as it is."""

    sources: Annotated[list[RowId], Field(min_length=1, max_length=MOST_ADDED)]


class ReplaceIn(BaseModel):
    """The source to draw on in the place of the other one."""

    source: RowId


def asked_sheet(request: HttpRequest, slug: str) -> tuple[Sheet, User]:
    """Return a sheet and the caller, who may change its sources; raises as `require_right`."""
    sheet = open_sheet(request, slug)
    return sheet, require_right(request, "sheet.change_sources", sheet)


def drawn_sources(sheet: Sheet, user: User) -> DrawnSources:
    """Return the sources of a sheet whose titles the user may see."""
    rows = list(sources_visible_on(sheet, user).order_by("title", "pk"))
    counts = resting_counts(sheet)
    newer = later_versions_of(rows, user)
    items = [
        DrawnSource(
            id=row.pk,
            title=row.title,
            state=row.state,
            citations=counts.get(row.pk, 0),
            newer=newer[row.pk].pk if row.pk in newer else None,
            url=site_address(row.get_absolute_url()),
            address=f"/v1/sources/{row.pk}",
        )
        for row in rows
    ]
    return DrawnSources(items=items)


def readable_source(pk: int, user: User) -> Document:
    """Return a source that the user may read; raises ApiProblem, also for one that they may not."""
    row = Document.objects.readable_by(user).filter(pk=pk).first()
    if row is None:
        raise ApiProblem(422, "unknown_source", _("One of the sources does not exist."))
    return row


@router.get("/{slug}/sources", response=DrawnSources)
def list_drawn(request: HttpRequest, slug: str) -> Any:
    """List the sources of a sheet, with what rests on them and their later versions."""
    return json_answer(request, drawn_sources(*asked_sheet(request, slug)))


@router.post("/{slug}/sources", response=DrawnSources)
def add(request: HttpRequest, slug: str, given: AddIn) -> Any:
    """Add sources to a sheet; its sections are out of date then, no text changes."""
    sheet, user = asked_sheet(request, slug)
    add_sources(sheet, user, [readable_source(pk, user) for pk in dict.fromkeys(given.sources)])
    return drawn_sources(sheet, user)


@router.put("/{slug}/sources/{pk}", response=DrawnSources)
def replace(request: HttpRequest, slug: str, pk: RowId, given: ReplaceIn) -> Any:
    """Draw on another source in the place of this one, for example on its later version."""
    sheet, user = asked_sheet(request, slug)
    old = get_object_or_404(sources_visible_on(sheet, user), pk=pk)
    replace_source(sheet, user, old, readable_source(given.source, user))
    return drawn_sources(sheet, user)


@router.delete("/{slug}/sources/{pk}", response=RemovedOut)
def remove(request: HttpRequest, slug: str, pk: RowId, sure: bool = False) -> Any:
    """Take a source out of a sheet; where statements rest on it only if you are `sure`.

    Otherwise the answer is 409 with those `statements`. Its citations stay in the text.
    """
    sheet, user = asked_sheet(request, slug)
    source = get_object_or_404(sources_visible_on(sheet, user), pk=pk)
    found = [RestingOut.of(one) for one in statements_resting_on(sheet, source)]
    if found and not sure:
        detail = _("Statements rest on this source: read them, then send it again with `sure`.")
        listed = [one.model_dump() for one in found]
        raise ApiProblem(409, "statements_rest", detail, statements=listed)
    remove_source(sheet, user, source)
    return RemovedOut(statements=found, losing_ground=sum(one.loses_ground for one in found))


@router.get("/{slug}/suggested-sources", response=SuggestedList)
def suggest(request: HttpRequest, slug: str) -> Any:
    """Suggest sources that answer the questions of a sheet, and that it does not draw on."""
    sheet, user = asked_sheet(request, slug)
    items = [
        SuggestedOut(
            source=one.document.pk,
            title=one.document.title,
            found=one.found,
            passage=PassageOut.found(one.passage),
        )
        for one in suggest_sources(sheet, user)
    ]
    return json_answer(request, SuggestedList(items=items))


# --- From a source --------------------------------------------------------------------------------


class NamedSheet(BaseModel):
    """A sheet; `heading` is the text of the source by which it was found."""

    slug: str
    title: str
    heading: str = ""
    address: str

    @classmethod
    def of(cls, sheet: Sheet, heading: str = "") -> "NamedSheet":
        address = f"/v1/sheets/{sheet.slug}"
        return cls(slug=sheet.slug, title=sheet.title, heading=heading, address=address)


class SourceSheets(BaseModel):
    """The sheets that draw on a source, and those that it may concern, nearest first."""

    drawing: list[NamedSheet]
    concerned: list[NamedSheet]


@concerned_router.get("/{pk}/sheets", response=SourceSheets)
def list_sheets_of(request: HttpRequest, pk: RowId) -> Any:
    """List the sheets that draw on a source, and those that should hear of it."""
    user = require_right(request, "sheet.change_sources")
    source = Document.objects.readable_by(user).filter(pk=pk).first()
    if source is None:
        raise Http404
    concerned = concerned_sheets(source, user) if source.is_ready else []
    known = sheets_in_scope(request, Sheet.objects.filter(pk__in=[c.sheet.pk for c in concerned]))
    in_scope = set(known.values_list("pk", flat=True))
    drawing = listed_sheets(request).filter(documents=source).order_by("title", "pk")
    content = SourceSheets(
        drawing=[NamedSheet.of(sheet) for sheet in drawing],
        concerned=[NamedSheet.of(c.sheet, c.heading) for c in concerned if c.sheet.pk in in_scope],
    )
    return json_answer(request, content)
