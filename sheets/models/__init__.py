"""Rows of the wiki: templates, sheets and their revisions, generations, proposals, citations."""

from sheets.models.editing import Picture, Unsaved
from sheets.models.generation import Generation, SectionRun
from sheets.models.prompt import Prompt
from sheets.models.searched import SearchedSection, SearchedSheet
from sheets.models.sheet import Citation, Proposal, Revision, SectionLock, Sheet
from sheets.models.spending import Spending
from sheets.models.template import Field, Section, SheetType

__all__ = [
    "Citation",
    "Field",
    "Generation",
    "Picture",
    "Prompt",
    "Proposal",
    "Revision",
    "SearchedSection",
    "SearchedSheet",
    "Section",
    "SectionLock",
    "SectionRun",
    "Sheet",
    "SheetType",
    "Spending",
    "Unsaved",
]
