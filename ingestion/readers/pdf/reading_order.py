"""Sort the lines of a page into reading order."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.raised_marks import called_notes, raised_start

MIN_LINES = 6
"""Minimum lines of prose in each of two columns."""

MIN_NOTES = 3

MIN_FILL = 0.55
"""Minimum share of the column width that the median line of prose fills."""

MAX_COMPARISONS = 1_000_000
"""Pairs of lines of text and small lines up to which the notes of a page are looked for."""

NOTE_SIZE_RATIO = 0.93
"""Maximum ratio of the font size of footnotes to that of the body."""

_NOTE = re.compile(
    r"[\[(]?(?P<mark>\d{1,3}|[*†‡]{1,3})(?:(?P<plain>\s+)|[.)\]:]\s*|\s*[-–]\s+)"
    r"(?=[«“\"]?\s?(?:[^\W\d_]{2}|[AÀLDSCNlà]\b))"
)
_NOTE_MARK = re.compile(r"[\[(]?(\d{1,3}|[a-z]|[*†‡]{1,3})[\])]?[.)]?\Z")
_SENTENCE_END = re.compile(r"[.!?:][»”\")\]]*$")
_NOTE_START = re.compile(r"[\W_]*(?:[^\W\d_]|\d{2})")


@dataclass(slots=True)
class PageNote:
    """A footnote: its number or sign, and its lines, the first of which lacks the mark."""

    mark: str
    lines: list[TextLine]


def split_footnotes(
    lines: Sequence[TextLine],
    of_page: Sequence[TextLine],
    body: float,
    width: float,
    height: float,
) -> tuple[list[TextLine], list[PageNote]]:
    """Separate lines of a page from its footnotes; `of_page` has all its lines, also of tables.

    Notes are in a smaller font, below all the text of their column, and begin with their mark; one
    that begins with a raised mark may stand higher, as under a table. They are sorted by column and
    height, whatever the order in which they were drawn.
    """
    text = [line for line in of_page if line.size > NOTE_SIZE_RATIO * body]
    small = [line for line in lines if line.size <= NOTE_SIZE_RATIO * body]
    if not text or not small or len(text) * len(small) > MAX_COMPARISONS:
        return list(lines), []
    low = [line for line in small if line.baseline > 0.4 * height and _is_last(line, text)]
    gutter = _gutter(low, width, MIN_NOTES)
    parts = {id(line): _split_at_gutter(line, gutter) if gutter else [line] for line in low}
    calls = _calls(of_page)
    notes: list[PageNote] = []
    for column in _note_columns([part for line in low for part in parts[id(line)]]):
        notes += _column_notes(column, notes, calls)
    taken = {id(line) for note in notes for line in note.lines}
    notes += _raised_notes([line for line in small if id(line) not in taken and line not in low])
    taken |= {id(line) for note in notes for line in note.lines}
    rest = [part for line in lines for part in parts.get(id(line), [line]) if id(part) not in taken]
    return (rest if notes else list(lines)), [_without_mark(note) for note in notes]


def _is_last(line: TextLine, text: Sequence[TextLine]) -> bool:
    """Tell whether no text stands below a line in its column."""
    return not any(
        other.baseline > line.baseline and other.x0 < line.x1 and other.x1 > line.x0
        for other in text
    )


def _note_columns(parts: Sequence[TextLine]) -> list[list[TextLine]]:
    """Group lines that overlap horizontally, from left to right."""
    columns: list[tuple[float, list[TextLine]]] = []
    for part in sorted(parts, key=lambda part: part.x0):
        if columns and part.x0 < columns[-1][0]:
            columns[-1][1].append(part)
            columns[-1] = (max(columns[-1][0], part.x1), columns[-1][1])
        else:
            columns.append((part.x1, [part]))
    return [_by_rows(lines) for _, lines in columns]


def _calls(lines: Sequence[TextLine]) -> set[str]:
    """Return the numbers and signs that may call notes on a page: raised, or in brackets."""
    return {mark for line in lines for mark in called_notes(line.marked)}


def _column_notes(
    lines: Sequence[TextLine], before: Sequence[PageNote], calls: Container[str]
) -> list[PageNote]:
    """Return the notes of a column, whose lines are sorted, from the first mark on.

    Lines above it continue the last note `before`, in another column, if that stops in a sentence.
    """
    notes: list[PageNote] = []
    unfinished = (
        before
        and not _SENTENCE_END.search(before[-1].lines[-1].text)
        and lines[0].baseline > min(n.lines[0].baseline for n in before) - 2 * lines[0].size
    )
    for line in lines:
        mark = note_mark(line, calls)
        if mark and _begins_note(mark, line, notes):
            notes.append(PageNote(mark, [line]))
        elif notes:
            notes[-1].lines.append(line)
        elif unfinished:
            before[-1].lines.append(line)
    return notes


def _raised_notes(lines: Sequence[TextLine]) -> list[PageNote]:
    """Return the notes among small lines that begin with a raised mark, whatever is below them."""
    notes: list[PageNote] = []
    last: TextLine | None = None
    for line in lines:
        mark = _raised_mark(line)
        if mark and _NOTE_START.match(line.text[len(mark) :]):
            notes.append(PageNote(mark, [line]))
            last = line
        elif last and _continues_note(last, line):
            notes[-1].lines.append(line)
            last = line
        else:
            last = None
    return notes


def _continues_note(last: TextLine, line: TextLine) -> bool:
    step = line.baseline - last.baseline
    beside = line.x0 < last.x1 and line.x1 > last.x0
    similar = abs(line.size - last.size) <= 0.05 * last.size
    return beside and similar and 0.5 * last.size < step <= 1.6 * last.size


def _raised_mark(line: TextLine) -> str:
    """Return the raised number or sign with which a line begins."""
    match = _NOTE_MARK.match(raised_start(line.segments[0].text))
    return match.group(1) if match else ""


def note_mark(line: TextLine, calls: Container[str]) -> str:
    """Return the number or sign with which a line begins as notes do, empty if there is none.

    A number that is not raised begins a note if the page calls it, or if only a space follows.
    """
    if mark := _raised_mark(line):
        return mark
    match = _NOTE.match(line.text) if len(line.segments) == 1 else None
    if match is None or not (match["plain"] or match["mark"] in calls):
        return ""
    return match["mark"]


def _begins_note(mark: str, line: TextLine, notes: Sequence[PageNote]) -> bool:
    """Tell whether a mark begins a note: numbers count up, unless they are raised."""
    if not notes or not mark.isdecimal():
        return True
    last = notes[-1].mark
    return not last.isdecimal() or int(mark) == int(last) + 1 or bool(_raised_mark(line))


def _without_mark(note: PageNote) -> PageNote:
    """Take the mark off the first line of a note."""
    first = note.lines[0]
    text = first.segments[0].text
    length = len(raised_start(text))
    rest = text[length + 2 :] if length else _NOTE.sub("", text, count=1)
    segments = (replace(first.segments[0], text=rest.lstrip(" .)]\t")), *first.segments[1:])
    return PageNote(note.mark, [replace(first, segments=segments), *note.lines[1:]])


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
