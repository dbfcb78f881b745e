"""What is one's own: notifications, and the categories that one watches."""

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import BaseModel, StringConstraints

from api.answers import Listed, json_answer
from api.paging import PageIn, page_of
from api.problems import ApiProblem
from api.rights import require_right
from api.schemas.common import PersonOut, RowId, site_address
from sheets.models import Digest, SearchedSheet, Watch
from wikico2.filters import clean_line
from wikico2.models import Notification, User

router = Router(tags=["own"])


class NotificationOut(BaseModel):
    """One thing that you were told; `url` is the page that it leads to."""

    id: int
    kind: str
    sentence: str
    quote: str
    by: PersonOut | None
    created_at: dt.datetime
    seen_at: dt.datetime | None
    url: str
    address: str

    @classmethod
    def of(cls, row: Notification) -> "NotificationOut":
        return cls(
            id=row.pk,
            kind=row.kind,
            sentence=row.sentence,
            quote=row.quote,
            by=PersonOut.of(row.actor),
            created_at=row.created_at,
            seen_at=row.seen_at,
            url=site_address(row.address),
            address=f"/v1/notifications/{row.pk}",
        )


class NotificationsIn(PageIn):
    """All that you were told, or only what you have not seen."""

    unseen: bool = False


class Seen(BaseModel):
    """How many notifications were marked as seen."""

    marked: int


def own_notifications(user: User) -> Any:
    return Notification.objects.filter(user=user).select_related("actor")


@router.get("/notifications", response=Listed[NotificationOut])
def list_notifications(request: HttpRequest, given: Query[NotificationsIn]) -> Any:
    """List what you were told, the latest first."""
    rows = own_notifications(require_right(request, "account.own"))
    rows = rows.unseen() if given.unseen else rows
    shown, following = page_of(rows, ("-created_at", "-id"), given)
    items = [NotificationOut.of(row) for row in shown]
    return json_answer(request, Listed[NotificationOut](items=items, next=following))


@router.post("/notifications/seen", response=Seen)
def mark_all(request: HttpRequest) -> Any:
    """Mark all that you were told as seen."""
    rows = own_notifications(require_right(request, "account.own"))
    return Seen(marked=rows.unseen().update(seen_at=timezone.now()))


@router.post("/notifications/{pk}/seen", response=NotificationOut)
def mark(request: HttpRequest, pk: RowId) -> Any:
    """Mark one notification as seen."""
    rows = own_notifications(require_right(request, "account.own"))
    get_object_or_404(rows, pk=pk)
    rows.unseen().filter(pk=pk).update(seen_at=timezone.now())
    return NotificationOut.of(get_object_or_404(rows, pk=pk))


# --- Watched categories ---------------------------------------------------------------------------


class CategoryIn(BaseModel):
    """A category, by its name."""

    category: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Categories(BaseModel):
    """The categories that you watch, by name."""

    items: list[str]


def watched_categories(user: User) -> Categories:
    rows = Watch.objects.filter(user=user).exclude(category="").order_by("category")
    return Categories(items=list(rows.values_list("category", flat=True)))


@router.get("/watched/categories", response=Categories)
def list_categories(request: HttpRequest) -> Any:
    """List the categories that you watch."""
    return json_answer(request, watched_categories(require_right(request, "watch.set")))


@router.post("/watched/categories", response=Categories)
def watch_category(request: HttpRequest, given: CategoryIn) -> Any:
    """Watch all sheets of a category: their changes by others are in your list and your digest."""
    user = require_right(request, "watch.set")
    name = clean_line(given.category)
    if not name or not SearchedSheet.objects.filter(category_name=name).exists():
        raise ApiProblem(422, "unknown_category", _("No sheet has this category."))
    Watch.objects.get_or_create(user=user, category=name)
    Digest.of(user, get_language() or "fr")
    return watched_categories(user)


@router.delete("/watched/categories", response=Categories)
def unwatch_category(request: HttpRequest, given: Query[CategoryIn]) -> Any:
    """Watch a category no longer."""
    user = require_right(request, "watch.set")
    Watch.objects.filter(user=user, category=clean_line(given.category)).exclude(
        category=""
    ).delete()
    return watched_categories(user)
