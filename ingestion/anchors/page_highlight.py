"""Find a quote among the characters of a rendered page, to highlight it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from ingestion.readers import Char, Rect

MIN_PIECE = 12
"""Minimum characters of a piece of a quote to be searched for separately."""

LONG_PIECE = 24
"""Minimum characters of the beginning or end of a quote to count as a match on its own."""

MIN_COVERAGE = 0.5
"""Minimum share of a quote that its matched pieces must cover if it is not found whole."""

_HYPHENS = frozenset("-\u00ad\u2010\u2011\u2012\u2013\u2014\u2212\x02\ufffe")
_PIECES = re.compile(r"\n+|\s\|\s|(?<=[.!?;:…])\s+|…|\[\.\.\.\]|\(\.\.\.\)")

Spans = list[tuple[int, int]]


def find_quote_on_page(quote: str, chars: Sequence[Char]) -> list[Rect]:
    """Return the rectangles, one per line, that cover a quote on a page; none if it is not found.

    Spaces, hyphens, ligatures, case and the kind of quotation marks are ignored. A quote that is
    not found whole (it continues on another page, or comes from a table) is searched for piece by
    piece, and matches if enough of it is found.
    """
    for fold in (_letters_and_signs, _letters):
        page, positions = _fold_chars(chars, fold)
        spans = _find_spans(quote, page, fold) or _find_pieces(quote, page, fold)
        if spans:
            return _rectangles(chars[i] for i in _char_indices(spans, positions))
    return []


def _letters_and_signs(char: str) -> str:
    """Fold a character for comparison: empty for spaces, hyphens and quotation marks."""
    if char in _HYPHENS:
        return ""
    folded = unicodedata.normalize("NFKC", char).casefold()
    return "".join(
        part for part in folded if unicodedata.category(part) not in _IGNORED and part not in "|'\""
    )


_IGNORED = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cn", "Co", "Cs", "Pi", "Pf"})


def _letters(char: str) -> str:
    folded = unicodedata.normalize("NFKD", char).casefold()
    return "".join(part for part in folded if part.isalnum())


def _fold_chars(chars: Sequence[Char], fold: Callable[[str], str]) -> tuple[str, list[int]]:
    """Return the folded text of a page and, for each folded character, its index in `chars`."""
    text: list[str] = []
    positions: list[int] = []
    for index, char in enumerate(chars):
        folded = fold(char.char)
        text.append(folded)
        positions += [index] * len(folded)
    return "".join(text), positions


def _fold(text: str, fold: Callable[[str], str]) -> str:
    return "".join(map(fold, unicodedata.normalize("NFC", text)))


def _find_spans(quote: str, page: str, fold: Callable[[str], str]) -> Spans:
    folded = _fold(quote, fold)
    at = page.find(folded) if folded else -1
    return [(at, at + len(folded))] if at >= 0 else []


def _find_pieces(quote: str, page: str, fold: Callable[[str], str]) -> Spans:
    """Find the sentences, lines and cells of a quote one by one.

    The matches must cover `MIN_COVERAGE` of the quote, or its whole beginning or end (at least
    `LONG_PIECE` characters) when the rest is on another page.
    """
    pieces = [piece for piece in (_fold(part, fold) for part in _PIECES.split(quote)) if piece]
    spans: Spans = []
    missing: list[int] = []
    for number, piece in enumerate(pieces):
        at = page.find(piece, spans[-1][1] if spans else 0)
        at = at if at >= 0 else page.find(piece)
        if at >= 0 and len(piece) >= MIN_PIECE:
            spans.append((at, at + len(piece)))
        elif len(piece) >= MIN_PIECE:
            missing.append(number)
    found = sum(end - start for start, end in spans)
    if found >= MIN_COVERAGE * sum(map(len, pieces)) > 0:
        return spans
    missing_is_one_run = missing and len(missing) == missing[-1] - missing[0] + 1
    if (
        missing_is_one_run
        and found >= LONG_PIECE
        and (missing[0] == 0 or missing[-1] == len(pieces) - 1)
    ):
        return spans
    return _find_partial("".join(pieces), page)


def _find_partial(folded: str, page: str) -> Spans:
    """Find the beginning or the end of a quote, at least `MIN_COVERAGE` of it."""
    min_length = max(LONG_PIECE, int(MIN_COVERAGE * len(folded)))
    if len(folded) < min_length:
        return []
    start = page.find(folded[:min_length])
    if start >= 0:
        return [(start, start + _common_prefix_length(folded, page[start:]))]
    end = page.find(folded[-min_length:])
    if end >= 0:
        end += min_length
        return [(end - _common_prefix_length(folded[::-1], page[:end][::-1]), end)]
    return []


def _common_prefix_length(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _char_indices(spans: Spans, positions: Sequence[int]) -> list[int]:
    return sorted({positions[i] for start, end in spans for i in range(start, end)})


def _rectangles(chars: Iterable[Char]) -> list[Rect]:
    """Merge the boxes of characters into one rectangle per line."""
    lines: list[Rect] = []
    for char in chars:
        box = Rect(char.x0, char.y0, char.x1, char.y1)
        if lines and _same_line(lines[-1], box):
            line = lines[-1]
            lines[-1] = Rect(
                min(line.x0, box.x0),
                min(line.y0, box.y0),
                max(line.x1, box.x1),
                max(line.y1, box.y1),
            )
        else:
            lines.append(box)
    return lines


def _same_line(line: Rect, box: Rect) -> bool:
    shared = min(line.y1, box.y1) - max(line.y0, box.y0)
    height = min(line.y1 - line.y0, box.y1 - box.y0)
    goes_right = box.x0 >= line.x0 and box.x0 - line.x1 < 8 * (line.y1 - line.y0)
    return goes_right and shared >= 0.4 * height
