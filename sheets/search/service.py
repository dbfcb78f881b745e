"""Search sheets or sources, and count their facets."""

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
"""The names of filters and facets of each kind, in display order."""

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
    """Return the sheets, or the pages of sources, that match `query`, the best first.

    Never fails, whatever the query, and if the vector index or model service is unavailable.
    `filters` are values of `FACETS`: values of one name are combined with OR, names with AND. An
    empty query matches nothing. `page_size=0` only counts, without facets.
    """
    parsed = parse_query(query, FIELDS)
    chosen = {name: tuple(filters[name]) for name in FACETS[kind] if filters.get(name)}
    searcher = _SEARCHERS[kind](user, parsed)
    result = searcher.find(parsed, dense)
    row_hits, capped = relevant_hits(result), result.total > MAX_ROWS
    if not page_size and not chosen:
        return ResultPage(total=searcher.count(row_hits), capped=capped, query=parsed)
    rows = searcher.rows(row_hits)
    left = [row for row in rows if fits_choices(row.values, chosen)]
    hits = searcher.hits(left[offset : offset + page_size], result) if page_size else []
    return ResultPage(
        hits=hits,
        total=len(left),
        facets=_facet_counts(rows, chosen, FACETS[kind], searcher.label),
        corrections=_corrections(parsed, result),
        near=[] if left else _similar_queries(parsed, result),
        notice=_search_notice(parsed, result, bool(left)),
        capped=capped,
        query=parsed,
    )


def relevant_hits(result: SearchResult) -> list[RowHit]:
    """Return the relevant hits of a result.

    If a strict query has hits with all words, those with only some of the words are left out. So
    are those found mostly by other words than were typed (`RowHit.is_guessed`).
    """
    strict = result.lexical.strict
    hits = [found for found in result.hits if not found.is_guessed]
    allows_partial = not (strict and any(found.complete for found in hits))
    return [
        found
        for found in hits
        if found.complete
        or (found.neighbour is not None and found.is_near)
        or (allows_partial and _may_answer(found, strict))
    ]


def _may_answer(found: RowHit, strict: bool) -> bool:
    """Tell whether a row with some words of the query may answer it.

    Of a few words it has at least half; of a question, enough for evidence.
    """
    if found.match is None:
        return False
    return found.match.holds.share >= 0.5 if strict else found.is_evident


def _facet_counts(
    rows: Sequence[FacetRow],
    chosen: Mapping[str, Sequence[str]],
    names: Iterable[str],
    label: Callable[[str, str], str],
) -> dict[str, list[FacetChoice]]:
    """Return the choices of each facet, counted under the choices of the other facets."""
    facets = {}
    for name in names:
        counts = count_values(((row.values, 1) for row in rows), name, chosen)
        choices = [FacetChoice(value, label(name, value), n) for value, n in counts.items()]
        facets[name] = sorted(choices, key=lambda one: (-counts[one.value], one.label))
    return facets


def _corrections(parsed: ParsedQuery, result: SearchResult) -> list[str]:
    """Return queries with the unknown words replaced by the nearest known ones."""
    tries: list[str] = []
    for number in range(spelling.MAX_CORRECTIONS):
        corrected = parsed.raw
        for word, found in result.lexical.corrections.items():
            written = [candidate.written for candidate in found]
            typed = next((w for w in parsed.raw.split() if word in fold_text(w)), None)
            if typed:
                corrected = corrected.replace(typed, written[min(number, len(written) - 1)], 1)
        if corrected != parsed.raw and corrected not in tries:
            tries.append(corrected)
    return tries


def _similar_queries(parsed: ParsedQuery, result: SearchResult) -> list[str]:
    """Return terms to try instead of a query without results."""
    known = [c.written for found in result.lexical.corrections.values() for c in found]
    similar = [
        candidate.written
        for group in result.lexical.groups
        for candidate in spelling.similar_words(fold_text(group.typed))
    ]
    return list(dict.fromkeys([*known, *similar]))[:6]


def _search_notice(parsed: ParsedQuery, result: SearchResult, found: bool) -> str:
    """Return a sentence if the search was degraded or only partly matched, else ""."""
    if result.vector_error:
        return _("Semantic search is temporarily unavailable: results are matched by keywords.")
    if found and result.is_partial and 1 < len(result.lexical.groups) <= 5:
        return _("No text contains all these words; these are the closest results.")
    return ""
