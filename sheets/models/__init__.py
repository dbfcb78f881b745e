"""Models of the wiki: templates, sheets, revisions, generations, proposals, citations."""

from sheets.models.bulk_action import BulkAction, SavedView
from sheets.models.checks import Confirmation, Judgement, RevisionCheck
from sheets.models.discussion import Comment, Discussion
from sheets.models.dropped import DroppedStatement
from sheets.models.editing import EditDraft, Picture, SavedForm
from sheets.models.events import SheetEvent
from sheets.models.file_job import FileJob
from sheets.models.generation import Generation, SectionRun
from sheets.models.links import Link, Relation, SheetRedirect
from sheets.models.page_cache import CachedPage
from sheets.models.prompt import Prompt
from sheets.models.searched import SearchedSection, SearchedSheet
from sheets.models.sheet import Citation, Proposal, Revision, SectionLock, Sheet
from sheets.models.spending import Spending
from sheets.models.template import Field, Section, SheetType
from sheets.models.vocabulary import VocabularyTerm
from sheets.models.watch import Digest, Watch

__all__ = [
    "BulkAction",
    "CachedPage",
    "Citation",
    "Comment",
    "Confirmation",
    "Digest",
    "Discussion",
    "DroppedStatement",
    "EditDraft",
    "Field",
    "FileJob",
    "Generation",
    "Judgement",
    "Link",
    "Picture",
    "Prompt",
    "Proposal",
    "Relation",
    "Revision",
    "RevisionCheck",
    "SavedForm",
    "SavedView",
    "SearchedSection",
    "SearchedSheet",
    "Section",
    "SectionLock",
    "SectionRun",
    "Sheet",
    "SheetEvent",
    "SheetRedirect",
    "SheetType",
    "Spending",
    "VocabularyTerm",
    "Watch",
]
