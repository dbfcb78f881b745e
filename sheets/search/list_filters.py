"""The list of sheets: what narrows it, and how many sheets each choice would leave."""

from collections.abc import Iterator

from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from ingestion.models import Document, DocumentQuerySet
from ingestion.search import postings
from sheets.models import Sheet, SheetType
from sheets.models.sheet import SheetQuerySet
from sheets.search.indexing import SHEETS
from wikico2.filters import Facet, FacetChoice, Filter, FilterField, read_choice, read_match
from wikico2.text.analyzer import main_lexemes

ORDERS = {
    "recent": ("-updated_at", "-id"),
    "title": ("title", "id"),
    "complete": ("-completeness", "title", "id"),
    "incomplete": ("completeness", "title", "id"),
    "sure": ("-confidence", "title", "id"),
    "unsure": ("confidence", "title", "id"),
}
ORDERS_OFFERED = {
    "recent": gettext_lazy("Latest"),
    "title": gettext_lazy("Title"),
    "complete": gettext_lazy("Most complete"),
    "incomplete": gettext_lazy("Least complete"),
    "unsure": gettext_lazy("Least reliable"),
}
VALUES_SHOWN = 12
MOST_WORDS = 8
LEVELS = {"skeleton": (0, 30), "partial": (30, 80), "complete": (80, 101)}
"""How complete a sheet is: from how many per cent, and below how many."""


def _contains_words(words: str) -> Q:
    """Return the condition that every word is in the title or in the text."""
    table = SHEETS.space.table
    lexemes = main_lexemes(words)[:MOST_WORDS]
    return Q(*(Q(pk__in=postings.rows_with(table, lexeme)) for lexeme in lexemes))


def _at_level(level: str) -> Q:
    least, below = LEVELS[level]
    return Q(completeness__gte=least, completeness__lt=below)


SHEET_FILTER = Filter(
    (
        FilterField("q", read_match(r"[^\0]{1,200}"), _contains_words),
        FilterField("type", read_match(r"[-a-zA-Z0-9_]+"), "sheet_type__key"),
        FilterField("category", read_match(r"[^\0]{1,200}"), "searched__category_name"),
        FilterField("system", read_match(r"[^\0]{1,200}"), "searched__system_name"),
        FilterField("level", read_choice(LEVELS), _at_level),
        FilterField("state", read_choice(Sheet.State.values), "state"),
        FilterField("source", read_match(r"[1-9][0-9]{0,17}"), "documents"),
        FilterField("stale", read_choice(("1",)), lambda _value: ~Q(stale_reasons=[])),
        FilterField("sort", read_choice(ORDERS), default="recent"),
    )
)


def type_facet(sheets: SheetQuerySet, wish: Filter) -> Facet:
    """Return the kinds of sheet, each with how many sheets it would leave."""
    left = wish.without("type").apply(sheets)
    counts = dict(left.order_by().values_list("sheet_type").annotate(n=Count("pk")))
    kinds = [
        FacetChoice(kind.key, kind.plural, counts.get(kind.pk, 0))
        for kind in SheetType.objects.all()
    ]
    total = sum(kind.count or 0 for kind in kinds)
    return wish.facet("type", _("Kind of sheet"), [FacetChoice("", _("All"), total), *kinds])


def order_facet(wish: Filter) -> Facet:
    """Return the orders to choose from."""
    orders = [FacetChoice(key, str(label)) for key, label in ORDERS_OFFERED.items()]
    return wish.facet("sort", _("Order"), orders)


def sheet_facets(sheets: SheetQuerySet, wish: Filter, named: DocumentQuerySet) -> Iterator[Facet]:
    """Yield what narrows the list; of the sources only those `named`, known to the reader."""
    yield wish.facet("category", _("Category"), _value_choices(sheets, wish, "category"))
    system = pgettext("what a sheet acts on", "System")
    yield wish.facet("system", system, _value_choices(sheets, wish, "system"))
    yield wish.facet("level", _("Completeness"), _level_choices(sheets, wish))
    states, stale = _state_choices(sheets, wish)
    yield wish.facet("state", _("State"), states)
    yield wish.facet("stale", _("Freshness"), stale)
    yield wish.facet("source", _("Source"), _source_choices(sheets, wish, named))


def _state_choices(
    sheets: SheetQuerySet, wish: Filter
) -> tuple[list[FacetChoice], list[FacetChoice]]:
    """Return the states that occur and, where sheets are out of date, the choice of those.

    One query counts for both.
    """
    left = wish.without("state", "stale").apply(sheets).order_by()
    is_stale = ExpressionWrapper(~Q(stale_reasons=[]), output_field=BooleanField())
    counts: dict[str, int] = {}
    out_of_date = 0
    for state, stale, n in left.values_list("state", is_stale).annotate(n=Count("pk")):
        if stale or not wish["stale"]:
            counts[state] = counts.get(state, 0) + n
        if stale and wish["state"] in ("", state):
            out_of_date += n
    states = [
        FacetChoice(state.value, str(state.label), counts.get(state.value, 0))
        for state in Sheet.State
        if state.value in counts or state.value == wish["state"]
    ]
    stale_choice = FacetChoice("1", _("Out of date"), out_of_date)
    return states, [stale_choice] if out_of_date or wish["stale"] else []


def _value_choices(sheets: SheetQuerySet, wish: Filter, name: str) -> list[FacetChoice]:
    """Return the values that most sheets have in a column of `SearchedSheet`, and the chosen."""
    column, chosen = f"searched__{name}_name", wish[name]
    rows = (
        wish.without(name)
        .apply(sheets)
        .exclude(**{column: ""})
        .exclude(searched=None)
        .order_by()
        .values_list(column)
        .annotate(n=Count("pk"))
        .order_by("-n", column)
    )
    counts = list(rows[:VALUES_SHOWN])
    if chosen and chosen not in dict(counts):
        counts.append((chosen, rows.filter(**{column: chosen}).count()))
    return [FacetChoice(value, value, n) for value, n in counts]


def _level_choices(sheets: SheetQuerySet, wish: Filter) -> list[FacetChoice]:
    """Return how complete sheets are, in three steps."""
    left = wish.without("level").apply(sheets).order_by()
    counts = left.aggregate(**{level: Count("pk", filter=_at_level(level)) for level in LEVELS})
    labels = {"skeleton": _("stub"), "partial": _("partial"), "complete": _("complete")}
    return [
        FacetChoice(key, labels[key], n) for key, n in counts.items() if n or key == wish["level"]
    ]


def _source_choices(
    sheets: SheetQuerySet, wish: Filter, named: DocumentQuerySet
) -> list[FacetChoice]:
    """Return the sources most drawn on, and the chosen one, each with its number of sheets."""
    left = wish.without("source").apply(sheets).order_by().values("pk")
    chosen = int(wish["source"]) if wish["source"] else None
    documents = (
        named.filter(Q(sheets__in=left) | Q(pk=chosen))
        .annotate(n=Count("sheets", filter=Q(sheets__in=left), distinct=True))
        .order_by("-n", "title")
        .values_list("pk", "title", "n")
    )
    rows = list(documents[:VALUES_SHOWN])
    if chosen and chosen not in {pk for pk, _title, _n in rows}:
        rows += list(documents.filter(pk=chosen))
    return [FacetChoice(str(pk), title, n) for pk, title, n in rows]


def filtered_sheets(sheets: SheetQuerySet, wish: Filter) -> SheetQuerySet:
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
        .order_by(*ORDERS[wish["sort"]])
    )
