"""Search: one function for pages, API and link picker, over sheets or over the pages of sources."""

from sheets.rendering.snippet import Pieces
from sheets.search.results import FacetCount, Hit, Kind, Results, Suggestion, Why
from sheets.search.service import FACETS, search
from sheets.search.suggest import suggest

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
