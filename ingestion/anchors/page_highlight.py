"""Find a quote among the characters of a rendered page, to highlight it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from ingestion.readers import Char, Rect
from wikico2.text.quotes import find_quote

SPACE = 0.1
"""Minimum distance between two characters with a space between them, in heights of the line."""

COLUMN = 2.0
"""Minimum distance between two characters of different cells or columns, in heights of the line."""

RAISED = 0.15
"""Minimum distance of a raised digit from the foot of the line, in heights of the line."""

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def find_quote_on_page(quote: str, chars: Sequence[Char], *, in_parts: bool = False) -> list[Rect]:
    """Return the rectangles, one per line, that cover a quote on a page; none if it is not found.

    The quote is found as in a text (`find_quote`); spaces and raised digits are told by the boxes.
    """
    pieces = list(_pieces(chars))
    ends = list(accumulate(map(len, pieces)))
    return [
        rect
        for start, end in find_quote("".join(pieces), quote, in_parts=in_parts)
        for rect in _rectangles(chars[bisect_right(ends, start) : bisect_left(ends, end) + 1])
    ]


def _pieces(chars: Sequence[Char]) -> Iterator[str]:
    """Yield each character with the space before it; a "character" of a scan is a whole word.

    A raised digit is an exponent in a power of ten, and else a word of its own, such as the call of
    a note.
    """
    last = base = None  # the character before, and the last one that is not raised
    word = ""  # the end of the word before
    for char in chars:
        gap, text = _gap(last, char) if last else "", char.char
        if gap or not base or not text.isdecimal() or not _is_raised(base, char):
            word = text if gap else (word + text)[-3:]
            base = char
        else:
            is_power = word.endswith("10") and not word[:-2].isdecimal()
            gap = "" if is_power or last is not base else " "
            text = text.translate(_SUPERSCRIPTS) if word[-1:].isdecimal() else text
        yield gap + text
        last = char


def _gap(char: Char, following: Char) -> str:
    """Return the whitespace between two characters: nothing, a space or a line end."""
    box, after = _box(char), _box(following)
    distance = (after.x0 - box.x1) / max(box.y1 - box.y0, after.y1 - after.y0, 1e-9)
    if not _same_line(box, after) or distance > COLUMN:
        return "\n"
    is_word = len(char.char) > 1 or len(following.char) > 1
    return " " if is_word or distance > SPACE else ""


def _is_raised(base: Char, char: Char) -> bool:
    """Tell whether a character is smaller than one before it, and stands above its foot."""
    height = base.y1 - base.y0
    return base.y1 - char.y1 > RAISED * height and char.y1 - char.y0 < (1 - RAISED) * height


def _box(char: Char) -> Rect:
    return Rect(char.x0, char.y0, char.x1, char.y1)


def _rectangles(chars: Iterable[Char]) -> list[Rect]:
    """Merge the boxes of characters into one rectangle per line."""
    lines: list[Rect] = []
    for box in map(_box, chars):
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
