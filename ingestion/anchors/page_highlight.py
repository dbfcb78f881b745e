"""Find a quote among the characters of a page: where to draw the highlight."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from ingestion.readers import Char, Rect

SHORTEST_PIECE = 12
"""Characters below which a part of a quote found by itself proves nothing."""

LONG_PIECE = 24
"""Characters from which the end of a quote found by itself is taken for it."""

ENOUGH = 0.5
"""Share of a quote that its parts must make up when it is not found in one piece."""

_HYPHENS = frozenset("-\u00ad\u2010\u2011\u2012\u2013\u2014\u2212\x02\ufffe")
_PIECES = re.compile(r"\n+|\s\|\s|(?<=[.!?;:…])\s+|…|\[\.\.\.\]|\(\.\.\.\)")

Spans = list[tuple[int, int]]


def find_quote_on_page(quote: str, chars: Sequence[Char]) -> list[Rect]:
    """Return the rectangles, one a line, that cover a quote on a page; none when it is not there.

    Spaces, hyphens, ligatures, case and the forms of quotation marks do not count. A quote that
    does not stand there in one piece (it goes on to another page, it was read out of a table) is
    looked for piece by piece, and found when half of it is.
    """
    for fold in (_letters_and_signs, _letters):
        page, places = _folded(chars, fold)
        spans = _find_spans(quote, page, fold) or _find_pieces(quote, page, fold)
        if spans:
            return _rectangles(chars[i] for i in _indices(spans, places))
    return []


def _letters_and_signs(char: str) -> str:
    """Fold a character to what is compared: nothing for spaces, hyphens and quotation marks."""
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


def _folded(chars: Sequence[Char], fold: Callable[[str], str]) -> tuple[str, list[int]]:
    """Return the folded text of a page and, for each of its characters, the index in `chars`."""
    text: list[str] = []
    places: list[int] = []
    for index, char in enumerate(chars):
        folded = fold(char.char)
        text.append(folded)
        places += [index] * len(folded)
    return "".join(text), places


def _fold(text: str, fold: Callable[[str], str]) -> str:
    return "".join(map(fold, unicodedata.normalize("NFC", text)))


def _find_spans(quote: str, page: str, fold: Callable[[str], str]) -> Spans:
    wanted = _fold(quote, fold)
    at = page.find(wanted) if wanted else -1
    return [(at, at + len(wanted))] if at >= 0 else []


def _find_pieces(quote: str, page: str, fold: Callable[[str], str]) -> Spans:
    """Find the sentences, lines and cells of a quote one by one.

    Enough is half of it, or all of its beginning or end when the rest is on another page.
    """
    wanted = [piece for piece in (_fold(part, fold) for part in _PIECES.split(quote)) if piece]
    spans: Spans = []
    missing: list[int] = []
    for number, piece in enumerate(wanted):
        at = page.find(piece, spans[-1][1] if spans else 0)
        at = at if at >= 0 else page.find(piece)
        if at >= 0 and len(piece) >= SHORTEST_PIECE:
            spans.append((at, at + len(piece)))
        elif len(piece) >= SHORTEST_PIECE:
            missing.append(number)
    found = sum(end - start for start, end in spans)
    if found >= ENOUGH * sum(map(len, wanted)) > 0:
        return spans
    one_end = missing and len(missing) == missing[-1] - missing[0] + 1
    if one_end and found >= LONG_PIECE and (missing[0] == 0 or missing[-1] == len(wanted) - 1):
        return spans
    return _find_partial("".join(wanted), page)


def _find_partial(wanted: str, page: str) -> Spans:
    """Find a quote of which the first or the last half at least is on the page."""
    least = max(LONG_PIECE, int(ENOUGH * len(wanted)))
    if len(wanted) < least:
        return []
    start = page.find(wanted[:least])
    if start >= 0:
        return [(start, start + _common(wanted, page[start:]))]
    end = page.find(wanted[-least:])
    if end >= 0:
        end += least
        return [(end - _common(wanted[::-1], page[:end][::-1]), end)]
    return []


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _indices(spans: Spans, places: Sequence[int]) -> list[int]:
    return sorted({places[i] for start, end in spans for i in range(start, end)})


def _rectangles(chars: Iterable[Char]) -> list[Rect]:
    """Merge the boxes of characters into one rectangle a line."""
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
