"""Search among the pages of the sources."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language_info

from ingestion.models import Chunk, Document, Page
from ingestion.readers.registry import is_paged
from ingestion.search.hybrid import RowHit, SearchResult
from ingestion.search.query import ParsedQuery
from ingestion.search.retrieve import find_passages
from sheets.rendering.snippet import ELLIPSIS, SnippetPieces, cut_snippet, mark_lexemes
from sheets.search.results import MAX_ROWS, FacetRow, Hit, match_reason
from sheets.verification.citations import contains_quote

SHOWN = (
    *("text", "headings", "page_start", "page_end"),
    *("document__title", "document__media_type"),
)


class SourceSearcher:
    """Searches the passages of the sources that a reader may open; each page is one hit."""

    def __init__(self, user: Any, query: ParsedQuery) -> None:
        readable = Document.objects.readable_by(user).order_by()
        self.hidden = Document.objects.exclude(pk__in=readable.values("pk"))
        self.titles: dict[str, str] = {}

    def find(self, query: ParsedQuery, dense: bool) -> SearchResult:
        hidden = self.hidden.values_list("pk", flat=True)
        return find_passages(query, hidden=hidden, limit=MAX_ROWS, dense=dense)

    def count(self, row_hits: Sequence[RowHit]) -> int:
        """Return the number of distinct pages."""
        return len(set(self._passage_pages(row_hits).values()))

    def rows(self, row_hits: Sequence[RowHit]) -> list[FacetRow]:
        """Return the best passage of each page, with its facet values."""
        page_of = self._passage_pages(row_hits)
        wanted = Document.objects.filter(pk__in={document for document, _page in page_of.values()})
        values: dict[int, dict[str, tuple[str, ...]]] = {}
        for pk, title, language, access in wanted.order_by().values_list(
            "pk", "title", "language", "access"
        ):
            self.titles[str(pk)] = title
            values[pk] = {
                "document": (str(pk),),
                "language": (language,) if language else (),
                "access": (access,),
            }
        best: dict[tuple[int, int], RowHit] = {}
        for found in row_hits:
            if found.entry in page_of:
                best.setdefault(page_of[found.entry], found)
        return [FacetRow(found, values[pk]) for (pk, _page), found in best.items() if pk in values]

    def _passage_pages(self, row_hits: Sequence[RowHit]) -> dict[int, tuple[int, int]]:
        """Return the (document, first page) of each passage, by its id."""
        chunks = Chunk.objects.filter(pk__any_of=[found.entry for found in row_hits]).order_by()
        return {
            pk: (document, page)
            for pk, document, page in chunks.values_list("pk", "document_id", "page_start")
        }

    def label(self, name: str, value: str) -> str:
        if name == "document":
            return self.titles.get(value, value)
        if name == "access":
            return str(dict(Document.Access.choices).get(value, value))
        return _language(value)

    def hits(self, rows: Sequence[FacetRow], result: SearchResult) -> list[Hit]:
        lexemes = result.lexical.lexemes
        pks = [row.found.entry for row in rows]
        chunks = Chunk.objects.select_related("document").only(*SHOWN).in_bulk(pks)
        found = [row.found for row in rows if row.found.entry in chunks]
        cuts = {one.entry: cut_snippet(chunks[one.entry].text, lexemes) for one in found}
        pages = _shown_pages([(chunks[pk], cut) for pk, cut in cuts.items()])
        return [
            self.hit(chunks[one.entry], one, cuts[one.entry], pages[one.entry], lexemes)
            for one in found
        ]

    def hit(
        self, chunk: Chunk, found: RowHit, cut: SnippetPieces, page: int, lexemes: set[str]
    ) -> Hit:
        """Return a page as a hit, with the passage that was found."""
        document = chunk.document
        place = [document.pk, page]
        return Hit(
            kind="sources",
            id=chunk.pk,
            title=document.title,
            url=f"{reverse('page', args=place)}?passage={chunk.pk}",
            heading=chunk.trail,
            anchor="",
            snippet=cut,
            why=match_reason(found),
            score=found.score,
            title_pieces=mark_lexemes(document.title, lexemes),
            page=page,
            page_end=chunk.page_end,
            document_id=document.pk,
            chunk_id=chunk.pk,
            thumbnail=(
                f"{reverse('page_image', args=place)}?size=small"
                if is_paged(document.media_type)
                else ""
            ),
        )


def _shown_pages(cuts: Sequence[tuple[Chunk, SnippetPieces]]) -> dict[int, int]:
    """Return the page that contains the snippet of each chunk, by chunk id."""
    pages = {chunk.pk: chunk.page_start for chunk, _cut in cuts}
    spread = [(chunk, cut) for chunk, cut in cuts if chunk.page_end > chunk.page_start]
    wanted = Q(pk__in=[])
    for chunk, _cut in spread:
        wanted |= Q(document=chunk.document_id, number__range=(chunk.page_start, chunk.page_end))
    texts = Page.objects.filter(wanted).only("document_id", "number", "text") if spread else ()
    by_place = {(page.document_id, page.number): page.text for page in texts}
    for chunk, cut in spread:
        quote = "".join(text for text, _marked in cut).strip(f"{ELLIPSIS} ")
        for number in range(chunk.page_start, chunk.page_end + 1):
            if contains_quote(by_place.get((chunk.document_id, number), ""), quote):
                pages[chunk.pk] = number
                break
    return pages


def _language(code: str) -> str:
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code
