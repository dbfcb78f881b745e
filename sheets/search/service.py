"""Search one kind of answers, and count what narrows them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from ingestion.search import spelling
from ingestion.search.hybrid import RowHit, SearchResult
from ingestion.search.query import ParsedQuery, parse_query
from sheets.search.field_filters import FIELDS
from sheets.search.results import MAX_ROWS, FacetRow, Kind, ResultPage
from sheets.search.sheets import SheetSearcher
from sheets.search.sources import SourceSearcher
from wikico2.filters import FacetChoice, count_values, fits_choices
from wikico2.text.normalize import fold_text

FACETS: dict[str, tuple[str, ...]] = {
    "sheets": ("type", "state", "systeme", "source"),
    "sources": ("document", "language", "access"),
}
"""The names that `filters` may have, and under which facets come back, in the order to show."""

_SEARCHERS: dict[Kind, type[SheetSearcher] | type[SourceSearcher]] = {
    "sheets": SheetSearcher,
    "sources": SourceSearcher,
}


def search_wiki(
    query: str,
    *,
    user: Any,
    kind: Kind = "sheets",
    filters: Mapping[str, Sequence[str]] = {},
    page_size: int = 20,
    offset: int = 0,
    dense: bool = True,
) -> ResultPage:
    """Return the sheets, or the pages of sources, that answer `query`, the best first.

    Never fails, whatever is typed, and whatever is away. `filters` narrows by the values of
    `FACETS`: several values of one name widen, several names narrow. An empty query finds nothing.
    `page_size=0` only counts, without facets.
    """
    asked = parse_query(query, FIELDS)
    chosen = {name: tuple(filters[name]) for name in FACETS[kind] if filters.get(name)}
    side = _SEARCHERS[kind](user, asked)
    finding = side.find(asked, dense)
    kept, capped = _worth_showing(finding), finding.total > MAX_ROWS
    if not page_size and not chosen:
        return ResultPage(total=side.count(kept), capped=capped, query=asked)
    rows = side.rows(kept)
    left = [row for row in rows if fits_choices(row.values, chosen)]
    hits = side.hits(left[offset : offset + page_size], finding) if page_size else []
    return ResultPage(
        hits=hits,
        total=len(left),
        facets=_facet_counts(rows, chosen, FACETS[kind], side.label),
        corrections=_corrections(asked, finding),
        near=[] if left else _similar_queries(asked, finding),
        notice=_search_notice(asked, finding, bool(left)),
        capped=capped,
        query=asked,
    )


def _worth_showing(finding: SearchResult) -> list[RowHit]:
    """Return what is worth showing of what was found.

    Where some rows hold all the words, those that hold a part of them only say little.
    """
    some_do = not (finding.lexical.strict and any(found.complete for found in finding.hits))
    return [
        found
        for found in finding.hits
        if found.complete
        or (found.neighbour is not None and found.is_near)
        or (some_do and _half(found))
    ]


def _half(found: RowHit) -> bool:
    """Tell whether a row holds half of what was asked for, or more."""
    return found.match is not None and found.match.holds.share >= 0.5


def _facet_counts(
    rows: Sequence[FacetRow],
    chosen: Mapping[str, Sequence[str]],
    names: Iterable[str],
    label: Callable[[str, str], str],
) -> dict[str, list[FacetChoice]]:
    """Return, for each facet, how many hits each value would leave beside the other choices."""
    facets = {}
    for name in names:
        counts = count_values(((row.values, 1) for row in rows), name, chosen)
        choices = [FacetChoice(value, label(name, value), n) for value, n in counts.items()]
        facets[name] = sorted(choices, key=lambda one: (-counts[one.value], one.label))
    return facets


def _corrections(asked: ParsedQuery, finding: SearchResult) -> list[str]:
    """Return the query with its unknown words replaced by the nearest known ones."""
    tries: list[str] = []
    for number in range(spelling.MAX_CORRECTIONS):
        mended = asked.raw
        for word, found in finding.lexical.corrections.items():
            written = [candidate.written for candidate in found]
            typed = next((w for w in asked.raw.split() if word in fold_text(w)), None)
            if typed:
                mended = mended.replace(typed, written[min(number, len(written) - 1)], 1)
        if mended != asked.raw and mended not in tries:
            tries.append(mended)
    return tries


def _similar_queries(asked: ParsedQuery, finding: SearchResult) -> list[str]:
    """Return terms to try instead of a query that found nothing."""
    known = [c.written for found in finding.lexical.corrections.values() for c in found]
    looser = [
        candidate.written
        for group in finding.lexical.groups
        for candidate in spelling.similar_words(fold_text(group.typed))
    ]
    return list(dict.fromkeys([*known, *looser]))[:6]


def _search_notice(asked: ParsedQuery, finding: SearchResult, found: bool) -> str:
    """Return what the reader should know of how the search went."""
    if finding.vector_error:
        return _("Semantic search is temporarily unavailable: results are matched by keywords.")
    if found and finding.is_partial and 1 < len(finding.lexical.groups) <= 5:
        return _("No text contains all these words; these are the closest results.")
    return ""
