"""Which sheets should hear of a source: those that are about what it is about."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ingestion.models import Document
from sheets.models import Sheet
from sheets.search.service import search_wiki
from sheets.sources.working_set import RANK_OFFSET, SUGGESTED, queries_of


@dataclass(frozen=True)
class ConcernedSheet:
    """A sheet that a source may concern, with the text by which it was found."""

    sheet: Sheet
    heading: str


def concerned_sheets(document: Document, user: Any) -> list[ConcernedSheet]:
    """Return the sheets that a source may concern and that do not draw on it, nearest first."""
    drawing = set(Sheet.objects.filter(documents=document).values_list("pk", flat=True))
    scores: dict[int, float] = defaultdict(float)
    headings: dict[int, str] = {}
    for query in queries_of(document):
        page = search_wiki(query, user=user, kind="sheets", page_size=SUGGESTED * 2)
        for rank, hit in enumerate(page.hits):
            if hit.id not in drawing:
                scores[hit.id] += 1 / (RANK_OFFSET + rank)
                headings.setdefault(hit.id, query)
    order = sorted(scores, key=lambda pk: (-scores[pk], pk))[:SUGGESTED]
    sheets = Sheet.objects.listed_for(user).select_related("sheet_type").in_bulk(order)
    return [ConcernedSheet(sheets[pk], headings[pk]) for pk in order if pk in sheets]
