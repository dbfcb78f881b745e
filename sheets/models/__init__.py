"""Rows of the wiki: templates, sheets and their revisions, generations, proposals, citations."""

from sheets.models.editing import Picture, Unsaved
from sheets.models.errand import Errand
from sheets.models.generation import Generation, SectionRun
from sheets.models.kept import KeptPage
from sheets.models.links import FormerName, Link, Relation
from sheets.models.prompt import Prompt
from sheets.models.searched import SearchedSection, SearchedSheet
from sheets.models.sheet import Citation, Proposal, Revision, SectionLock, Sheet
from sheets.models.spending import Spending
from sheets.models.template import Field, Section, SheetType
from sheets.models.watch import Digest, Watch

__all__ = [
    "Citation",
    "Digest",
    "Errand",
    "Field",
    "FormerName",
    "Generation",
    "KeptPage",
    "Link",
    "Picture",
    "Prompt",
    "Proposal",
    "Relation",
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
    "Watch",
]
