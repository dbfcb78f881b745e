"""What members discuss about a sheet or a passage of it."""

import datetime as dt
from typing import Annotated, Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints

from api.answers import json_answer
from api.idempotency import once
from api.problems import form_problem
from api.rights import open_sheet, require_right
from api.schemas.common import PersonOut, RowId, site_address
from sheets.discussions.threads import (
    add_comment,
    begin_discussion,
    discussions_of,
    reopen_discussion,
    resolve_discussion,
)
from sheets.forms.discussion import CommentForm, DiscussionForm
from sheets.models import Comment, Discussion
from sheets.views.discussions import may_settle
from wikico2.models import User

router = Router(tags=["discussions"])

CommentText = Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
Words = Annotated[str, StringConstraints(max_length=600)]
Around = Annotated[str, StringConstraints(max_length=200)]


class CommentOut(BaseModel):
    """One comment of a discussion."""

    id: int
    author: PersonOut | None
    text: str
    created_at: dt.datetime

    @classmethod
    def of(cls, row: Comment) -> "CommentOut":
        author = PersonOut.of(row.author)
        return cls(id=row.pk, author=author, text=row.body, created_at=row.created_at)


class DiscussionOut(BaseModel):
    """A discussion of the words `quote`, or of the whole sheet where there are none.

    `passage` are those words as they stand now; `lost` tells that they are no longer in the sheet.
    """

    id: int
    quote: str
    passage: str
    lost: bool
    begun_at: dt.datetime
    resolved_at: dt.datetime | None
    resolved_by: PersonOut | None
    may_settle: bool
    comments: list[CommentOut]
    url: str
    address: str

    @classmethod
    def of(cls, row: Discussion, user: Any) -> "DiscussionOut":
        return cls(
            id=row.pk,
            quote=row.quote,
            passage=row.passage,
            lost=row.is_lost,
            begun_at=row.begun_at,
            resolved_at=row.resolved_at,
            resolved_by=PersonOut.of(row.resolved_by),
            may_settle=may_settle(row, user),
            comments=[CommentOut.of(one) for one in row.comments.all()],
            url=site_address(row.get_absolute_url()),
            address=f"/v1/sheets/{row.sheet.slug}/discussions/{row.pk}",
        )


class DiscussionsOut(BaseModel):
    """The discussions of a sheet, the open ones first."""

    items: list[DiscussionOut]


class ReplyIn(BaseModel):
    """A comment; `@name` tells that person."""

    text: CommentText


class DiscussionIn(ReplyIn):
    """The first comment, and the words of the present text that it is about.

    `before` and `after`, the words around them, tell which ones where they stand more than once.
    """

    quote: Words = ""
    before: Around = ""
    after: Around = ""


def checked(form: forms.Form) -> dict[str, Any]:
    """Return the values of a form of the pages; raises ApiProblem."""
    if not form.is_valid():
        names = {"body": "text"}
        raise form_problem({names.get(where, where): e for where, e in form.errors.items()})
    return form.cleaned_data


def asked_discussion(request: HttpRequest, slug: str, pk: int) -> Discussion:
    """Return a discussion of a sheet that the caller may open; raises Http404."""
    sheet = open_sheet(request, slug)
    rows = Discussion.objects.select_related("resolved_by").prefetch_related("comments__author")
    row = get_object_or_404(rows, sheet=sheet, pk=pk)
    row.sheet = sheet
    return row


@router.get("/{slug}/discussions", response=DiscussionsOut)
def list_discussions(request: HttpRequest, slug: str) -> Any:
    """List the discussions of a sheet with their comments."""
    user = require_right(request, "comment.read")
    sheet = open_sheet(request, slug)
    items = []
    for row in discussions_of(sheet):
        row.sheet = sheet
        items.append(DiscussionOut.of(row, user))
    return json_answer(request, DiscussionsOut(items=items))


@router.post("/{slug}/discussions", response={201: DiscussionOut})
@once
def begin(request: HttpRequest, slug: str, given: DiscussionIn) -> Any:
    """Begin a discussion of a passage, or of the whole sheet."""
    user = require_right(request, "comment.create")
    sheet = open_sheet(request, slug)
    texts = given.model_dump(exclude={"text"}) | {"body": given.text}
    row = begin_discussion(sheet, user, **checked(DiscussionForm(texts)))
    return Status(201, DiscussionOut.of(asked_discussion(request, slug, row.pk), user))


@router.post("/{slug}/discussions/{pk}/comments", response={201: DiscussionOut})
@once
def reply(request: HttpRequest, slug: str, pk: RowId, given: ReplyIn) -> Any:
    """Answer in a discussion."""
    user = require_right(request, "comment.create")
    row = asked_discussion(request, slug, pk)
    add_comment(row, user, checked(CommentForm({"body": given.text}))["body"])
    return Status(201, DiscussionOut.of(asked_discussion(request, slug, pk), user))


def settled(request: HttpRequest, slug: str, pk: int) -> tuple[Discussion, User]:
    """Return a discussion and the caller, who may resolve it; raises PermissionDenied."""
    user = require_right(request, "comment.create")
    row = asked_discussion(request, slug, pk)
    if not may_settle(row, user):
        raise PermissionDenied
    return row, user


@router.post("/{slug}/discussions/{pk}/resolve", response=DiscussionOut)
def resolve(request: HttpRequest, slug: str, pk: RowId) -> Any:
    """Resolve a discussion; it stays readable."""
    row, user = settled(request, slug, pk)
    resolve_discussion(row, user)
    return DiscussionOut.of(row, user)


@router.post("/{slug}/discussions/{pk}/reopen", response=DiscussionOut)
def reopen(request: HttpRequest, slug: str, pk: RowId) -> Any:
    """Open a resolved discussion again."""
    row, user = settled(request, slug, pk)
    reopen_discussion(row)
    return DiscussionOut.of(row, user)
