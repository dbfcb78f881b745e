"""The names that sheets bear (categories, systems, sectors), and the audit log."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.db.models import Count
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Listed, json_answer
from api.paging import PageIn, page_of
from api.problems import ApiProblem
from api.rights import require_right
from api.schemas.common import PersonOut, RowId, job_address, site_address
from sheets.curation.terms import merge_terms, rename_term
from sheets.models import BulkAction, VocabularyTerm
from sheets.models.vocabulary import LONGEST_NAME
from wikico2.accounts.audit_log import AUDIT_FILTER
from wikico2.models import AuditEvent

router = Router(tags=["curation"])
MOST_MERGED = 49

TermKind = Literal["category", "system", "sector"]


class TermOut(BaseModel):
    """A category, a system or a sector: its name, the folded names that mean it too, its sheets."""

    id: int
    kind: TermKind
    name: str
    former: list[str]
    sheets: int
    address: str

    @classmethod
    def of(cls, row: VocabularyTerm, sheets: int) -> "TermOut":
        return cls(
            id=row.pk,
            kind=row.kind,  # type: ignore[arg-type]  # the choices of the column
            name=row.name,
            former=list(row.former),
            sheets=sheets,
            address=f"/v1/terms/{row.pk}",
        )


class TermChanged(BaseModel):
    """A term after a change, and how far its new name is written into the sheets that bear it.

    `job` does the rest where they are many; `report` says what was left, and why.
    """

    term: TermOut
    written: int
    waiting: int
    job: str | None
    report: str | None

    @classmethod
    def of(cls, term: VocabularyTerm, done: BulkAction | None) -> "TermChanged":
        return cls(
            term=TermOut.of(term, term.sheets.count()),
            written=len(done.treated) if done else 0,
            waiting=len(done.waiting) if done else 0,
            job=job_address(done.job if done else None),
            report=site_address(done.get_absolute_url()) if done else None,
        )


class TermFilterIn(PageIn):
    """Terms of one kind, or of all."""

    kind: TermKind | None = None


class TermNameIn(BaseModel):
    """The name that a term is to have."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]


class TermMergeIn(BaseModel):
    """The ids of the terms of the same kind that become former names of the one that stays."""

    others: Annotated[list[RowId], Field(min_length=1, max_length=MOST_MERGED)]


@router.get("/terms", response=Listed[TermOut])
def list_terms(request: HttpRequest, filters: Query[TermFilterIn]) -> Any:
    """List the categories, systems and sectors that sheets bear."""
    require_right(request, "vocabulary.curate")
    rows = VocabularyTerm.objects.annotate(borne=Count("sheets"))
    rows = rows.filter(kind=filters.kind) if filters.kind else rows
    shown, following = page_of(rows, ("kind", "folded", "id"), filters)
    items = [TermOut.of(row, row.borne) for row in shown]  # type: ignore[attr-defined]  # annotated
    return json_answer(request, Listed[TermOut](items=items, next=following))


@router.put("/terms/{pk}", response=TermChanged)
def rename(request: HttpRequest, pk: RowId, given: TermNameIn) -> Any:
    """Rename a category, a system or a sector, together with the sheets that bear it."""
    user = require_right(request, "vocabulary.curate")
    term = get_object_or_404(VocabularyTerm, pk=pk)
    return TermChanged.of(term, rename_term(term, given.name, user))


@router.post("/terms/{pk}/merge", response=TermChanged)
def merge(request: HttpRequest, pk: RowId, given: TermMergeIn) -> Any:
    """Merge other terms into this one: they become former names of it, also in their sheets."""
    user = require_right(request, "vocabulary.curate")
    term = get_object_or_404(VocabularyTerm, pk=pk)
    wanted = set(given.others) - {pk}
    others = list(VocabularyTerm.objects.filter(pk__in=wanted).order_by("pk"))
    if not wanted or len(others) < len(wanted):
        raise ApiProblem(422, "unknown_term", _("One of the terms does not exist."))
    return TermChanged.of(term, merge_terms(term, others, user))


# --- The audit log --------------------------------------------------------------------------------


class AuditOut(BaseModel):
    """One thing that was done; without a `person` by the program, or the account is gone."""

    at: dt.datetime
    person: PersonOut | None
    name: str
    channel: str
    address: str | None
    action: str
    kind: str
    row: int | None
    label: str
    details: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEvent) -> "AuditOut":
        return cls(
            at=row.at,
            person=PersonOut.of(row.actor),
            name=row.actor_name,
            channel=row.channel,
            address=row.address,
            action=row.action,
            kind=row.kind,
            row=row.row_id,
            label=row.label,
            details=dict(row.details),
        )


Word = Annotated[str, StringConstraints(max_length=150)]


class AuditIn(PageIn):
    """The filters of the page: `qui`, `action`, `objet`, `canal`, and the days `du` and `au`."""

    qui: Word = ""
    action: Word = ""
    objet: Word = ""
    canal: Word = ""
    du: Word = ""
    au: Word = ""


@router.get("/audit", response=Listed[AuditOut])
def list_audit(request: HttpRequest, filters: Query[AuditIn]) -> Any:
    """List what was done, by whom and from where, the latest first."""
    require_right(request, "audit.read")
    rows = AUDIT_FILTER.read(request.GET).apply(AuditEvent.objects.select_related("actor"))
    shown, following = page_of(rows, ("-at", "-id"), filters)
    content = Listed[AuditOut](items=[AuditOut.of(row) for row in shown], next=following)
    return json_answer(request, content)
