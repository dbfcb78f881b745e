"""Put the lines of a page into the order in which people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ingestion.readers.pdf.lines import TextLine

FEWEST_LINES = 6
"""Lines of prose that each of two columns has at least."""

FEWEST_NOTES = 3

FULL = 0.55
"""Share of its column that a line of prose fills, at the median."""

SMALLER = 0.93
"""Type this many times the size of the text's at most sets notes."""

_NOTE = re.compile(r"(?:\[?\d{1,3}\]?|[*†‡])[\s.)]*(?=\S)")


def split_footnotes(
    lines: Sequence[TextLine], body: float, width: float, height: float
) -> tuple[list[TextLine], list[list[TextLine]]]:
    """Part the text of a page from the footnotes under it; each note is a list of lines.

    Notes stand below all the text, in smaller type, and begin with their mark. They are put in
    the order of the page, whatever the order in which they were drawn.
    """
    text = [line for line in lines if line.size > SMALLER * body]
    floor = max((line.baseline for line in text), default=0.0)
    under = [
        line
        for line in lines
        if line.size <= SMALLER * body and line.baseline > max(floor, 0.4 * height)
    ]
    gutter = _gutter(under, width, FEWEST_NOTES)
    parts = [part for line in under for part in _split_at_gutter(line, gutter)] if gutter else under
    ordered = _split_columns(_by_rows(parts), gutter) if gutter else _by_rows(under)
    first = next((i for i, line in enumerate(ordered) if _NOTE.match(line.text)), None)
    if first is None or not text:
        return list(lines), []
    notes: list[list[TextLine]] = []
    for line in ordered[first:]:
        if _begins_note(line, notes):
            notes.append([line])
        else:
            notes[-1].append(line)
    before = {id(line) for line in ordered[:first]}
    kept = [line for line in lines if id(line) in before or line not in under]
    return kept, notes


def _begins_note(line: TextLine, notes: Sequence[Sequence[TextLine]]) -> bool:
    match = _NOTE.match(line.text)
    if match is None:
        return False
    mark = match.group().strip(" .)[]")
    if not notes or not mark.isdecimal():
        return True
    before = _NOTE.match(notes[-1][0].text)
    last = before.group().strip(" .)[]") if before else ""
    return not last.isdecimal() or int(mark) == int(last) + 1


def _by_rows(lines: Sequence[TextLine]) -> list[TextLine]:
    """Sort lines from the top down; those on one height from the left."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.baseline):
        if rows and line.baseline - rows[-1][0].baseline < 0.45 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.x0)]


def order_by_columns(lines: Sequence[TextLine], width: float) -> list[TextLine]:
    """Read a page of two columns column by column, where it was drawn across them.

    Lines that go over both columns part the page; between them the left column comes first. A
    page in one column, or drawn column by column, keeps its order.
    """
    gutter = _gutter(lines, width)
    if gutter is None:
        return list(lines)
    parts = [part for line in lines for part in _split_at_gutter(line, gutter)]
    if not _jumps(parts, gutter):
        return list(lines)
    ordered: list[TextLine] = []
    band: list[TextLine] = []
    for line in _by_rows(parts):
        if line.x0 < gutter < line.x1:
            ordered += [*_split_columns(band, gutter), line]
            band = []
        else:
            band.append(line)
    return ordered + _split_columns(band, gutter)


def _split_columns(band: Sequence[TextLine], gutter: float) -> list[TextLine]:
    left = [line for line in band if line.x1 <= gutter]
    return left + [line for line in band if line.x1 > gutter]


def _split_at_gutter(line: TextLine, gutter: float) -> list[TextLine]:
    """Cut a line where it leaps over the gutter."""
    left = tuple(segment for segment in line.segments if segment.x1 <= gutter)
    right = line.segments[len(left) :]
    if not left or not right or right[0].x0 < gutter:
        return [line]
    return [replace(line, segments=left, cut=False), replace(line, segments=right)]


def _jumps(parts: Sequence[TextLine], gutter: float) -> bool:
    """Tell whether the drawing goes to and fro between the columns."""
    sides = [part.x0 >= gutter for part in parts if not part.x0 < gutter < part.x1]
    return sum(a != b for a, b in pairwise(sides)) > max(4, len(sides) // 5)


def _gutter(lines: Sequence[TextLine], width: float, fewest: int = FEWEST_LINES) -> float | None:
    """Return the middle of the gap between two columns of prose; None without one."""
    segments = [segment for line in lines for segment in line.segments]
    if len(segments) < 2 * fewest:
        return None
    for place in range(35, 66):
        x = place / 100 * width
        left = [segment for segment in segments if segment.x1 <= x]
        right = [segment for segment in segments if segment.x0 >= x]
        across = len(segments) - len(left) - len(right)
        if min(len(left), len(right)) < fewest or across > 0.25 * len(segments):
            continue
        extents = [(min(s.x0 for s in side), max(s.x1 for s in side)) for side in (left, right)]
        fills = [
            median(s.x1 - s.x0 for s in side) / max(end - start, 1)
            for side, (start, end) in zip((left, right), extents, strict=True)
        ]
        if min(fills) >= FULL and min(end - start for start, end in extents) > 0.2 * width:
            return x
    return None
