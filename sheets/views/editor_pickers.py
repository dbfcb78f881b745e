"""Pickers of the editor: sheets to link to, passages to cite."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ingestion.models import Chunk, Document, Page
from sheets.markdown.parse import write_note
from sheets.markdown.sentences import split_sentences
from sheets.models import Sheet
from sheets.search import search_wiki, suggest_completions
from sheets.verification.citations import contains_quote
from wikico2.parameters import whole_number
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import folded_words

PICKED = 8
LONGEST_QUOTE = 400
LONGEST_QUERY = 200


@dataclass(frozen=True)
class CitationOption:
    """A passage to cite: its page, its quote, and the text of its footnote."""

    key: str
    title: str
    page: int
    quote: str
    note: str


@never_cache
@require_safe
def sheet_picker(request: HttpRequest) -> HttpResponse:
    """Render the sheets whose title matches the query; the latest ones without a query."""
    query = printable_query(request.GET.get("query", ""))
    found = (
        [s for s in suggest_completions(query, request.user) if s.kind == "sheet"] if query else []
    )
    titles = [s.text for s in found]
    if not query:
        latest = Sheet.objects.listed_for(request.user).order_by("-updated_at")
        titles = list(latest.values_list("title", flat=True)[:PICKED])
    exact = any(folded_words(title) == folded_words(query) for title in titles)
    context = {"titles": titles, "query": query, "missing": bool(query) and not exact}
    return render(request, "sheets/_pick_sheets.html", context)


@never_cache
@require_safe
def citation_picker(request: HttpRequest) -> HttpResponse:
    """Render the passages of sources that match the query."""
    query = printable_query(request.GET.get("query", ""))
    found = find_citations(request, query)
    return render(request, "sheets/_pick_citations.html", {"found": found, "query": query})


def find_citations(request: HttpRequest, query: str) -> list[CitationOption]:
    """Return the passages that match a query as citations, best first."""
    query = printable_query(query)
    if not query:
        return []
    hits = search_wiki(query, user=request.user, kind="sources", page_size=PICKED).hits
    chunks = Chunk.objects.filter(doubt="").select_related("document").defer("search")
    rows = chunks.in_bulk([hit.chunk_id for hit in hits if hit.chunk_id])
    return [citation_option(rows[hit.chunk_id], query) for hit in hits if hit.chunk_id in rows]


def footnote_of(request: HttpRequest, key: str) -> str:
    """Return the text of the footnote for a citation's key; "" for an unknown key.

    A key is the id of a passage and the query: "12:heat recovery".
    """
    given, _colon, query = key.partition(":")
    number = whole_number(given)
    if number is None:
        return ""
    readable = Document.objects.readable_by(request.user)
    chunk = (
        Chunk.objects.filter(pk=number, document__in=readable)
        .select_related("document")
        .defer("search")
        .first()
    )
    return citation_option(chunk, printable_query(query)).note if chunk else ""


def citation_option(chunk: Chunk, query: str) -> CitationOption:
    """Return a passage as the citation of its sentence with most words of the query."""
    wanted = set(folded_words(query))
    sentences = list(split_sentences(" ".join(chunk.text.split()))) or [chunk.text]
    quotes = [one for one in sentences if not DOUBTFUL.search(one)] or sentences
    quote = max(quotes, key=lambda one: len(wanted & set(folded_words(one))))[
        :LONGEST_QUOTE
    ].strip()
    page = page_of(chunk, quote)
    line = write_note("0", chunk.document.title, chunk.document_id, page, quote)
    note = line.partition(": ")[2]
    return CitationOption(f"{chunk.pk}:{query}", chunk.document.title, page, quote, note)


def page_of(chunk: Chunk, quote: str) -> int:
    """Return the page of a passage that contains a quote; its first page if none does."""
    if chunk.page_end == chunk.page_start:
        return chunk.page_start
    numbers = (chunk.page_start, chunk.page_end)
    pages: Any = Page.objects.filter(document=chunk.document_id, number__range=numbers)
    found = (p.number for p in pages.order_by("number") if contains_quote(p.text, quote))
    return next(found, chunk.page_start)


def printable_query(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:LONGEST_QUERY]
