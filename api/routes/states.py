"""The life of a sheet: its state, its events, who is in charge, what is due, deleting."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router

from api.answers import Listed, json_answer
from api.paging import PageQuery, page_of
from api.problems import ApiProblem
from api.rights import listed_sheets, open_sheet, require_right, sheets_in_scope
from api.routes import sheets
from api.schemas.common import PersonOut, RowId
from api.schemas.states import (
    BelongingsOut,
    CommentIn,
    DeletedOut,
    DueIn,
    DueOut,
    ResponsibleIn,
    ReviewIn,
    SheetEventOut,
    StandingOut,
    ValidateIn,
)
from sheets.actions import states
from sheets.forms.life import CareForm
from sheets.links.wikilinks import list_backlinks
from sheets.models import Sheet
from sheets.models.sheet import SheetQuerySet
from wikico2.models import User

router = Router(tags=["states"])
deleted_router = Router(tags=["states"])


def asked_sheet(request: HttpRequest, slug: str, action: str) -> tuple[Sheet, User]:
    """Return a sheet and the caller, who may do the action to it; raises as `require_right`."""
    sheet = open_sheet(request, slug, "responsible", "validated_by")
    return sheet, require_right(request, f"sheet.{action}", sheet)


@router.get("/{slug}/state", response=StandingOut)
def read_state(request: HttpRequest, slug: str) -> Any:
    """Read where a sheet stands, and what you may do with it now."""
    sheet = open_sheet(request, slug, "responsible", "validated_by")
    return json_answer(request, StandingOut.of(sheet, request.user))


@router.get("/{slug}/events", response=Listed[SheetEventOut])
def list_events(request: HttpRequest, slug: str, page: PageQuery) -> Any:
    """List what happened to a sheet besides its text, the latest first."""
    events = open_sheet(request, slug).events.select_related("actor", "revision", "sheet")
    rows, following = page_of(events, ("-at", "-id"), page)
    items = [SheetEventOut.of(row, request.user) for row in rows]
    return json_answer(request, Listed[SheetEventOut](items=items, next=following))


@router.post("/{slug}/submit", response=StandingOut)
def submit(request: HttpRequest, slug: str, given: CommentIn) -> Any:
    """Submit a draft for validation."""
    sheet, user = asked_sheet(request, slug, "submit")
    states.submit_sheet(sheet, user, given.comment)
    return StandingOut.of(sheet, user)


@router.post("/{slug}/validate", response=StandingOut)
def validate(request: HttpRequest, slug: str, given: ValidateIn) -> Any:
    """Validate a version, which must be the current one."""
    sheet, user = asked_sheet(request, slug, "validate")
    states.validate_sheet(sheet, user, version=given.version, review_on=given.review_on)
    return StandingOut.of(sheet, user)


@router.post("/{slug}/request-changes", response=StandingOut)
def request_changes(request: HttpRequest, slug: str, given: CommentIn) -> Any:
    """Ask for changes, and say which."""
    sheet, user = asked_sheet(request, slug, "request_changes")
    states.request_changes(sheet, user, given.comment)
    return StandingOut.of(sheet, user)


@router.post("/{slug}/publish", response=StandingOut)
def publish(request: HttpRequest, slug: str) -> Any:
    """Publish a sheet."""
    sheet, user = asked_sheet(request, slug, "publish")
    states.publish_sheet(sheet, user)
    return StandingOut.of(sheet, user)


@router.post("/{slug}/archive", response=StandingOut)
def archive(request: HttpRequest, slug: str, given: CommentIn) -> Any:
    """Archive a sheet: it is kept, and no longer listed."""
    sheet, user = asked_sheet(request, slug, "archive")
    states.archive_sheet(sheet, user, given.comment)
    return StandingOut.of(sheet, user)


@router.post("/{slug}/restore", response=StandingOut)
def restore(request: HttpRequest, slug: str) -> Any:
    """Bring a sheet back from the archive, in the state that it had."""
    sheet, user = asked_sheet(request, slug, "restore")
    states.restore_sheet(sheet, user)
    return StandingOut.of(sheet, user)


@router.put("/{slug}/responsible", response=StandingOut)
def assign(request: HttpRequest, slug: str, given: ResponsibleIn) -> Any:
    """Say who is in charge of a sheet, or nobody."""
    sheet, user = asked_sheet(request, slug, "assign")
    care = CareForm({"responsible": given.person})
    if not care.is_valid():
        raise ApiProblem(422, "person_unknown", str(care.errors["responsible"][0]))
    states.assign_sheet(sheet, user, care.cleaned_data["responsible"])
    return StandingOut.of(sheet, user)


@router.put("/{slug}/review", response=StandingOut)
def schedule_review(request: HttpRequest, slug: str, given: ReviewIn) -> Any:
    """Say when a sheet is due for review."""
    sheet, user = asked_sheet(request, slug, "schedule_review")
    states.schedule_review(sheet, user, given.review_on)
    return StandingOut.of(sheet, user)


# --- What is due, what is deleted -----------------------------------------------------------------


@deleted_router.get("/due", response=Listed[DueOut])
def list_due(request: HttpRequest, given: Query[DueIn]) -> Any:
    """List the sheets that await a validation, or whose date of review has come."""
    user = require_right(request, "watch.set")
    rows = listed_sheets(request).select_related("responsible").defer("written_from")
    rows = rows.filter(responsible=user.pk) if given.mine else rows
    if given.what == "review":
        rows, order = rows.due_for_review(timezone.localdate()), ("review_on", "title", "id")
    else:
        rows, order = rows.awaiting_validation(), ("updated_at", "title", "id")
    shown, following = page_of(rows, order, given)
    content = Listed[DueOut](items=[DueOut.of(row) for row in shown], next=following)
    return json_answer(request, content)


@sheets.router.delete("/{slug}", response=DeletedOut)
def delete(request: HttpRequest, slug: str) -> Any:
    """Delete a sheet: for a while it can be brought back, then it goes with its history."""
    sheet, user = asked_sheet(request, slug, "delete")
    belongings = BelongingsOut.of(sheet, len(list_backlinks(sheet, user)))
    states.delete_sheet(sheet, user)
    return deleted_row(sheet, belongings)


def deleted_row(sheet: Sheet, belongings: BelongingsOut | None = None) -> DeletedOut:
    """Return a deleted sheet as the API lists it."""
    assert sheet.deleted_at is not None
    return DeletedOut(
        id=sheet.pk,
        title=sheet.title,
        deleted_at=sheet.deleted_at,
        deleted_by=PersonOut.of(sheet.deleted_by),
        until=sheet.deleted_at + dt.timedelta(days=settings.DELETED_DAYS),
        address=f"/v1/deleted-sheets/{sheet.pk}",
        belongings=belongings,
    )


def deleted_sheets(request: HttpRequest) -> SheetQuerySet:
    """Return the deleted sheets of the types that the token may touch."""
    rows = Sheet.all_sheets.filter(deleted_at__isnull=False).select_related("deleted_by")
    return sheets_in_scope(request, rows)


@deleted_router.get("/deleted-sheets", response=Listed[DeletedOut])
def list_deleted(request: HttpRequest, page: PageQuery) -> Any:
    """List the deleted sheets that can be brought back, the latest first."""
    require_right(request, "sheet.delete")
    rows, following = page_of(deleted_sheets(request), ("-deleted_at", "-id"), page)
    content = Listed[DeletedOut](items=[deleted_row(row) for row in rows], next=following)
    return json_answer(request, content)


@deleted_router.post("/deleted-sheets/{pk}/restore", response=StandingOut)
def undelete(request: HttpRequest, pk: RowId) -> Any:
    """Bring a deleted sheet back, with its history."""
    user = require_right(request, "sheet.delete")
    sheet = get_object_or_404(deleted_sheets(request), pk=pk)
    states.undelete_sheet(sheet, user)
    return StandingOut.of(sheet, user)
