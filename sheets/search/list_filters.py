"""Filters, facets and orders of the list of sheets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce, Left
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from ingestion.models import Document
from ingestion.search import postings
from sheets.models import RevisionCheck, SearchedSection, Sheet, SheetType
from sheets.models.sheet import CHANGED_SINCE_VALIDATION, SheetQuerySet
from sheets.search.indexing import SHEETS
from sheets.search.public_texts import sheets_with_lexemes
from sheets.sources.visibility import sources_visible_to
from sheets.verification.levels import FRAGILE, NOT_FOUND, UNSOURCED
from wikico2.accounts.rules import may
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
SUMMARY_READ = 240
"""Characters of a sheet's first section that the list reads."""
MOSTLY_VERIFIED = 80
"""Per cent of the statements of a sheet that is mostly verified."""

LEVELS = {"skeleton": (0, 30), "partial": (30, 80), "complete": (80, 101)}
"""Levels of completeness: (from, below) in per cent."""


def _contains_words(words: str) -> Q:
    """Return the condition that title or text contain every word."""
    table = SHEETS.space.table
    return Q(*(Q(pk__in=postings.rows_with(table, lexeme)) for lexeme in _lexemes(words)))


def _lexemes(words: str) -> tuple[str, ...]:
    return main_lexemes(words)[:MOST_WORDS]


def _at_level(level: str) -> Q:
    least, below = LEVELS[level]
    return Q(completeness__gte=least, completeness__lt=below)


def _has_level(level: str) -> Q:
    """Return the condition that a statement of the current version has a level."""
    return Q(**{f"current__check_made__levels__{level}__gt": 0})


_IS_CHECKED = Q(current__check_made__version=RevisionCheck.VERSION)
CHECKED = {
    "verified": _IS_CHECKED & Q(confidence__gte=MOSTLY_VERIFIED),
    "partly": _IS_CHECKED & Q(confidence__lt=MOSTLY_VERIFIED),
    "fragile": _IS_CHECKED & (_has_level(FRAGILE) | _has_level(NOT_FOUND)),
    "unsourced": _IS_CHECKED & _has_level(UNSOURCED),
    "outdated": Q(current__isnull=False) & ~_IS_CHECKED,
}
"""What the check found of a sheet; a sheet may be several of them."""

SHEET_FILTER = Filter(
    (
        FilterField("q", read_match(r"[^\0]{1,200}"), _contains_words),
        FilterField("type", read_match(r"[-a-zA-Z0-9_]+"), "sheet_type__key"),
        FilterField("category", read_match(r"[^\0]{1,200}"), "searched__category_name"),
        FilterField("system", read_match(r"[^\0]{1,200}"), "searched__system_name"),
        FilterField("level", read_choice(LEVELS), _at_level),
        FilterField("checked", read_choice(CHECKED), CHECKED.__getitem__),
        FilterField("state", read_choice(Sheet.State.values), "state"),
        FilterField("source", read_match(r"[1-9][0-9]{0,17}"), "documents"),
        FilterField("stale", read_choice(("1",)), lambda _value: ~Q(stale_reasons=[])),
        FilterField("sort", read_choice(ORDERS), default="recent"),
    )
)


def _public_contains_words(words: str) -> Q:
    """Return the condition that title or text, as the public reads it, contain every word."""
    changed = Sheet.objects.filter(CHANGED_SINCE_VALIDATION)
    found = sheets_with_lexemes(changed.only("title", "validated_revision"), _lexemes(words))
    return _contains_words(words) & ~CHANGED_SINCE_VALIDATION | Q(pk__in=found)


PUBLIC_CONDITIONS: dict[str, Callable[[str], Q]] = {
    "q": _public_contains_words,
    "category": lambda name: Q(searched__category_name=name) & ~CHANGED_SINCE_VALIDATION,
    "system": lambda name: Q(searched__system_name=name) & ~CHANGED_SINCE_VALIDATION,
}
"""Conditions of the fields that look into the index of current texts, for the public."""


def sheet_filter(user: Any) -> Filter:
    """Return the filter of the list of sheets, by which readers find what they may read."""
    if may(user, "unvalidated.read"):
        return SHEET_FILTER
    fields = (
        replace(one, where=cache(PUBLIC_CONDITIONS[one.name]))  # every facet asks for it
        if one.name in PUBLIC_CONDITIONS
        else one
        for one in SHEET_FILTER.fields
    )
    return replace(SHEET_FILTER, fields=tuple(fields))


def type_facet(sheets: SheetQuerySet, active: Filter) -> Facet:
    """Return the facet of sheet types, with the number of matching sheets of each."""
    left = active.without("type").apply(sheets)
    counts = dict(left.order_by().values_list("sheet_type").annotate(n=Count("pk")))
    kinds = [
        FacetChoice(kind.key, kind.plural, counts.get(kind.pk, 0))
        for kind in SheetType.objects.all()
    ]
    total = sum(kind.count or 0 for kind in kinds)
    return active.facet("type", _("Kind of sheet"), [FacetChoice("", _("All"), total), *kinds])


def order_facet(active: Filter) -> Facet:
    """Return the facet of sort orders."""
    orders = [FacetChoice(key, str(label)) for key, label in ORDERS_OFFERED.items()]
    return active.facet("sort", _("Order"), orders)


def sheet_facets(sheets: SheetQuerySet, active: Filter, user: Any) -> Iterator[Facet]:
    """Yield the facets of the list for a reader."""
    indexed = sheets
    if not may(user, "unvalidated.read"):
        indexed = sheets.exclude(CHANGED_SINCE_VALIDATION)
    yield active.facet("category", _("Category"), _value_choices(indexed, active, "category"))
    system = pgettext("what a sheet acts on", "System")
    yield active.facet("system", system, _value_choices(indexed, active, "system"))
    levels, checked = _level_and_checked_choices(sheets, active)
    yield active.facet("level", _("Completeness"), levels)
    yield active.facet("checked", _("Verification"), checked)
    states, stale = _state_choices(sheets, active)
    yield active.facet("state", _("State"), states)
    yield active.facet("stale", _("Freshness"), stale)
    yield active.facet("source", _("Source"), _source_choices(sheets, active, user))


def _state_choices(
    sheets: SheetQuerySet, active: Filter
) -> tuple[list[FacetChoice], list[FacetChoice]]:
    """Return the choices of states and of freshness, counted in one query.

    Only states that occur are listed; freshness has a choice only if sheets are out of date.
    """
    left = active.without("state", "stale").apply(sheets).order_by()
    is_stale = ExpressionWrapper(~Q(stale_reasons=[]), output_field=BooleanField())
    counts: dict[str, int] = {}
    out_of_date = 0
    for state, stale, n in left.values_list("state", is_stale).annotate(n=Count("pk")):
        if stale or not active["stale"]:
            counts[state] = counts.get(state, 0) + n
        if stale and active["state"] in ("", state):
            out_of_date += n
    states = [
        FacetChoice(state.value, str(state.label), counts.get(state.value, 0))
        for state in Sheet.State
        if state.value in counts or state.value == active["state"]
    ]
    stale_choice = FacetChoice("1", _("Out of date"), out_of_date)
    return states, [stale_choice] if out_of_date or active["stale"] else []


def _value_choices(sheets: SheetQuerySet, active: Filter, name: str) -> list[FacetChoice]:
    """Return the most frequent values of a column of `SearchedSheet`, and the chosen one."""
    column, chosen = f"searched__{name}_name", active[name]
    rows = (
        active.without(name)
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


def _level_and_checked_choices(
    sheets: SheetQuerySet, active: Filter
) -> tuple[list[FacetChoice], list[FacetChoice]]:
    """Return the levels of completeness, and what the check found, that occur.

    They are counted in one query; each is counted among the sheets that the other leaves.
    """
    left = active.without("level", "checked").apply(sheets).order_by()
    at_level = _at_level(active["level"]) if active["level"] else Q()
    found = CHECKED[active["checked"]] if active["checked"] else Q()
    counts = left.aggregate(
        **{key: Count("pk", filter=_at_level(key) & found) for key in LEVELS},
        **{key: Count("pk", filter=which & at_level) for key, which in CHECKED.items()},
    )
    labels = {
        "skeleton": _("stub"),
        "partial": _("partial"),
        "complete": _("complete"),
        "verified": _("at least %(share)s%% verified") % {"share": MOSTLY_VERIFIED},
        "partly": _("less than %(share)s%% verified") % {"share": MOSTLY_VERIFIED},
        "fragile": _("with fragile statements"),
        "unsourced": _("with statements without a source"),
        "outdated": _("to be checked again"),
    }

    def choices(name: str, keys: Iterable[str]) -> list[FacetChoice]:
        occurring = (key for key in keys if counts[key] or key == active[name])
        return [FacetChoice(key, labels[key], counts[key]) for key in occurring]

    return choices("level", LEVELS), choices("checked", CHECKED)


def _source_choices(sheets: SheetQuerySet, active: Filter, user: Any) -> list[FacetChoice]:
    """Return the most used sources, and the chosen one, with their number of sheets."""
    left = active.without("source").apply(sheets).order_by().values("pk")
    chosen = int(active["source"]) if active["source"] else None
    documents = (
        sources_visible_to(user)
        .filter(Q(sheets__in=left) | Q(pk=chosen))
        .annotate(n=Count("sheets", filter=Q(sheets__in=left), distinct=True))
        .order_by("-n", "title")
        .values_list("pk", "title", "n")
    )
    rows = list(documents[:VALUES_SHOWN])
    if chosen and chosen not in {pk for pk, _title, _n in rows}:
        rows += list(documents.filter(pk=chosen))
    return [FacetChoice(str(pk), title, n) for pk, title, n in rows]


def _summary() -> Subquery:
    """Return the beginning of the first section with text of the outer query's sheet.

    What stands before the first heading is the title and the header data.
    """
    sections = SearchedSection.objects.filter(sheet=OuterRef("pk")).exclude(anchor="")
    written = sections.exclude(text="").order_by("position")
    return Subquery(written.values_list(Left("text", SUMMARY_READ))[:1])


def filtered_sheets(sheets: SheetQuerySet, active: Filter, user: Any) -> SheetQuerySet:
    """Return the filtered sheets in the chosen order, with what the list shows to a reader.

    Annotates `source_count`, `category`, `levels` (how many statements have each) and `summary`;
    the last three are of the current text, and None where the reader may not read that.
    """
    of_text: dict[str, Any] = {
        "category": F("searched__category_name"),
        "levels": F("current__check_made__levels"),
        "summary": _summary(),
    }
    if not may(user, "unvalidated.read"):
        is_shown = ~CHANGED_SINCE_VALIDATION
        of_text = {name: Case(When(is_shown, then=value)) for name, value in of_text.items()}
    sources = (
        Document.objects.filter(sheets=OuterRef("pk"))
        .order_by()
        .values("sheets")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return (
        active.apply(sheets)
        .select_related("sheet_type")
        .defer("written_from")
        .annotate(source_count=Coalesce(Subquery(sources), 0), **of_text)
        .order_by(*ORDERS[active["sort"]])
    )
