"""Sheets, their statements with levels and citations, their versions."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Selectable
from api.schemas.common import Key, Number, PersonOut, RowId, site_address
from sheets.forms.edit import LONGEST
from sheets.merge import Conflict
from sheets.models import Citation, Revision, Sheet
from sheets.models.level_reasons import reason_sentence
from sheets.rendering.html import page_url
from sheets.verification.figures import find_figures

Body = Annotated[str, StringConstraints(max_length=LONGEST)]
LevelName = Literal[
    "verbatim", "confirmed", "judged", "figures", "fragile", "not_found", "unsourced", ""
]


class SourceRef(BaseModel):
    """A source that a sheet draws on."""

    id: int
    title: str


class SheetSummary(Selectable):
    """A sheet in a list."""

    id: int
    slug: str
    title: str
    type: str
    state: str
    version: int | None
    completeness: int
    confidence: int
    stale: bool
    updated_at: dt.datetime
    url: str
    address: str

    @classmethod
    def of(cls, sheet: Sheet, version: int | None) -> "SheetSummary":
        return cls(**summary_of(sheet, version))


def summary_of(sheet: Sheet, version: int | None) -> dict[str, Any]:
    """Return the members that every form of a sheet has."""
    return {
        "id": sheet.pk,
        "slug": sheet.slug,
        "title": sheet.title,
        "type": sheet.sheet_type.key,
        "state": sheet.state,
        "version": version,
        "completeness": sheet.completeness,
        "confidence": sheet.confidence,
        "stale": sheet.is_stale,
        "updated_at": sheet.updated_at,
        "url": site_address(sheet.get_absolute_url()),
        "address": f"/v1/sheets/{sheet.slug}",
    }


class CitationOut(BaseModel):
    """The proof of a statement: a quote on a page of a source, with its level and address."""

    marker: str
    source: int | None
    title: str
    page: int
    quote: str
    level: LevelName
    reasons: list[str]
    unborne: list[str]
    url: str

    @classmethod
    def of(cls, row: Citation) -> "CitationOut":
        source = row.document
        address = page_url(source.pk, row.page, row.pk) if source else ""
        return cls(
            marker=row.marker,
            source=source.pk if source else None,
            title=source.title if source else "",
            page=row.page,
            quote=row.quote,
            level=row.level,  # type: ignore[arg-type]  # the choices of the column
            reasons=row.reason_sentences,
            unborne=[str(word) for word in row.unborne],
            url=site_address(address) if address else "",
        )


class FigureOut(BaseModel):
    """A figure of a statement: its number as written, or both ends of a range; its unit, if any.

    `condition` is the statement with `…` for the figure: what it is said of, and every limit.
    """

    figure: str
    unit: str
    condition: str

    @classmethod
    def all_of(cls, text: str) -> "list[FigureOut]":
        """Return the figures of a statement."""
        return [
            cls(figure=one.number, unit=one.unit, condition=one.condition)
            for one in find_figures(text)
        ]


class StatementOut(BaseModel):
    """One statement: `id` stays while its words do, wherever it stands in the sheet."""

    id: str
    text: str
    section: str
    field: str
    level: LevelName
    reasons: list[str]
    unborne: list[str]
    citations: list[str]
    figures: list[FigureOut]
    url: str

    @classmethod
    def of(cls, stored: dict[str, Any], anchor: str, sheet: Sheet) -> "StatementOut":
        reasons = (reason_sentence(code, detail) for code, detail in stored["reasons"])
        return cls(
            id=anchor,
            text=stored["text"],
            section=stored["section"],
            field=stored["field"],
            level=stored["level"],
            reasons=[reason for reason in reasons if reason],
            unborne=[str(word) for word in stored["unborne"]],
            citations=list(stored["markers"]),
            figures=FigureOut.all_of(stored["text"]),
            url=site_address(f"{sheet.get_absolute_url()}#{anchor}"),
        )


class SectionOut(BaseModel):
    """A section of the text: `id` is its anchor on the page."""

    id: str
    heading: str
    url: str


class SheetOut(Selectable):
    """A whole sheet: header values, sections as Markdown, statements, citations, sources."""

    id: int
    slug: str
    title: str
    type: str
    state: str
    version: int | None
    completeness: int
    confidence: int
    stale: bool
    updated_at: dt.datetime
    url: str
    address: str
    header: dict[str, str]
    markdown: str
    sections: list[SectionOut]
    statements: list[StatementOut]
    citations: list[CitationOut]
    sources: list[SourceRef]
    levels: dict[str, int]
    locks: list[str]
    stale_sections: list[str]
    validated_by: PersonOut | None
    validated_at: dt.datetime | None
    created_at: dt.datetime


class SheetIn(BaseModel):
    """A new sheet: with a text of one's own, or written from sources.

    Without `markdown` it is written from `sources`; the answer's `job` is its address then.
    """

    type: Key
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    sources: Annotated[list[RowId], Field(max_length=50)] = []
    markdown: Body | None = None
    header: dict[Key, Annotated[str, StringConstraints(max_length=2_000)]] = {}
    comment: Annotated[str, StringConstraints(max_length=500)] = ""


class SheetMade(BaseModel):
    """A sheet that was created, and the job that writes it."""

    id: int
    slug: str
    version: int | None
    url: str
    address: str
    job: str | None


class ChoiceIn(BaseModel):
    """How to resolve one conflict; `text` is for `edit`."""

    take: Literal["mine", "theirs", "both", "edit"]
    text: Body = ""


class EditIn(BaseModel):
    """An edit: the whole text, or one section; what is left out stays as it is.

    `base` is the version that the edit started from (or the header If-Match). Where others saved
    meanwhile the answer is 409, with the merged text; with `on_stale` = `merge` it is saved at once
    if nothing conflicts. Conflicts are resolved by `choices`, on the version `onto` that the 409
    named.
    """

    base: Number | None = None
    section: Annotated[str, StringConstraints(max_length=200)] = ""
    markdown: Body | None = None
    header: dict[Key, Annotated[str, StringConstraints(max_length=2_000)]] | None = None
    comment: Annotated[str, StringConstraints(max_length=500)] = ""
    minor: bool = False
    on_stale: Literal["refuse", "merge"] = "refuse"
    choices: Annotated[dict[str, ChoiceIn], Field(max_length=500)] | None = None
    onto: Number = 0


class EditOut(BaseModel):
    """What became of an edit; `changed` is false where the sheet already had this text."""

    version: int
    changed: bool
    merged: bool
    url: str
    address: str

    @classmethod
    def of(cls, saved: Revision, sheet: Sheet, before: int, *, merged: bool) -> "EditOut":
        """Return what became of an edit of a sheet whose version was `before`."""
        return cls(
            version=saved.number,
            changed=saved.number != before,
            merged=merged,
            url=site_address(sheet.get_absolute_url()),
            address=f"/v1/sheets/{sheet.slug}",
        )


class ConflictOut(BaseModel):
    """A place that both sides changed."""

    id: str
    kind: str
    section: str
    field: str
    base: str
    current: str
    yours: str

    @classmethod
    def of(cls, one: Conflict) -> "ConflictOut":
        return cls(
            id=one.id,
            kind=one.kind,
            section=one.section,
            field=one.field,
            base=one.base,
            current=one.ours,
            yours=one.theirs,
        )


class RenameIn(BaseModel):
    """Another title; the old address leads to the new one."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class RevisionOut(BaseModel):
    """One version of a sheet."""

    number: int
    origin: str
    author: PersonOut | None
    comment: str
    minor: bool
    size: int
    grown: int
    created_at: dt.datetime
    url: str

    @classmethod
    def of(cls, row: Revision, sheet: Sheet) -> "RevisionOut":
        size = getattr(row, "size", None)
        return cls(
            number=row.number,
            origin=row.origin,
            author=PersonOut.of(row.author),
            comment=row.comment,
            minor=row.minor,
            size=len(row.body.encode()) if size is None else size,
            grown=getattr(row, "grown", 0) or 0,
            created_at=row.created_at,
            url=site_address(f"{sheet.get_absolute_url()}versions/{row.number}/"),
        )


class RevisionText(RevisionOut):
    """One version with its text."""

    markdown: str
    header: dict[str, str]


class BlockChangeOut(BaseModel):
    """One block that differs."""

    kind: str
    section: str
    field: str
    old: str
    new: str


class ValueChangeOut(BaseModel):
    """A header value that differs."""

    field: str
    old: str
    new: str


class ComparisonOut(BaseModel):
    """The differences between two versions."""

    old: int
    new: int
    blocks: list[BlockChangeOut]
    header: list[ValueChangeOut]


class RestoreIn(BaseModel):
    """Restore a version; `base` is the version that was current (or the header If-Match)."""

    base: Number | None = None
    comment: Annotated[str, StringConstraints(max_length=500)] = ""


def stale_detail() -> str:
    return _("Others have saved meanwhile: see what was merged, and send it again on `onto`.")
