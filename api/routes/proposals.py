"""Proposals and remarks: what waits for a person, and the decision on it."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.paging import PageIn, page_of
from api.problems import ApiProblem
from api.rights import open_sheet, open_sheets, require_open, require_right
from api.routes.sheets import checked_text, conflict_problem, known_sections, made_choices
from api.schemas.common import Key, Number, PersonOut, RowId, site_address
from api.schemas.sheets import Body, ChoiceIn, ConflictOut, EditOut
from sheets.forms.edit import LEAST_SUGGESTED, TIMES_THE_SHEET
from sheets.merge import UnresolvedConflicts
from sheets.models import Proposal
from sheets.models.schema_loader import load_template
from sheets.proposals.review import (
    ProposalClosed,
    accept_proposal,
    merge_onto,
    reject_proposal,
    reject_section,
)
from sheets.proposals.suggestions import check_limit, create_suggestion, sender_of
from sheets.revisions.errors import StaleBase
from sheets.revisions.versions import version_of
from sheets.views.reading import shown_revisions
from wikico2.models import User

router = Router(tags=["proposals"])


class ProposalOut(BaseModel):
    """A text that waits for a person, or the decision on it."""

    id: int
    sheet: str
    state: str
    origin: Literal["generated", "suggested"]
    author: PersonOut | None
    signed: str
    remark: str
    sections: list[str]
    conflicts: int
    created_at: dt.datetime
    decided_by: PersonOut | None
    decided_at: dt.datetime | None
    reason: str
    version: int | None
    url: str
    address: str

    @classmethod
    def of(cls, row: Proposal) -> "ProposalOut":
        return cls(
            id=row.pk,
            sheet=row.sheet.slug,
            state=row.state,
            origin="generated" if row.generation_id else "suggested",
            author=PersonOut.of(row.author),
            signed=row.signed,
            remark=row.remark,
            sections=[str(key) for key in row.sections],
            conflicts=len(row.conflicts),
            created_at=row.created_at,
            decided_by=PersonOut.of(row.decided_by),
            decided_at=row.decided_at,
            reason=row.reason,
            version=row.accepted_as.number if row.accepted_as else None,
            url=site_address(row.get_absolute_url()),
            address=f"/v1/proposals/{row.pk}",
        )


class ProposalText(ProposalOut):
    """A proposal with its text, merged onto the current version `onto` while it is open."""

    markdown: str
    header: dict[str, str]
    onto: int | None
    merged: str | None
    open_conflicts: list[ConflictOut]


class ProposalFilterIn(PageIn):
    """Which proposals: `state` is `open` or `decided`."""

    state: Literal["open", "decided"] = "open"
    sheet: Annotated[str, StringConstraints(max_length=220)] = ""


@router.get("/proposals", response=Listed[ProposalOut])
def list_proposals(request: HttpRequest, filters: Query[ProposalFilterIn]) -> Any:
    """List the proposals that wait, the oldest first; or the decided ones, the latest first."""
    require_right(request, "proposal.list")
    rows = Proposal.objects.filter(sheet__in=open_sheets(request).order_by().values("pk"))
    if filters.sheet:
        rows = rows.filter(sheet__slug=filters.sheet)
    is_open = filters.state == "open"
    rows = rows.waiting() if is_open else rows.exclude(state=Proposal.State.OPEN)
    related = rows.select_related("sheet", "author", "decided_by", "accepted_as")
    order = ("created_at", "id") if is_open else ("-id",)
    shown, following = page_of(related.defer("body", "merged", "metadata"), order, filters)
    content = Listed[ProposalOut](items=[ProposalOut.of(row) for row in shown], next=following)
    return json_answer(request, content)


def open_proposal(request: HttpRequest, pk: int) -> Proposal:
    """Return a proposal that the caller may see; raises Http404, or as `require_right` does."""
    rows = Proposal.objects.filter(sheet__in=open_sheets(request).order_by().values("pk"))
    related = ("sheet__current", "sheet__sheet_type", "author", "decided_by", "accepted_as")
    row = get_object_or_404(
        rows.select_related(*related, "base", "base_proposal", "generation"), pk=pk
    )
    require_open(request, "unvalidated.read")  # it shows the current text
    if row.is_anonymous:
        require_open(request, "proposal.read_anonymous")  # not public before it is reviewed
    return row


@router.get("/proposals/{pk}", response=ProposalText)
def read_proposal(request: HttpRequest, pk: RowId) -> Any:
    """Read a proposal, merged onto the current version of its sheet."""
    row = open_proposal(request, pk)
    current = row.sheet.current
    merged = None
    if row.is_open and current:
        merged = merge_onto(row, current, load_template(row.sheet.sheet_type))
    content = ProposalText(
        **ProposalOut.of(row).model_dump(),
        markdown=row.body,
        header=dict(row.metadata),
        onto=current.number if merged and current else None,
        merged=merged.text if merged else None,
        open_conflicts=[ConflictOut.of(one) for one in (merged.conflicts if merged else [])],
    )
    return json_answer(request, content)


class SuggestionIn(BaseModel):
    """A change that you propose, a remark, or both; nothing is changed before a person decides.

    `section` alone limits the proposal, and `markdown` is that section's text then.
    """

    base: Number | None = None
    section: Annotated[str, StringConstraints(max_length=200)] = ""
    markdown: Body | None = None
    header: dict[Key, Annotated[str, StringConstraints(max_length=2_000)]] | None = None
    remark: Annotated[str, StringConstraints(max_length=5_000)] = ""
    signed: Annotated[str, StringConstraints(max_length=100)] = ""


@router.post("/sheets/{slug}/proposals", response={201: ProposalOut})
@once
def suggest(request: HttpRequest, slug: str, given: SuggestionIn) -> Any:
    """Propose a change, or make a remark."""
    return Status(201, ProposalOut.of(propose_change(request, slug, given)))


def propose_change(request: HttpRequest, slug: str, given: SuggestionIn) -> Proposal:
    """Create a proposal of the caller; raises Unauthenticated, ApiProblem, UserError."""
    require_open(request, "proposal.create")
    sheet = open_sheet(request, slug)
    current = sheet.current
    if current is None:
        raise ApiProblem(409, "no_text", _("This sheet has no text yet."))
    sender = sender_of(request)
    check_limit(sender)
    base = (
        current if given.base is None else shown_revisions(sheet).filter(number=given.base).first()
    )
    if base is None:
        raise ApiProblem(412, "base_unknown", _("This sheet has no such version."))
    start, template = version_of(base), load_template(sheet.sheet_type)
    limit = max(LEAST_SUGGESTED, TIMES_THE_SHEET * len(start.body))
    if given.markdown and len(given.markdown) > limit:
        sentence = _("This text is too long: at most %(limit)s characters are taken.")
        raise ApiProblem(413, "too_large", sentence % {"limit": limit})
    text = checked_text(start, template, given.markdown, given.header, section=given.section)
    if start.body.strip() and not text.body.strip():
        raise ApiProblem(422, "empties", _("This would leave the sheet without any text."))
    keys = {section.key for section in template.sections} & known_sections(start, template)
    author = request.user if isinstance(request.user, User) else None
    return create_suggestion(
        sheet,
        base=base,
        text=text,
        sender=sender,
        author=author,
        section=given.section if given.section in keys else "",
        remark=given.remark,
        signed="" if author else given.signed,
    )


class DecisionIn(BaseModel):
    """A decision: `onto` is the version that you saw; `sections` limit it, all if there are none.

    Conflicts need a choice each to be accepted, a refusal needs a reason.
    """

    decision: Literal["accept", "refuse"]
    onto: Number = 0
    sections: Annotated[list[Key], Field(max_length=100)] = []
    choices: Annotated[dict[str, ChoiceIn], Field(max_length=500)] = {}
    reason: Annotated[str, StringConstraints(max_length=2_000)] = ""
    comment: Annotated[str, StringConstraints(max_length=500)] = ""


class Decided(BaseModel):
    """A proposal after a decision, and the version that it became."""

    proposal: ProposalOut
    saved: EditOut | None


@router.post("/proposals/{pk}/decision", response=Decided)
def decide(request: HttpRequest, pk: RowId, given: DecisionIn) -> Any:
    """Accept or refuse a proposal, or some of its sections."""
    user = require_right(request, "proposal.settle")
    row = open_proposal(request, pk)
    saved = None
    try:
        if given.decision == "accept":
            saved = accept(row, user, given)
        elif given.sections:
            for section in given.sections:
                reject_section(row, user, section)
        elif given.reason.strip():
            reject_proposal(row, user, given.reason.strip())
        else:
            raise ApiProblem(422, "reason_missing", _("Give the reason."))
    except ProposalClosed:
        detail = _("This proposal was decided in the meantime. Your decision changed nothing.")
        raise ApiProblem(409, "proposal_closed", detail) from None
    return Decided(proposal=ProposalOut.of(open_proposal(request, pk)), saved=saved)


def accept(row: Proposal, user: User, given: DecisionIn) -> EditOut:
    """Accept a proposal; raises ApiProblem 409 with the conflicts that need a choice."""
    sheet = row.sheet
    current = sheet.current
    if current is None:
        raise ApiProblem(409, "no_text", _("This sheet has no text yet."))
    try:
        saved = accept_proposal(
            row,
            user,
            onto=given.onto,
            choices=made_choices(given.choices),
            sections=given.sections or None,
            comment=given.comment,
        )
    except (StaleBase, UnresolvedConflicts):
        sheet.refresh_from_db()
        latest = sheet.current or current
        merged = merge_onto(row, latest, load_template(sheet.sheet_type))
        raise conflict_problem(merged, latest) from None
    return EditOut.of(saved, sheet, current.number, merged=True)
