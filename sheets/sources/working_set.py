"""The sources of a sheet as a set that changes: what rests on one, which others may help."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingestion.models import Chunk, Document
from ingestion.search.passage import Passage
from ingestion.search.retrieve import retrieve_passages
from sheets.models import Citation, RevisionCheck, Sheet
from sheets.models.schema_loader import load_template
from wikico2.text.normalize import visible_line

SUGGESTED = 8
"""How many sources, or sheets, are suggested at most."""
QUESTIONS = 6
"""Questions of a sheet that are asked of all sources, its title included."""
PASSAGES = 30
"""Passages looked at for each question."""
HEADINGS = 6
LONGEST_HEADING = 120
RANK_OFFSET = 20
"""Added to a rank before its inverse is summed: being found often counts more than once high up."""


@dataclass(frozen=True)
class RestingStatement:
    """A statement that cites a source; it `loses_ground` if it cites no other one."""

    text: str
    section: str
    level: str
    loses_ground: bool


def statements_resting_on(sheet: Sheet, document: Document) -> list[RestingStatement]:
    """Return the statements of the current version that cite a source, those without another first.

    A citation counts even if its quote is not found: its statement has nothing else to rest on.
    """
    check = RevisionCheck.objects.filter(revision=sheet.current_id).first()
    if check is None:
        return []
    rows = Citation.objects.filter(revision=sheet.current_id).values_list("marker", "document_id")
    sources = dict(rows)
    found = []
    for one in check.statements:
        cited = {sources[marker] for marker in one["markers"] if marker in sources}
        if document.pk in cited:
            alone = cited == {document.pk}
            found.append(RestingStatement(one["text"], one["section"], one["level"], alone))
    return sorted(found, key=lambda one: not one.loses_ground)


def resting_counts(sheet: Sheet) -> dict[int, int]:
    """Return how many citations of the current version each source has."""
    counts: dict[int, int] = defaultdict(int)
    cited = Citation.objects.filter(revision=sheet.current_id, document__isnull=False)
    for pk in cited.values_list("document_id", flat=True):
        counts[pk or 0] += 1
    return dict(counts)


@dataclass(frozen=True)
class SuggestedSource:
    """A source that a sheet does not draw on, with its best passage for it."""

    document: Document
    passage: Passage
    found: int


def suggest_sources(sheet: Sheet, user: Any) -> list[SuggestedSource]:
    """Return the sources that answer the questions of a sheet, and that it does not draw on yet.

    All ready sources that `user` may read are asked; one that a later version replaces is left out.
    Without the model service or the index, passages are found by words alone.
    """
    own = set(sheet.documents.values_list("pk", flat=True))
    replaced = set(
        Document.objects.ready()
        .filter(supersedes__isnull=False)
        .values_list("supersedes", flat=True)
    )
    readable = Document.objects.readable_by(user).ready().exclude(pk__in=own | replaced)
    ids = list(readable.values_list("pk", flat=True))
    if not ids:
        return []
    scores: dict[int, float] = defaultdict(float)
    best: dict[int, Passage] = {}
    seen: dict[int, set[int]] = defaultdict(set)
    for question in questions_of(sheet):
        passages = retrieve_passages(question, k=PASSAGES, document_ids=ids, about=sheet.title)
        for rank, passage in enumerate(passages):
            scores[passage.document_id] += 1 / (RANK_OFFSET + rank)
            best.setdefault(passage.document_id, passage)
            seen[passage.document_id].add(passage.chunk_id)
    order = sorted(scores, key=lambda pk: (-scores[pk], pk))[:SUGGESTED]
    documents = readable.in_bulk(order)
    return [
        SuggestedSource(documents[pk], best[pk], len(seen[pk])) for pk in order if pk in documents
    ]


def questions_of(sheet: Sheet) -> list[str]:
    """Return the title of a sheet, then the questions of the first fields of its sections."""
    template = load_template(sheet.sheet_type)
    asked = [section.fields[0].question for section in template.written if section.fields]
    return [sheet.title, *asked][:QUESTIONS]


def queries_of(document: Document) -> list[str]:
    """Return what a source is about: its title, and the headings that most passages stand under."""
    counts: dict[str, int] = defaultdict(int)
    trails = Chunk.objects.filter(document=document).order_by("position")
    for headings in trails.values_list("headings", flat=True).iterator(chunk_size=2_000):
        for heading in _last(headings):
            counts[heading] += 1
    common = sorted(counts, key=lambda heading: -counts[heading])[:HEADINGS]
    return [document.title, *(heading for heading in common if heading != document.title)]


def _last(headings: Iterable[str]) -> list[str]:
    """Return the innermost heading of a trail on one line, if it is of a sensible length."""
    trail = [visible_line(heading) for heading in headings]
    return [one for one in trail[-1:] if 4 <= len(one) <= LONGEST_HEADING]
