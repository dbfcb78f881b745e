"""Pickers of the editor: sheets to link to, passages to cite."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ingestion.models import Chunk, Document, Page
from sheets.markdown.parse import write_note
from sheets.markdown.sentences import quotable_units
from sheets.models import Sheet
from sheets.search import search_wiki, suggest_completions
from sheets.verification.citations import contains_quote
from wikico2.parameters import whole_number
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import folded_words

PICKED = 8
SEARCHED = 24
"""Passages that are searched for sentences: tables, which come late, are often ranked first."""
PER_PASSAGE = 2
LONGEST_QUOTE = 400
LONGEST_QUERY = 200


@dataclass(frozen=True)
class CitationOption:
    """A passage to cite: its page, its quote, and the text of its footnote."""

    key: str
    title: str
    document: int
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
    """Return the sentences of sources that match a query as citations: prose first, then rows."""
    query = printable_query(query)
    if not query:
        return []
    hits = search_wiki(query, user=request.user, kind="sources", page_size=SEARCHED).hits
    chunks = Chunk.objects.filter(doubt="").select_related("document").defer("search")
    rows = chunks.in_bulk([hit.chunk_id for hit in hits if hit.chunk_id])
    found = [
        (sentence, rows[hit.chunk_id])
        for hit in hits
        if hit.chunk_id in rows
        for sentence in matching_sentences(rows[hit.chunk_id], query)
    ]
    found.sort(key=lambda one: (not one[0].is_prose, -one[0].matches))
    return [option_of(chunk, sentence, query) for sentence, chunk in found[:PICKED]]


def footnote_of(request: HttpRequest, key: str) -> str:
    """Return the text of the footnote for a citation's key; "" for an unknown key.

    A key is the id of a passage, the number of its sentence and the query: "12.0:heat recovery".
    """
    given, _colon, query = key.partition(":")
    passage, _dot, place = given.partition(".")
    number = whole_number(passage)
    if number is None:
        return ""
    readable = Document.objects.readable_by(request.user)
    chunk = (
        Chunk.objects.filter(pk=number, document__in=readable)
        .select_related("document")
        .defer("search")
        .first()
    )
    if chunk is None:
        return ""
    query = printable_query(query)
    sentences = {one.number: one for one in matching_sentences(chunk, query, most=None)}
    chosen = sentences.get(whole_number(place) or 0)
    return (option_of(chunk, chosen, query) if chosen else citation_option(chunk, query)).note


@dataclass(frozen=True)
class MatchingSentence:
    """A sentence or row of a passage: its number there, how many words of a query it has."""

    number: int
    text: str
    is_prose: bool
    matches: int


def matching_sentences(
    chunk: Chunk, query: str, most: int | None = PER_PASSAGE
) -> list[MatchingSentence]:
    """Return the sentences of a passage with words of a query, best first; at least one.

    A word of the query may be the beginning of one in the text. Sentences with a doubtful figure
    are left out where there is another.
    """
    wanted = tuple(folded_words(query))
    texts = list(quotable_texts(chunk)) or [(" ".join(chunk.text.split()), True)]
    sure = [one for one in texts if not DOUBTFUL.search(one[0])] or texts
    found = [
        MatchingSentence(number, text, is_prose, count_matches(wanted, text))
        for number, (text, is_prose) in enumerate(sure)
    ]
    found.sort(key=lambda one: (-one.matches, not one.is_prose))
    return [one for one in found if one.matches][:most] or found[:1]


def quotable_texts(chunk: Chunk) -> Iterator[tuple[str, bool]]:
    """Yield the sentences and rows of a passage, and whether each is prose; no rules of tables."""
    for unit in quotable_units(chunk.text):
        if unit.rows:
            yield from ((" ".join(filter(None, row)), False) for row in unit.rows)
        elif unit.text.strip():
            yield " ".join(unit.text.split()), True


def count_matches(wanted: tuple[str, ...], text: str) -> int:
    """Return how many of the words begin a word of a text."""
    words = set(folded_words(text))
    return sum(word in words or any(w.startswith(word) for w in words) for word in wanted)


def citation_option(chunk: Chunk, query: str) -> CitationOption:
    """Return a passage as the citation of its sentence with most words of the query."""
    return option_of(chunk, matching_sentences(chunk, query)[0], query)


def option_of(chunk: Chunk, sentence: MatchingSentence, query: str) -> CitationOption:
    """Return a sentence of a passage as a citation."""
    quote = sentence.text[:LONGEST_QUOTE].strip()
    page = page_of(chunk, quote)
    title, pk = chunk.document.title, chunk.document_id
    note = write_note("0", title, pk, page, quote).partition(": ")[2]
    return CitationOption(f"{chunk.pk}.{sentence.number}:{query}", title, pk, page, quote, note)


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
