"""Search: one function for pages, API and link picker, over sheets or over the pages of sources."""

from sheets.search.answers import FacetCount, Hit, Kind, Results, Suggestion, Why
from sheets.search.search import FACETS, search
from sheets.search.suggest import suggest
from sheets.snippet import Pieces

__all__ = [
    "FACETS",
    "FacetCount",
    "Hit",
    "Kind",
    "Pieces",
    "Results",
    "Suggestion",
    "Why",
    "search",
    "suggest",
]
