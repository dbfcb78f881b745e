"""Search sheets or pages of sources: one function for the pages, the feed and the link picker."""

from sheets.rendering.snippet import SnippetPieces
from sheets.search.autocomplete import suggest_completions
from sheets.search.results import Hit, Kind, MatchReason, ResultPage, Suggestion
from sheets.search.service import FACETS, search_wiki

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
