"""What has changed in the wiki, for the activity page, its feed, and those who watch."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from sheets.models import Revision, Sheet, Watch

PEOPLE, MACHINE = "personnes", "machine"


@dataclass(frozen=True)
class ActivityFilter:
    """Which changes somebody wants to see; empty values do not narrow."""

    type: str = ""
    category: str = ""
    sheet: str = ""
    by: str = ""

    def apply(self, changes: QuerySet[Revision]) -> QuerySet[Revision]:
        """Return the changes that fit."""
        if self.type:
            changes = changes.filter(sheet__sheet_type__key=self.type)
        if self.category:
            changes = changes.filter(sheet__searched__category_name=self.category)
        if self.sheet:
            changes = changes.filter(sheet__slug=self.sheet)
        if self.by == MACHINE:
            changes = changes.filter(origin=Revision.Origin.GENERATED)
        elif self.by == PEOPLE:
            changes = changes.exclude(origin=Revision.Origin.GENERATED)
        return changes


def list_changes(user: Any) -> QuerySet[Revision]:
    """Return the versions of the sheets that `user` sees in lists, the latest first, with both."""
    shown = Sheet.objects.listed_for(user).order_by().values("pk")
    return (
        Revision.objects.filter(sheet__in=shown)
        .select_related("sheet__sheet_type", "author", "generation")
        .only(
            "number", "origin", "comment", "created_at",
            "sheet__title", "sheet__slug", "sheet__state", "sheet__sheet_type",
            "author__username", "author__first_name", "author__last_name",
            "generation__backend", "generation__model",
        )
        .order_by("-created_at", "-pk")
    )  # fmt: skip


def list_watched_changes(user: Any, since: dt.datetime | None = None) -> QuerySet[Revision]:
    """Return what others have changed in the sheets and categories that `user` watches.

    What was there before the watch began does not count.
    """
    watches = Watch.objects.filter(user=user)
    wanted = Q(pk__in=[])
    for sheet, category, begun in watches.values_list("sheet", "category", "since"):
        one = Q(sheet=sheet) if sheet else Q(sheet__searched__category_name=category)
        wanted |= one & Q(created_at__gte=begun)
    found = list_changes(user).filter(wanted).exclude(author=user)
    return found.filter(created_at__gt=since) if since else found
