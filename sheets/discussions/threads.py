"""Begin, continue and resolve discussions; move them with the text that they are about."""

import re
from typing import Any

from django.db import transaction
from django.db.models import F
from django.dispatch import receiver
from django.utils import timezone

from sheets.discussions.passages import PageWords, find_passage, follow_passage, page_text
from sheets.models import Comment, Discussion, Revision, Sheet, Watch
from sheets.signals import revision_saved
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.models import Notification, User
from wikico2.notifications import notify

MOST_MENTIONS = 20
MENTION = re.compile(r"(?<![\w@.])@([\w.+@-]{1,150})")


def sheet_page(revision: Revision | None) -> PageWords:
    """Return the page of a revision, as it is stored."""
    return page_text(str(revision.rendered.get("body", "")) if revision else "")


@transaction.atomic
def begin_discussion(
    sheet: Sheet, author: User, body: str, quote: str = "", before: str = "", after: str = ""
) -> Discussion:
    """Begin a discussion of the words `quote` of the current text, or of the whole sheet.

    Raises UserError (passage_unknown) when the words are not there.
    """
    discussion = Discussion(sheet=sheet, quote=" ".join(quote.split()))
    if discussion.quote:
        page = sheet_page(sheet.current)
        span = find_passage(page, discussion.quote, before, after)
        if span is None:
            raise UserError("passage_unknown")
        discussion.passage = page.text[span.start : span.end]
        discussion.before, discussion.after = page.around(span)
    discussion.save()
    add_comment(discussion, author, body)
    return discussion


@transaction.atomic
def add_comment(discussion: Discussion, author: User, body: str) -> Comment:
    """Add a comment and tell who is mentioned, who takes part, and who watches the sheet."""
    begins = not discussion.comments.exists()
    taking_part = set(discussion.comments.exclude(author=None).values_list("author", flat=True))
    comment = Comment.objects.create(discussion=discussion, author=author, body=body)
    mentioned = {user.pk for user in mentioned_users(body)}
    about: dict[str, Any] = {
        "address": discussion.get_absolute_url(),
        "actor": author,
        "title": discussion.sheet.title,
        "text": body,
    }
    kind = Notification.Kind
    notify(mentioned, kind.MENTION, f"comment:{comment.pk}", **about)
    notify(taking_part - mentioned, kind.REPLY, f"discussion:{discussion.pk}", **about)
    if begins:
        watching = set(Watch.objects.filter(sheet=discussion.sheet).values_list("user", flat=True))
        notify(watching - mentioned, kind.COMMENT, f"discussion:{discussion.pk}", **about)
    return comment


def mentioned_users(body: str) -> list[User]:
    """Return the accounts that a comment names as @name, if they may read it."""
    names = {name.rstrip(".-+@") for name in MENTION.findall(body)}
    wanted = [name for name in sorted(names) if name][:MOST_MENTIONS]
    found = User.objects.filter(username__in=wanted, is_active=True)
    return [user for user in found if may(user, "comment.read")]


def resolve_discussion(discussion: Discussion, user: User) -> None:
    """Resolve a discussion; it stays readable."""
    discussion.resolved_at, discussion.resolved_by = timezone.now(), user
    discussion.save(update_fields=["resolved_at", "resolved_by"])


def reopen_discussion(discussion: Discussion) -> None:
    """Make a resolved discussion open again."""
    discussion.resolved_at = discussion.resolved_by = None
    discussion.save(update_fields=["resolved_at", "resolved_by"])


@receiver(revision_saved)
def move_discussions(sender: object, revision: Revision, **kwargs: object) -> None:
    """Move the discussions of a sheet with the words that they are about."""
    discussions = list(Discussion.objects.filter(sheet=revision.sheet_id).exclude(quote=""))
    if not discussions:
        return
    old, new = sheet_page(revision.parent), sheet_page(revision)
    for discussion in discussions:
        move_discussion(discussion, old, new)


def move_discussion(discussion: Discussion, old: PageWords, new: PageWords) -> None:
    """Find the words of a discussion on the new page: word for word, else as they were changed."""
    before, after = discussion.before, discussion.after
    span = find_passage(new, discussion.passage or discussion.quote, before, after)
    if span is None and discussion.passage:
        was = find_passage(old, discussion.passage, before, after)
        span = follow_passage(old, new, was) if was else None
    if span is None:
        discussion.passage = ""
    else:
        discussion.passage = new.text[span.start : span.end]
        discussion.before, discussion.after = new.around(span)
    discussion.save(update_fields=["passage", "before", "after"])


def discussions_of(sheet: Sheet) -> list[Discussion]:
    """Return the discussions of a sheet with their comments: open ones first."""
    rows = Discussion.objects.filter(sheet=sheet).select_related("resolved_by")
    rows = rows.prefetch_related("comments__author")
    return list(rows.order_by(F("resolved_at").asc(nulls_first=True), "begun_at", "pk"))
