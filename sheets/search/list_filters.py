"""The list of sheets: what narrows it, and how many sheets each choice would leave."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from ingestion.models import Document, DocumentQuerySet
from ingestion.search import postings
from sheets.models import Sheet, SheetType
from sheets.models.sheet import SheetQuerySet
from sheets.search.indexing import SHEETS
from wikico2.text.analyzer import main_lexemes

ORDERS = {
    "recent": ("-updated_at", "-id"),
    "title": ("title", "id"),
    "complete": ("-completeness", "title", "id"),
    "incomplete": ("completeness", "title", "id"),
    "sure": ("-confidence", "title", "id"),
    "unsure": ("confidence", "title", "id"),
}
VALUES_SHOWN = 12
MOST_WORDS = 8
LEVELS = {"skeleton": (0, 30), "partial": (30, 80), "complete": (80, 101)}
"""How complete a sheet is: from how many per cent, and below how many."""


@dataclass(frozen=True)
class SheetFilter:
    """What the reader asked for; empty values do not narrow."""

    q: str = ""
    type: str = ""
    category: str = ""
    system: str = ""
    level: str = ""
    state: str = ""
    source: int | None = None
    stale: bool = False
    sort: str = "recent"

    def apply(self, sheets: SheetQuerySet) -> SheetQuerySet:
        """Return the sheets that fit, every word of `q` in the title or in the text."""
        for lexeme in main_lexemes(self.q)[:MOST_WORDS]:
            sheets = sheets.filter(pk__in=postings.rows_with(SHEETS.space.table, lexeme))
        if self.type:
            sheets = sheets.filter(sheet_type__key=self.type)
        if self.category:
            sheets = sheets.filter(searched__category_name=self.category)
        if self.system:
            sheets = sheets.filter(searched__system_name=self.system)
        if self.level in LEVELS:
            least, below = LEVELS[self.level]
            sheets = sheets.filter(completeness__gte=least, completeness__lt=below)
        if self.state:
            sheets = sheets.filter(state=self.state)
        if self.source:
            sheets = sheets.filter(documents=self.source)
        if self.stale:
            sheets = sheets.exclude(stale_reasons=[])
        return sheets

    @property
    def narrows(self) -> bool:
        """Tell whether anything is left out."""
        return self != SheetFilter(sort=self.sort)

    def without(self, **names: Any) -> "SheetFilter":
        """Return the same wish with some of its parts changed."""
        return replace(self, **names)


@dataclass(frozen=True)
class FilterChoice:
    """One line of a facet."""

    value: str
    label: str
    count: int
    chosen: bool


def type_choices(sheets: SheetQuerySet, wish: SheetFilter) -> list[FilterChoice]:
    """Return the kinds of sheet, each with how many sheets it would leave."""
    left = wish.without(type="").apply(sheets)
    counts = dict(left.order_by().values_list("sheet_type").annotate(n=Count("pk")))
    return [
        FilterChoice(kind.key, kind.plural, counts.get(kind.pk, 0), kind.key == wish.type)
        for kind in SheetType.objects.all()
    ]


def state_choices(
    sheets: SheetQuerySet, wish: SheetFilter
) -> tuple[list[FilterChoice], list[FilterChoice]]:
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
        FilterChoice(
            state.value, str(state.label), counts.get(state.value, 0), state.value == wish.state
        )
        for state in Sheet.State
        if state.value in counts or state.value == wish.state
    ]
    stale_choice = FilterChoice("1", _("Out of date"), out_of_date, wish.stale)
    return states, [stale_choice] if out_of_date or wish.stale else []


def category_choices(sheets: SheetQuerySet, wish: SheetFilter) -> list[FilterChoice]:
    """Return the categories most sheets have, and the chosen one."""
    return value_choices(wish.without(category="").apply(sheets), "category_name", wish.category)


def system_choices(sheets: SheetQuerySet, wish: SheetFilter) -> list[FilterChoice]:
    """Return the systems most sheets act on, and the chosen one."""
    return value_choices(wish.without(system="").apply(sheets), "system_name", wish.system)


def value_choices(left: SheetQuerySet, name: str, chosen: str) -> list[FilterChoice]:
    """Return the most frequent values of a column of `SearchedSheet`, and the chosen one."""
    rows = (
        left.exclude(**{f"searched__{name}": ""})
        .exclude(searched=None)
        .order_by()
        .values_list(f"searched__{name}")
        .annotate(n=Count("pk"))
        .order_by("-n", f"searched__{name}")
    )
    counts = list(rows[:VALUES_SHOWN])
    if chosen and chosen not in dict(counts):
        counts.append((chosen, rows.filter(**{f"searched__{name}": chosen}).count()))
    return [FilterChoice(value, value, n, value == chosen) for value, n in counts]


def level_choices(sheets: SheetQuerySet, wish: SheetFilter) -> list[FilterChoice]:
    """Return how complete sheets are, in three steps."""
    left = wish.without(level="").apply(sheets).order_by()
    counts = left.aggregate(
        **{
            level: Count("pk", filter=Q(completeness__gte=least, completeness__lt=below))
            for level, (least, below) in LEVELS.items()
        }
    )
    labels = {"skeleton": _("skeleton"), "partial": _("partial"), "complete": _("complete")}
    return [
        FilterChoice(key, labels[key], n, key == wish.level)
        for key, n in counts.items()
        if n or key == wish.level
    ]


def source_choices(
    sheets: SheetQuerySet, wish: SheetFilter, named: DocumentQuerySet
) -> list[FilterChoice]:
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
    rows = list(documents[:VALUES_SHOWN])
    if wish.source and wish.source not in {pk for pk, _title, _n in rows}:
        rows += list(documents.filter(pk=wish.source))
    return [FilterChoice(str(pk), title, n, pk == wish.source) for pk, title, n in rows]


def filtered_sheets(sheets: SheetQuerySet, wish: SheetFilter) -> SheetQuerySet:
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
        .defer("written_from")
        .annotate(source_count=Coalesce(Subquery(sources), 0))
        .order_by(*ORDERS[wish.sort])
    )
