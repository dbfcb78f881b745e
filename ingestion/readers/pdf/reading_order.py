"""Sort the lines of a page into reading order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ingestion.readers.pdf.lines import TextLine

MIN_LINES = 6
"""Minimum lines of prose in each of two columns."""

MIN_NOTES = 3

MIN_FILL = 0.55
"""Minimum share of the column width that the median line of prose fills."""

NOTE_SIZE_RATIO = 0.93
"""Maximum ratio of the font size of footnotes to that of the body."""

_NOTE = re.compile(r"(?:\[?\d{1,3}\]?|[*†‡])[\s.)]*(?=\S)")


def split_footnotes(
    lines: Sequence[TextLine], body: float, width: float, height: float
) -> tuple[list[TextLine], list[list[TextLine]]]:
    """Separate the text of a page from its footnotes; each note is a list of lines.

    Notes are below all the text, in a smaller font, and begin with their mark. They are sorted by
    position, whatever the order in which they were drawn.
    """
    text = [line for line in lines if line.size > NOTE_SIZE_RATIO * body]
    text_bottom = max((line.baseline for line in text), default=0.0)
    below_text = [
        line
        for line in lines
        if line.size <= NOTE_SIZE_RATIO * body and line.baseline > max(text_bottom, 0.4 * height)
    ]
    gutter = _gutter(below_text, width, MIN_NOTES)
    parts = (
        [part for line in below_text for part in _split_at_gutter(line, gutter)]
        if gutter
        else below_text
    )
    ordered = _split_columns(_by_rows(parts), gutter) if gutter else _by_rows(below_text)
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
    rest = [line for line in lines if id(line) in before or line not in below_text]
    return rest, notes


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
    """Sort lines from top to bottom, then from left to right at the same height."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.baseline):
        if rows and line.baseline - rows[-1][0].baseline < 0.45 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.x0)]


def order_by_columns(lines: Sequence[TextLine], width: float) -> list[TextLine]:
    """Return the lines of a page of two columns column by column, if they were drawn across both.

    Lines that span both columns split the page; between them the left column comes first. A page
    with one column, or drawn column by column, keeps its order.
    """
    gutter = _gutter(lines, width)
    if gutter is None:
        return list(lines)
    parts = [part for line in lines for part in _split_at_gutter(line, gutter)]
    if not _alternates_columns(parts, gutter):
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
    """Split a line at the gutter if no segment crosses it."""
    left = tuple(segment for segment in line.segments if segment.x1 <= gutter)
    right = line.segments[len(left) :]
    if not left or not right or right[0].x0 < gutter:
        return [line]
    return [replace(line, segments=left, cut=False), replace(line, segments=right)]


def _alternates_columns(parts: Sequence[TextLine], gutter: float) -> bool:
    """Tell whether the drawing order alternates between the columns."""
    sides = [part.x0 >= gutter for part in parts if not part.x0 < gutter < part.x1]
    return sum(a != b for a, b in pairwise(sides)) > max(4, len(sides) // 5)


def _gutter(lines: Sequence[TextLine], width: float, min_lines: int = MIN_LINES) -> float | None:
    """Return the x position of the gap between two columns of prose, in points; None if none."""
    segments = [segment for line in lines for segment in line.segments]
    if len(segments) < 2 * min_lines:
        return None
    for percent in range(35, 66):
        x = percent / 100 * width
        left = [segment for segment in segments if segment.x1 <= x]
        right = [segment for segment in segments if segment.x0 >= x]
        across = len(segments) - len(left) - len(right)
        if min(len(left), len(right)) < min_lines or across > 0.25 * len(segments):
            continue
        extents = [(min(s.x0 for s in side), max(s.x1 for s in side)) for side in (left, right)]
        fills = [
            median(s.x1 - s.x0 for s in side) / max(end - start, 1)
            for side, (start, end) in zip((left, right), extents, strict=True)
        ]
        if min(fills) >= MIN_FILL and min(end - start for start, end in extents) > 0.2 * width:
            return x
    return None
