"""Suggest completions while a reader types."""

import re
from collections.abc import Sequence
from typing import Any

from django.db.models import Case, F, IntegerField, Q, When
from django.db.models.functions import Length

from ingestion.models import Chunk, Document
from ingestion.search import spelling
from ingestion.search.query import strip_unprintable
from sheets.models import SearchedSection, Sheet
from sheets.models.sheet import SheetQuerySet
from sheets.rendering.snippet import SnippetPieces
from sheets.search.indexing import SHEETS
from sheets.search.results import Suggestion
from wikico2.accounts.rules import may
from wikico2.text.analyzer import compose_accents
from wikico2.text.normalize import fold_text, folded_words

SHEETS_SUGGESTED, SECTIONS_SUGGESTED, SOURCES_SUGGESTED = 5, 2, 2
LONGEST_TYPED, MOST_TYPED = 100, 6


def suggest_completions(prefix: str, user: Any, limit: int = 8) -> list[Suggestion]:
    """Return titles, sections, sources and words that start with or contain the typed text."""
    typed = folded_words(strip_unprintable(prefix)[:LONGEST_TYPED])[:MOST_TYPED]
    if not typed or len("".join(typed)) < 2:
        return []
    visible = Sheet.objects.listed_for(user).order_by()
    sheets = _by_title(visible.select_related("sheet_type"), "searched__folded", typed)
    found = [_of_sheet(sheet, typed) for sheet in sheets[: limit - 2]]
    if len(typed) > 1:
        sections = SearchedSection.objects.filter(sheet__in=visible, anchor__gt="").select_related(
            "sheet"
        )
        if not may(user, "unvalidated.read"):
            unchanged = Q(sheet__validated_revision=F("sheet__current"))
            sections = sections.filter(Q(sheet__validated_revision=None) | unchanged)
        for word in typed:
            sections = sections.filter(folded__contains=word)
        found += [_of_section(s, typed) for s in sections.order_by("pk")[:SECTIONS_SUGGESTED]]
    documents = Document.objects.readable_by(user).ready()
    for word in typed:
        documents = documents.filter(title__unaccent__icontains=word)
    found += [
        Suggestion("source", d.title, _typed_in(d.title, typed), d.get_absolute_url())
        for d in documents.order_by("title")[:SOURCES_SUGGESTED]
    ]
    found += [
        Suggestion("word", text, _typed_in(text, typed))
        for text in _complete_query(prefix, typed)[: max(limit - len(found), 2)]
    ]
    return found[:limit]


def _by_title(sheets: SheetQuerySet, column: str, typed: Sequence[str]) -> list[Sheet]:
    """Return the sheets whose title contains every typed word, the closest first."""
    for word in typed:
        sheets = sheets.filter(**{f"{column}__contains": word})
    begins = Q(**{f"{column}__startswith": " ".join(typed)})
    closest = Case(When(begins, then=0), default=1, output_field=IntegerField())
    return list(sheets.order_by(closest, Length("title"), "pk")[:SHEETS_SUGGESTED])


def _of_sheet(sheet: Sheet, typed: Sequence[str]) -> Suggestion:
    pieces = _typed_in(sheet.title, typed)
    return Suggestion("sheet", sheet.title, pieces, sheet.get_absolute_url(), sheet.sheet_type.name)


def _of_section(section: SearchedSection, typed: Sequence[str]) -> Suggestion:
    url = f"{section.sheet.get_absolute_url()}#{section.anchor}"
    pieces = _typed_in(section.heading, typed)
    return Suggestion("section", section.heading, pieces, url, section.sheet.title)


def _complete_query(prefix: str, typed: Sequence[str]) -> list[str]:
    """Return the typed query with its last word completed, the most frequent words first."""
    before = prefix.rstrip()[: len(prefix.rstrip()) - len(prefix.split()[-1])]
    completed = spelling.complete_word(typed[-1], [SHEETS.space.table, Chunk._meta.db_table])
    return [f"{before}{word}" for word in completed]


def _typed_in(text: str, typed: Sequence[str]) -> SnippetPieces:
    """Return the text as pieces, with the typed words marked, preferably at word starts."""
    text = compose_accents(text)
    spans: list[tuple[int, int]] = []
    folded = [fold_text(c) or " " for c in text]
    if all(len(c) == 1 for c in folded):
        flat = "".join(folded)
        for word in typed:
            at = next((m.start() for m in re.finditer(rf"\b{word}", flat)), flat.find(word))
            if at >= 0 and not any(a < at + len(word) and at < b for a, b in spans):
                spans.append((at, at + len(word)))
    pieces: SnippetPieces = []
    end = 0
    for start, stop in sorted(spans):
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [piece for piece in [*pieces, (text[end:], False)] if piece[0]]
