"""List the changes of the wiki, for the activity page, its feed and the watches."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import F, Prefetch, Q, QuerySet

from ingestion.models import Document
from ingestion.pipeline.event_log import latest_events
from sheets.models import Proposal, Revision, Sheet, SheetEvent, Watch
from wikico2.accounts.rules import may
from wikico2.filters import Filter, FilterField, read_choice, read_line

PEOPLE, MACHINE = "personnes", "machine"
LONGEST = 220
LOST_SHOWN = 20


def _written_by(who: str) -> Q:
    generated = Q(origin=Revision.Origin.GENERATED)
    return generated if who == MACHINE else ~generated


ACTIVITY_FILTER = Filter(
    (
        FilterField("type", read_line(LONGEST), "sheet__sheet_type__key"),
        FilterField(
            "category", read_line(LONGEST), "sheet__searched__category_name", parameter="categorie"
        ),
        FilterField("sheet", read_line(LONGEST), "sheet__slug", parameter="fiche"),
        FilterField("by", read_choice((PEOPLE, MACHINE)), _written_by, parameter="par"),
    )
)


def list_changes(user: Any) -> QuerySet[Revision]:
    """Return the revisions of the sheets that `user` sees in lists, latest first.

    The sheet, the author and the generation are loaded with each, without texts.
    """
    shown = Sheet.objects.listed_for(user).order_by().values("pk")
    rows = Revision.objects.filter(sheet__in=shown)
    if not may(user, "unvalidated.read"):
        rows = rows.filter(
            Q(sheet__validated_revision=None)
            | Q(number__lte=F("sheet__validated_revision__number"))
        )
    return (
        rows
        .select_related("sheet__sheet_type", "author", "generation")
        .only(
            "number", "origin", "comment", "created_at",
            "sheet__title", "sheet__slug", "sheet__state", "sheet__sheet_type",
            "author__username", "author__first_name", "author__last_name",
            "generation__backend", "generation__model", "generation__prompt_version", "parent",
        )
        .prefetch_related(
            Prefetch("accepted_proposals", Proposal.objects.credits())
        )
        .order_by("-created_at", "-pk")
    )  # fmt: skip


def list_events(user: Any) -> QuerySet[SheetEvent]:
    """Return the events of the sheets that `user` sees in lists, latest first."""
    return SheetEvent.objects.shown_to(user).select_related("sheet", "actor", "revision")


class ActivityList:
    """Revisions and events together, latest first, for a paginator: only one page is loaded.

    Each has its moment as `at`; an event is told from a revision by its `kind`.
    """

    def __init__(self, changes: QuerySet[Revision], events: QuerySet[SheetEvent]) -> None:
        self.changes, self.events = changes, events
        event, revision = models.Value("event"), models.Value("revision")
        rows = (
            changes.order_by()
            .prefetch_related(None)
            .annotate(what=revision)
            .values_list("created_at", "what", "pk"),
            events.order_by().annotate(what=event).values_list("at", "what", "pk"),
        )
        self.rows = rows[0].union(rows[1], all=True).order_by("-created_at", "-what", "-pk")

    def count(self) -> int:
        """Return the number of all of them."""
        return self.changes.count() + self.events.count()

    def __getitem__(self, part: slice) -> list[Revision | SheetEvent]:
        keys = [(what, pk) for _at, what, pk in self.rows[part]]
        found: dict[tuple[str, int], Any] = {}
        for what, rows in (("revision", self.changes), ("event", self.events)):
            wanted = [pk for kind, pk in keys if kind == what]
            found |= {(what, row.pk): row for row in rows.filter(pk__in=wanted)} if wanted else {}
        for (what, _pk), row in found.items():
            if what == "revision":
                row.at = row.created_at
        return [found[key] for key in keys if key in found]


@dataclass(frozen=True)
class LostCitations:
    """Citations of a sheet that are no longer found since their source was read again."""

    at: dt.datetime
    count: int
    sheet: str
    slug: str
    document: Document


def list_lost_citations(user: Any) -> list[LostCitations]:
    """Return the latest losses in sheets that `user` sees in lists, of sources that they may open.

    A loss is left out once a later version of the sheet was saved.
    """
    readable = Document.objects.readable_by(user)
    events = latest_events("citations_lost", readable, LOST_SHOWN)
    slugs = [event.details["slug"] for event in events]
    shown = Sheet.objects.listed_for(user).filter(slug__in=slugs).select_related("current")
    saved = {sheet.slug: sheet.current.created_at for sheet in shown if sheet.current}
    return [
        LostCitations(e.at, e.details["count"], e.details["sheet"], e.details["slug"], e.document)
        for e in events
        if e.details["slug"] in saved and saved[e.details["slug"]] < e.at
    ]


def list_watched_changes(user: Any, since: dt.datetime | None = None) -> QuerySet[Revision]:
    """Return the changes by others in the sheets and categories that `user` watches.

    Only changes since the watch began count and, if given, after `since`.
    """
    watches = Watch.objects.filter(user=user)
    wanted = Q(pk__in=[])
    for sheet, category, begun in watches.values_list("sheet", "category", "since"):
        one = Q(sheet=sheet) if sheet else Q(sheet__searched__category_name=category)
        wanted |= one & Q(created_at__gte=begun)
    found = list_changes(user).filter(wanted).exclude(author=user)
    return found.filter(created_at__gt=since) if since else found
