"""The list of sheets: what narrows it, and how many sheets each choice would leave."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from ingestion.models import Document, DocumentQuerySet
from sheets.models import Sheet, SheetType
from sheets.models.sheet import SheetQuerySet

ORDERS = {
    "recent": ("-updated_at", "-id"),
    "title": ("title", "id"),
    "complete": ("-completeness", "title", "id"),
    "incomplete": ("completeness", "title", "id"),
    "sure": ("-confidence", "title", "id"),
    "unsure": ("confidence", "title", "id"),
}
DOCUMENTS_SHOWN = 12


@dataclass(frozen=True)
class Narrowing:
    """What the reader asked for; empty values do not narrow."""

    q: str = ""
    type: str = ""
    state: str = ""
    source: int | None = None
    stale: bool = False
    sort: str = "recent"

    def apply(self, sheets: SheetQuerySet) -> SheetQuerySet:
        """Return the sheets that fit, every word of `q` in the title or in the text."""
        for word in self.q.split()[:8]:
            sheets = sheets.filter(
                Q(title__unaccent__icontains=word) | Q(current__body__unaccent__icontains=word)
            )
        if self.type:
            sheets = sheets.filter(sheet_type__key=self.type)
        if self.state:
            sheets = sheets.filter(state=self.state)
        if self.source:
            sheets = sheets.filter(documents=self.source)
        if self.stale:
            sheets = sheets.exclude(stale_reasons=[])
        return sheets

    def without(self, **names: Any) -> "Narrowing":
        """Return the same wish with some of its parts changed."""
        return replace(self, **names)


@dataclass(frozen=True)
class Choice:
    """One line of a facet."""

    value: str
    label: str
    count: int
    chosen: bool


def type_choices(sheets: SheetQuerySet, wish: Narrowing) -> list[Choice]:
    """Return the kinds of sheet, each with how many sheets it would leave."""
    left = wish.without(type="").apply(sheets)
    counts = dict(left.order_by().values_list("sheet_type").annotate(n=Count("pk")))
    return [
        Choice(kind.key, kind.plural, counts.get(kind.pk, 0), kind.key == wish.type)
        for kind in SheetType.objects.all()
    ]


def state_choices(sheets: SheetQuerySet, wish: Narrowing) -> tuple[list[Choice], list[Choice]]:
    """Return the states that occur and, where sheets are out of date, the choice of those.

    Each has how many sheets it would leave; one query counts for both.
    """
    left = wish.without(state="", stale=False).apply(sheets).order_by()
    is_stale = ExpressionWrapper(~Q(stale_reasons=[]), output_field=BooleanField())
    rows = list(left.values_list("state", is_stale).annotate(n=Count("pk")))
    counts: dict[str, int] = {}
    out_of_date = 0
    for state, stale, n in rows:
        if stale or not wish.stale:
            counts[state] = counts.get(state, 0) + n
        if stale and wish.state in ("", state):
            out_of_date += n
    states = [
        Choice(state.value, str(state.label), counts.get(state.value, 0), state.value == wish.state)
        for state in Sheet.State
        if state.value in counts or state.value == wish.state
    ]
    stale_choice = Choice("1", _("Out of date"), out_of_date, wish.stale)
    return states, [stale_choice] if out_of_date or wish.stale else []


def source_choices(sheets: SheetQuerySet, wish: Narrowing, named: DocumentQuerySet) -> list[Choice]:
    """Return the sources most drawn on, and the chosen one, each with its number of sheets.

    Only those are among them that the reader may know by name.
    """
    left = wish.without(source=None).apply(sheets).order_by().values("pk")
    documents = (
        named.filter(Q(sheets__in=left) | Q(pk=wish.source))
        .annotate(n=Count("sheets", filter=Q(sheets__in=left), distinct=True))
        .order_by("-n", "title")
        .values_list("pk", "title", "n")
    )
    rows = list(documents[:DOCUMENTS_SHOWN])
    if wish.source and wish.source not in {pk for pk, _title, _n in rows}:
        rows += list(documents.filter(pk=wish.source))
    return [Choice(str(pk), title, n, pk == wish.source) for pk, title, n in rows]


def listed(sheets: SheetQuerySet, wish: Narrowing) -> SheetQuerySet:
    """Return the sheets that fit, in the order asked for, with what a line of the list shows."""
    sources = (
        Document.objects.filter(sheets=OuterRef("pk"))
        .order_by()
        .values("sheets")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return (
        wish.apply(sheets)
        .select_related("sheet_type")
        .annotate(source_count=Coalesce(Subquery(sources), 0))
        .order_by(*ORDERS[wish.sort])
    )
