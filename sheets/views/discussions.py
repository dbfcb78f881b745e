"""The discussions of a sheet, beside its text."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from sheets.discussions.passages import find_passage, mark_passages
from sheets.discussions.threads import (
    add_comment,
    begin_discussion,
    discussions_of,
    reopen_discussion,
    resolve_discussion,
    sheet_page,
)
from sheets.forms.discussion import CommentForm, DiscussionForm
from sheets.models import Discussion, Sheet
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import check, may
from wikico2.errors import UserError
from wikico2.models import User


@never_cache
@requires("comment.read")
@require_http_methods(["GET", "HEAD", "POST"])
def discussion_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the text of a sheet with its discussions; begin one on POST."""
    sheet = requested_sheet(request, slug)
    form = DiscussionForm(request.POST or None)
    if request.method == "POST":
        check(request.user, "comment.create")
        if form.is_valid():
            try:
                begun = begin_discussion(
                    sheet, cast("User", request.user), form.cleaned_data.pop("body"),
                    **form.cleaned_data,
                )  # fmt: skip
            except UserError as error:
                form.add_error("quote", error.sentence)
            else:
                messages.success(request, _("The discussion has begun."))
                return redirect(begun)
    return show_discussions(request, sheet, form)


def show_discussions(
    request: HttpRequest,
    sheet: Sheet,
    form: forms.Form,
    refused: tuple[int, CommentForm] | None = None,
) -> HttpResponse:
    """Render the page; `refused` is the id of a discussion with the comment that was refused."""
    page = sheet_page(sheet.current)
    found = discussions_of(sheet)
    spans = []
    for row in found:
        if row.passage and row.resolved_at is None:
            span = find_passage(page, row.passage, row.before, row.after)
            spans += [(row.pk, span)] if span else []
    context = {
        "sheet": sheet,
        "form": form,
        "marked": mark_passages(page, spans),
        "writes": may(request.user, "comment.create"),
        "rows": [
            {
                "discussion": row,
                "may_settle": may_settle(row, request.user),
                "form": refused[1] if refused and refused[0] == row.pk else CommentForm(),
            }
            for row in found
        ],
        "open_count": sum(row.resolved_at is None for row in found),
    }
    status = 422 if form.errors or refused else 200
    return render(request, "sheets/discussions.html", context, status=status)


def may_settle(discussion: Discussion, user: Any) -> bool:
    """Tell whether a user may resolve a discussion: an expert, or who has begun it."""
    first = next(iter(discussion.comments.all()), None)
    return may(user, "comment.resolve", first)


@requires("comment.create")
@require_POST
def discussion_act(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Answer in a discussion, resolve it, or open it again."""
    sheet = requested_sheet(request, slug)
    discussion = get_object_or_404(Discussion, sheet=sheet, pk=pk)
    discussion.sheet = sheet
    what = request.POST.get("do", "reply")
    if what in ("resolve", "reopen"):
        if not may_settle(discussion, request.user):
            raise PermissionDenied
        if what == "resolve":
            resolve_discussion(discussion, cast("User", request.user))
        else:
            reopen_discussion(discussion)
        return redirect(discussion)
    form = CommentForm(request.POST)
    if not form.is_valid():
        return show_discussions(request, sheet, DiscussionForm(), (pk, form))
    add_comment(discussion, cast("User", request.user), form.cleaned_data["body"])
    return redirect(discussion)
