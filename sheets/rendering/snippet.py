"""Extract the best snippet of a text, with the found words marked. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection

from wikico2.text.analyzer import Term, compose_accents, extract_terms

SnippetPieces = list[tuple[str, bool]]

LENGTH = 240
SENTENCE = re.compile(r"(?<=[.!?…;:])\s+|\n+")
ELLIPSIS = "…"


def mark_lexemes(text: str, lexemes: Collection[str]) -> SnippetPieces:
    """Return the whole text as (text, is marked) pieces."""
    text = compose_accents(text)
    return _marked_pieces(text, _found(text, lexemes), 0, len(text))


def cut_snippet(text: str, lexemes: Collection[str], length: int = LENGTH) -> SnippetPieces:
    """Return the part of the text with most lexemes, about `length` characters, as pieces."""
    text = compose_accents(text)
    found = _found(text, lexemes)
    start, end = _best_part(text, found, length)
    pieces = _marked_pieces(text, found, start, end)
    before = [(f"{ELLIPSIS} ", False)] if start > 0 else []
    after = [(f" {ELLIPSIS}", False)] if end < len(text.rstrip()) else []
    return [*before, *pieces, *after]


def _found(text: str, lexemes: Collection[str]) -> list[tuple[Term, str]]:
    """Return the terms to mark with the lexeme each was found by, without overlaps."""
    wanted = set(lexemes)
    found: list[tuple[Term, str]] = []
    for term in extract_terms(text, wanted):
        hit = next((lexeme for lexeme in term.lexemes if lexeme in wanted), None)
        if hit is not None and (not found or term.start >= found[-1][0].end):
            found.append((term, hit))
    return found


def _best_part(text: str, found: list[tuple[Term, str]], length: int) -> tuple[int, int]:
    """Return (start, end) of the best part; it starts at a sentence if one starts near."""
    if len(text) <= length:
        return 0, len(text)
    ends = [term.end for term, _lexeme in found]
    best, most = 0, (0, 0)
    for index, (term, _lexeme) in enumerate(found):
        inside = [hit for _, hit in found[index : bisect_right(ends, term.start + length)]]
        count = (len(set(inside)), len(inside))
        if count > most:
            best, most = term.start, count
    breaks = [0, *(match.end() for match in SENTENCE.finditer(text))]
    opening = breaks[max(bisect_left(breaks, best + 1) - 1, 0)]
    start = opening if best - opening <= length // 2 else _word_start(text, best - length // 4)
    return start, _word_end(text, start + length)


def _word_start(text: str, index: int) -> int:
    index = max(index, 0)
    space = text.find(" ", index)
    return 0 if index == 0 else (space + 1 if 0 <= space < index + 40 else index)


def _word_end(text: str, index: int) -> int:
    if index >= len(text):
        return len(text)
    space = text.rfind(" ", index - 40, index)
    return space if space > 0 else index


def _marked_pieces(text: str, found: list[tuple[Term, str]], start: int, end: int) -> SnippetPieces:
    pieces: SnippetPieces = []
    at = start
    for term, _lexeme in found:
        if start <= term.start and term.end <= end:
            pieces += [(text[at : term.start], False), (text[term.start : term.end], True)]
            at = term.end
    pieces.append((text[at:end], False))
    return [(" ".join(part.split("\n")), mark) for part, mark in pieces if part]
