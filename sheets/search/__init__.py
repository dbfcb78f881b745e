"""Search: one function for pages, API and link picker, over sheets or over the pages of sources."""

from sheets.rendering.snippet import SnippetPieces
from sheets.search.results import Hit, Kind, MatchReason, ResultPage, Suggestion
from sheets.search.service import FACETS, search_wiki
from sheets.search.suggest import suggest_completions

__all__ = [
    "FACETS",
    "Hit",
    "Kind",
    "MatchReason",
    "ResultPage",
    "SnippetPieces",
    "Suggestion",
    "search_wiki",
    "suggest_completions",
]
