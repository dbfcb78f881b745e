"""Part the text of a page from its watermark, the text on its sides, and turned tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingestion.readers import Remark
from ingestion.readers.pdf.aligned_tables import find_tables
from ingestion.readers.pdf.lines import Flow, TextLine, join_broken_lines
from ingestion.readers.pdf.page import TurnedTable
from ingestion.readers.pdf.page_scan import PageScan
from ingestion.readers.pdf.ruled_tables import ruled_tables
from ingestion.readers.pdf.rules import Rules, turn_box

MIN_TURNED_TEXT, MIN_TURNED_LINES = 12, 3
"""Turned characters of a page, and lines once it is turned, from which tables are sought there."""

MAX_ASIDE_SHARE = 0.3
"""Share of the characters of a page up to which turned and slanted text is no part of it."""

WATERMARK_RATIO = 1.5
"""Ratio of the size of a watermark to that of the text of its page."""

MIN_WATERMARK, MIN_LINES_OVER = 24.0, 2
"""Size in points of a watermark on a level, and number of lines of text that run over it."""

MAX_WATERMARKS = 40
"""Large lines of a page that may be watermarks."""


def part_upright_lines(
    lines: Sequence[TextLine], rules: Rules
) -> tuple[tuple[TextLine, ...], tuple[Remark, ...]]:
    """Part the lines of a page from its watermark and the text on its sides, which are counted.

    A page on which much of the text is turned is read as it is, and so are turned cells.
    """
    total = sum(len(line.text) for line in lines)
    level = [line for line in lines if line.flow is Flow.RIGHT and line.size >= MIN_WATERMARK]
    under = {id(line) for line in level[:MAX_WATERMARKS] if _lies_under(line, lines)}
    aside = [
        line
        for line in lines
        if id(line) in under or (line.flow is not Flow.RIGHT and not _in_grid(line, rules))
    ]
    if not aside or sum(len(line.text) for line in aside) > MAX_ASIDE_SHARE * total:
        return tuple(lines), ()
    sizes = sorted(line.size for line in lines if line.flow is Flow.RIGHT)
    large = WATERMARK_RATIO * sizes[len(sizes) // 2]
    marks = sum(line.flow is not Flow.TURNED and line.size >= large for line in aside)
    remarks = [
        Remark(code, count)
        for code, count in (("watermark", marks), ("side_text", len(aside) - marks))
        if count
    ]
    left_out = {id(line) for line in aside}
    return tuple(line for line in lines if id(line) not in left_out), tuple(remarks)


def take_turned_tables(
    scan: PageScan, lines: list[TextLine]
) -> tuple[tuple[TurnedTable, ...], list[TextLine]]:
    """Return the tables that are drawn turned by 90°, and the lines that are in none of them."""
    if sum(len(line.text) for line in lines if line.flow is Flow.TURNED) < MIN_TURNED_TEXT:
        return (), lines
    found: list[TurnedTable] = []
    frame, rules = scan.frame, scan.rules
    for angle in (90, 270):
        turned_rules = rules.turned(angle, frame.width, frame.height)
        upright = scan.turned(angle, turned_rules).lines()
        upright = join_broken_lines([line for line in upright if line.flow is Flow.RIGHT])
        if len(upright) < MIN_TURNED_LINES:
            continue
        for table in [*ruled_tables(upright, turned_rules), *find_tables(upright, turned_rules)]:
            inside = tuple(upright[i] for i in sorted(table.lines))
            if any(line in other.lines for other in found for line in inside):
                continue
            box = turn_box(table.box, 360 - angle, frame.height, frame.width)
            found.append(TurnedTable(replace(table, box=box), inside))
    boxes = [turned.table.box for turned in found]
    return tuple(found), [
        line
        for line in lines
        if line.flow is not Flow.TURNED
        or not any(
            left - 1 <= line.x0 <= right + 1 and top - 1 <= line.baseline <= bottom + 1
            for left, top, right, bottom in boxes
        )
    ]


def _lies_under(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Tell whether several lines of smaller text run over a large one, as over a watermark."""
    top, middle = line.baseline - 0.75 * line.size, 0.3 * (line.x1 - line.x0)
    if sum(map(str.isalpha, line.text)) < 3:
        return False  # an ornamental number
    over = 0
    for other in lines:
        shared = min(line.x1, other.x1) - max(line.x0, other.x0)
        over += (
            other.size * WATERMARK_RATIO < line.size
            and top < other.baseline < line.baseline
            and shared > middle
        )
    return over >= MIN_LINES_OVER


def _in_grid(line: TextLine, rules: Rules) -> bool:
    """Tell whether rules enclose the start of a line on all four sides."""
    x, y = line.x0 - 0.3 * line.size, line.baseline - 0.3 * line.size
    beside = [rule.at < x for rule in rules.vertical if rule.covers(y)]
    above = [rule.at < y for rule in rules.horizontal if rule.covers(x)]
    return len({*beside}) == 2 and len({*above}) == 2
