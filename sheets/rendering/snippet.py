"""Cut from a text the place that answers, the found words marked. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection

from wikico2.text.analyzer import Term, compose_accents, extract_terms

SnippetPieces = list[tuple[str, bool]]

LENGTH = 240
SENTENCE = re.compile(r"(?<=[.!?…;:])\s+|\n+")
ELLIPSIS = "…"


def mark_lexemes(text: str, lexemes: Collection[str]) -> SnippetPieces:
    """Return the whole text in pieces, those found by one of the lexemes marked."""
    text = compose_accents(text)
    return _marked_pieces(text, _found(text, lexemes), 0, len(text))


def cut_snippet(text: str, lexemes: Collection[str], length: int = LENGTH) -> SnippetPieces:
    """Return the stretch of the text with most of the lexemes, about `length` characters."""
    text = compose_accents(text)
    found = _found(text, lexemes)
    start, end = _stretch(text, found, length)
    pieces = _marked_pieces(text, found, start, end)
    before = [(f"{ELLIPSIS} ", False)] if start > 0 else []
    after = [(f" {ELLIPSIS}", False)] if end < len(text.rstrip()) else []
    return [*before, *pieces, *after]


def _found(text: str, lexemes: Collection[str]) -> list[tuple[Term, str]]:
    """Return the terms to mark, each with the lexeme that it was found by; none inside another."""
    wanted = set(lexemes)
    found: list[tuple[Term, str]] = []
    for term in extract_terms(text, wanted):
        hit = next((lexeme for lexeme in term.lexemes if lexeme in wanted), None)
        if hit is not None and (not found or term.start >= found[-1][0].end):
            found.append((term, hit))
    return found


def _stretch(text: str, found: list[tuple[Term, str]], length: int) -> tuple[int, int]:
    """Return where the best stretch begins and ends: at a sentence if one begins near."""
    if len(text) <= length:
        return 0, len(text)
    ends = [term.end for term, _lexeme in found]
    best, most = 0, (0, 0)
    for index, (term, _lexeme) in enumerate(found):
        inside = [hit for _, hit in found[index : bisect_right(ends, term.start + length)]]
        worth = (len(set(inside)), len(inside))
        if worth > most:
            best, most = term.start, worth
    breaks = [0, *(match.end() for match in SENTENCE.finditer(text))]
    opening = breaks[max(bisect_left(breaks, best + 1) - 1, 0)]
    start = opening if best - opening <= length // 2 else _word_start(text, best - length // 4)
    return start, _word_end(text, start + length)


def _word_start(text: str, place: int) -> int:
    place = max(place, 0)
    blank = text.find(" ", place)
    return 0 if place == 0 else (blank + 1 if 0 <= blank < place + 40 else place)


def _word_end(text: str, place: int) -> int:
    if place >= len(text):
        return len(text)
    blank = text.rfind(" ", place - 40, place)
    return blank if blank > 0 else place


def _marked_pieces(text: str, found: list[tuple[Term, str]], start: int, end: int) -> SnippetPieces:
    pieces: SnippetPieces = []
    at = start
    for term, _lexeme in found:
        if start <= term.start and term.end <= end:
            pieces += [(text[at : term.start], False), (text[term.start : term.end], True)]
            at = term.end
    pieces.append((text[at:end], False))
    return [(" ".join(part.split("\n")), mark) for part, mark in pieces if part]
