"""Rows of the wiki: templates, sheets and their revisions, generations, proposals, citations."""

from sheets.models.generation import Generation, SectionRun
from sheets.models.sheet import Citation, Proposal, Revision, Sheet
from sheets.models.template import Field, Section, SheetType

__all__ = [
    "Citation",
    "Field",
    "Generation",
    "Proposal",
    "Revision",
    "Section",
    "SectionRun",
    "Sheet",
    "SheetType",
]
