"""Lines of text with their positions on a PDF page, and repairs of their drawing order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ingestion.readers.pdf.raised_marks import (
    END,
    MAX_LENGTH,
    MAX_SIZE_RATIO,
    baseline_shift,
    mark_text,
    may_be_shifted,
    without_marks,
)

MARKER = re.compile(r"(?:[•●○◦▪▫■□‣⁃∙·►▶➢➤➔→✓✔❖◆◇⬥»-]|–|—|\(?\d{1,2}[.)]|\(?[a-zA-Z][.)])$")
"""A bullet or number alone before the text of a list item."""

INITIAL_RATIO = 1.8
"""Ratio of the size of a drop capital to that of its text."""

MAX_INITIALS = 40
"""Drop capitals and ornamental numbers of a page that are joined."""

INITIAL_WORD_GAP = 0.4
"""Gap in font sizes after a drop capital from which it is a word, as "A" in "A minima"."""

MIN_ENTRIES = 4
"""Lines from which titles with page numbers are a table of contents."""

_INITIAL = re.compile(r"(?:[^\W\d_]['’]?|\d{1,2})\Z")
_WORD_CAPITALS = frozenset("ÀÔY")
_DEEP_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2})+\.?$")
_LEADERS = re.compile(r"(?:[.…_]\s?){5,}")


class Flow(Enum):
    """The direction of text on the displayed page."""

    RIGHT = "right"
    TURNED = "turned"  # up, down, or upside down
    SLANTED = "slanted"


@dataclass(slots=True)
class LineSegment:
    """A part of a line without a wide gap: a whole line of prose, or one table cell.

    `x0` and `x1` are in points from the left of the page. Raised and lowered text is marked
    (`raised_marks`) until its paragraph or cell is joined.
    """

    text: str
    x0: float
    x1: float


@dataclass(slots=True)
class TextLine:
    """Text on one baseline; lengths in points, y measured downwards from the top of the page."""

    segments: tuple[LineSegment, ...]
    baseline: float
    size: float
    bold: bool = False  # at its start and its end
    cut: bool = False  # ends with a hyphen that may split a word
    flow: Flow = Flow.RIGHT
    begins_bold: bool = False

    @property
    def x0(self) -> float:
        return self.segments[0].x0

    @property
    def x1(self) -> float:
        return self.segments[-1].x1

    @property
    def text(self) -> str:
        """The text of the line, without the hyphen at its end if it is cut."""
        return without_marks(self.marked)

    @property
    def marked(self) -> str:
        """The text of the line, with marks around its raised and lowered text."""
        if len(self.segments) == 1:
            return self.segments[0].text
        return " ".join(segment.text for segment in self.segments)

    @property
    def is_shifted(self) -> bool:
        """Tell whether some text of the line is raised or lowered."""
        return any(END in segment.text for segment in self.segments)


def join_markers(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join bullets and numbers to their items; not for tables, in which "-" is a cell."""
    return [_merge_contents_entry(_join_marker(line)) for line in _join_bullets(lines)]


def leads_to_page(text: str) -> bool:
    """Tell whether a line is an entry of a table of contents: title, dots, page."""
    return text[-1:].isdigit() and _LEADERS.search(text) is not None


def _merge_contents_entry(line: TextLine) -> TextLine:
    """Merge the segments of an entry of a table of contents."""
    if len(line.segments) > 1 and leads_to_page(line.text):
        return replace(line, segments=(LineSegment(line.text, line.x0, line.x1),))
    return line


def join_contents(lines: Sequence[TextLine], page_count: int) -> list[TextLine]:
    """Join the titles of a table of contents to their pages, where a gap stands for the leaders.

    At least `MIN_ENTRIES` lines of a page end with page numbers of the document that count up, in
    one column.
    """
    joined = _join_pages(lines)
    entries = [line for line in joined if _is_entry(line, page_count)]
    if len(entries) < MIN_ENTRIES:
        return list(lines)
    ordered = sorted(entries, key=lambda line: line.baseline)
    numbers = [int(line.segments[1].text) for line in ordered]
    right = max(line.x1 for line in entries)
    in_column = all(line.x1 > right - line.size for line in entries)
    if numbers != sorted(numbers) or numbers[0] == numbers[-1] or not in_column:
        return list(lines)
    found = {id(line) for line in entries}
    return [_with_leaders(line) if id(line) in found else line for line in joined]


def _join_pages(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join each number to the line before it if it stands on its right, far away."""
    joined: list[TextLine] = []
    for line in lines:
        title = joined[-1] if joined else None
        if (
            title
            and line.text.isdecimal()
            and len(title.segments) == 1
            and abs(line.baseline - title.baseline) < 0.3 * line.size
            and line.x0 > title.x1 + line.size
        ):
            joined[-1] = replace(title, segments=(*title.segments, *line.segments))
        else:
            joined.append(line)
    return joined


def _is_entry(line: TextLine, page_count: int) -> bool:
    if len(line.segments) != 2:
        return False
    title, page = (segment.text for segment in line.segments)
    return (
        page.isdecimal()
        and len(page) <= 4
        and 0 < int(page) <= page_count
        and sum(map(str.isalpha, title)) >= 3
    )


def _with_leaders(line: TextLine) -> TextLine:
    title, page = line.segments
    text = f"{title.text} {'.' * 5} {page.text}"
    return replace(line, segments=(LineSegment(text, title.x0, page.x1),))


def join_broken_lines(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join a line to the previous one if it starts right where that one ends.

    A subscript or superscript at the end of a text run splits one line into two.
    """
    joined: list[TextLine] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is not None and not before.cut and _is_same_line(before, line):
            joined[-1] = _join(before, line)
        else:
            joined.append(line)
    return _join_initials(joined)


def _is_same_line(before: TextLine, line: TextLine) -> bool:
    size = max(before.size, line.size)
    if abs(line.baseline - before.baseline) > 0.55 * size:
        return False
    large = before if before.size > line.size else line
    if size >= INITIAL_RATIO * min(before.size, line.size) and _INITIAL.match(large.text):
        return False
    return -0.1 * size <= line.x0 - before.x1 < 0.35 * size


def _join(before: TextLine, line: TextLine) -> TextLine:
    last, first = before.segments[-1], line.segments[0]
    space = " " if first.x0 - last.x1 > 0.15 * before.size else ""
    main = _main_part(before, line)
    left, right = last.text, first.text
    if main is line:
        left = mark_text(left, _shift(before, line, ""))
    else:
        right = mark_text(right, _shift(line, before, (left + space)[-4:]))
    segment = LineSegment(left + space + right, last.x0, first.x1)
    return TextLine(
        (*before.segments[:-1], segment, *line.segments[1:]),
        main.baseline,
        main.size,
        main.bold,
        line.cut,
        main.flow,
        before.begins_bold,
    )


def _main_part(one: TextLine, other: TextLine) -> TextLine:
    """Return the part of a line that has its size and baseline: a much larger, or longer one."""
    for part, small in ((one, other), (other, one)):
        if small.size <= MAX_SIZE_RATIO * part.size and len(small.text) <= MAX_LENGTH:
            return part
    return one if one.x1 - one.x0 >= other.x1 - other.x0 else other


def _shift(part: TextLine, line: TextLine, before: str) -> int:
    """Tell whether a part of a line, after the text `before`, is raised (1) or lowered (-1)."""
    if len(part.segments) > 1 or len(part.text) > MAX_LENGTH:
        return 0
    smaller = part.size <= MAX_SIZE_RATIO * line.size
    if not may_be_shifted(part.text, before, smaller=smaller):
        return 0
    return baseline_shift(part.size, part.baseline, line.size, line.baseline)


def _join_initials(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join each drop capital, or large number of a title, to the first line on its right."""
    result: list[TextLine] = list(lines)
    for initial in [line for line in lines if _INITIAL.match(line.text)][:MAX_INITIALS]:
        beside = [line for line in result if _is_beside_initial(line, initial)]
        if not beside:
            if initial.text.isdecimal() and _is_among_smaller(initial, result):
                result = [*(line for line in result if line is not initial), initial]
            continue
        target = min(beside, key=lambda line: line.baseline)
        first = target.segments[0]
        gap = first.x0 - initial.x1
        apart = initial.text in _WORD_CAPITALS or gap > INITIAL_WORD_GAP * target.size
        space = " " if apart or initial.text.isdecimal() else ""
        text = f"{initial.text}{space}{first.text}"
        joined = replace(target, segments=(replace(first, text=text), *target.segments[1:]))
        result = [joined if line is target else line for line in result if line is not initial]
    return result


def _is_among_smaller(number: TextLine, lines: Sequence[TextLine]) -> bool:
    """Tell whether an ornamental number is drawn between two lines of smaller text."""
    at = next(i for i, line in enumerate(lines) if line is number)
    around = [*lines[max(at - 1, 0) : at], *lines[at + 1 : at + 2]]
    return len(around) == 2 and all(n.size * INITIAL_RATIO <= number.size for n in around)


def _is_beside_initial(line: TextLine, initial: TextLine) -> bool:
    if line.size * INITIAL_RATIO > initial.size or line is initial:
        return False
    top = initial.baseline - initial.size
    gap = line.x0 - initial.x1
    near = gap < 1.5 * line.size and (gap > -0.5 * line.size or initial.text.isdecimal())
    return near and line.x0 > initial.x0 and top < line.baseline <= initial.baseline + 1


def _join_bullets(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join each bullet that was drawn separately to the line on its right."""
    bullets = [
        i for i, line in enumerate(lines) if len(line.segments) == 1 and MARKER.match(line.text)
    ]
    if not bullets:
        return list(lines)
    result: list[TextLine | None] = list(lines)
    for i in bullets:
        target = _line_right_of(lines[i], i, result)
        if target is None:
            continue
        line = result[target]
        if line is not None:
            first = line.segments[0]
            item = LineSegment(f"{lines[i].text} {first.text}", lines[i].x0, first.x1)
            result[target] = replace(line, segments=(item, *line.segments[1:]))
            result[i] = None
    return [line for line in result if line is not None]


def _line_right_of(bullet: TextLine, index: int, lines: Sequence[TextLine | None]) -> int | None:
    best: tuple[float, int] | None = None
    for i, line in enumerate(lines):
        if line is None or i == index:
            continue
        gap = line.x0 - bullet.x1
        level = abs(line.baseline - bullet.baseline) < 0.4 * max(line.size, bullet.size)
        near = -0.5 * line.size < gap < 4 * line.size
        if level and near and line.x0 > bullet.x0 and (best is None or gap < best[0]):
            best = (gap, i)
    return best[1] if best else None


def _join_marker(line: TextLine) -> TextLine:
    """Join a bullet or number to the text that a tab separates from it."""
    if len(line.segments) < 2:
        return line
    first, second = line.segments[:2]
    numbered = len(line.segments) == 2 and _DEEP_NUMBER.match(first.text)
    if not numbered and not MARKER.match(first.text):
        return line
    if second.x0 - first.x1 > 4 * line.size:
        return line
    item = LineSegment(f"{first.text} {second.text}", first.x0, second.x1)
    return replace(line, segments=(item, *line.segments[2:]))
