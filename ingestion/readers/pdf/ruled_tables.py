"""Find tables by the ruled lines of a page, which enclose their cells."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.readers.pdf.aligned_tables import AlignedTable
from ingestion.readers.pdf.lines import LineSegment, TextLine

MAX_THICKNESS = 2.5
"""Maximum thickness of a rule, in points."""

TOLERANCE = 3.0
"""Distance in points within which two rules coincide or touch."""

MIN_LENGTH = 6.0
MAX_TITLE_ROW_HEIGHT = 40.0
"""Maximum height in points of a row of one cell that is a title between rows of a table."""

MAX_BOXES = 5_000
MAX_RULES = 400
MAX_CELL = 1_500
MAX_MEAN_CELL = 500.0
"""Maximum average characters per cell; more is a page laid out in frames."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in points from the top left corner."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A vertical or horizontal line: its position `at` on the other axis, its start and end."""

    at: float
    start: float
    end: float

    def covers(self, position: float) -> bool:
        return self.start - TOLERANCE <= position <= self.end + TOLERANCE


@dataclass(slots=True)
class Rules:
    """The vertical and horizontal ruled lines of a page."""

    vertical: list[Rule] = field(default_factory=list)
    horizontal: list[Rule] = field(default_factory=list)

    @classmethod
    def of(cls, boxes: Iterable[Box]) -> Rules:
        """Collect the thin boxes, and the edges of rectangles, among the drawn boxes of a page."""
        vertical: list[Rule] = []
        horizontal: list[Rule] = []
        for x0, y0, x1, y1 in boxes:
            wide, high = x1 - x0, y1 - y0
            if high <= MAX_THICKNESS and wide >= MIN_LENGTH:
                horizontal.append(Rule((y0 + y1) / 2, x0, x1))
            elif wide <= MAX_THICKNESS and high >= MIN_LENGTH:
                vertical.append(Rule((x0 + x1) / 2, y0, y1))
            elif wide >= MIN_LENGTH and high >= MIN_LENGTH:
                horizontal += [Rule(y0, x0, x1), Rule(y1, x0, x1)]
                vertical += [Rule(x0, y0, y1), Rule(x1, y0, y1)]
        return cls(_merge_rules(vertical), _merge_rules(horizontal))

    def between(self, left: float, right: float, height: float) -> bool:
        """Tell whether a vertical rule separates two words at this height."""
        return any(
            left - 1 <= rule.at <= right + 1 and rule.start <= height <= rule.end
            for rule in self.vertical
        )


def ruled_tables(lines: Sequence[TextLine], rules: Rules) -> list[tuple[set[int], AlignedTable]]:
    """Return the tables formed by rules, each with the indices of the lines it replaces."""
    found = []
    for grid in _grids(rules):
        inside = {i for i, line in enumerate(lines) if grid.contains(line)}
        table = _grid_table(grid, [(i, lines[i]) for i in sorted(inside)]) if inside else None
        if table is not None:
            found.append((inside, table))
    return found


def _merge_rules(rules: list[Rule]) -> list[Rule]:
    """Merge rules that overlap or continue each other; return none if there are too many."""
    rows: dict[int, list[Rule]] = defaultdict(list)
    last, row = -1e9, 0
    for rule in sorted(rules, key=lambda rule: rule.at)[: 4 * MAX_BOXES]:
        if rule.at - last > TOLERANCE:
            row += 1
            last = rule.at
        rows[row].append(rule)
    merged: list[Rule] = []
    for same in rows.values():
        at = sorted(rule.at for rule in same)[len(same) // 2]
        start, end = same[0].start, same[0].start
        for rule in sorted(same, key=lambda rule: rule.start):
            if end > start and rule.start > end + TOLERANCE:
                merged.append(Rule(at, start, end))
                start = rule.start
            start = rule.start if end <= start else start
            end = max(end, rule.end)
        merged.append(Rule(at, start, end))
    return merged if len(merged) <= MAX_RULES else []


@dataclass(slots=True)
class _Grid:
    """Connected rules, which enclose cells."""

    vertical: list[Rule]
    horizontal: list[Rule]
    xs: list[float] = field(init=False)
    ys: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.xs = sorted({rule.at for rule in self.vertical})
        self.ys = sorted({rule.at for rule in self.horizontal})

    def row_groups(self) -> Iterator[list[float]]:
        """Yield, for each table of the grid, the y positions of its horizontal rules.

        A row of one cell is a frame around text and ends the table, unless it is at most
        `MAX_TITLE_ROW_HEIGHT` high: then it is a title between rows.
        """
        ys: list[float] = []
        title_rows: list[float] = []  # bottoms of low one-cell rows since the last divided row
        for top, bottom in pairwise(self.ys):
            middle = (top + bottom) / 2
            divided = sum(rule.start <= middle <= rule.end for rule in self.vertical) >= 3
            if divided:
                ys = [*ys, *title_rows, bottom] if ys else [top, bottom]
                title_rows = []
            elif ys and not title_rows and bottom - top <= MAX_TITLE_ROW_HEIGHT:
                title_rows = [bottom]
            else:
                yield from [ys] if len(ys) >= 3 else []
                ys, title_rows = [], []
        yield from [ys] if len(ys) >= 3 else []

    def contains(self, line: TextLine) -> bool:
        middle = line.baseline - 0.35 * line.size
        inside = self.ys[0] - 1 <= middle <= self.ys[-1] + 1
        return inside and line.x0 >= self.xs[0] - TOLERANCE and line.x1 <= self.xs[-1] + TOLERANCE

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Return the row and column of a position, by the rules that extend to it."""
        left = [rule.at for rule in self.vertical if rule.at <= x + 1 and rule.covers(y)]
        top = [rule.at for rule in self.horizontal if rule.at <= y + 1 and rule.covers(x)]
        column = bisect_right(self.xs, max(left, default=self.xs[0])) - 1
        row = bisect_right(self.ys, max(top, default=self.ys[0])) - 1
        return row, column


def _grids(rules: Rules) -> Iterator[_Grid]:
    """Group rules that cross or meet into grids of at least two rows and two columns."""
    parents = list(range(len(rules.vertical) + len(rules.horizontal)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    offset = len(rules.vertical)
    for i, up in enumerate(rules.vertical):
        for j, flat in enumerate(rules.horizontal):
            if up.covers(flat.at) and flat.covers(up.at):
                parents[root(i)] = root(offset + j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for i, up in enumerate(rules.vertical):
        groups[root(i)][0].append(up)
    for j, flat in enumerate(rules.horizontal):
        groups[root(offset + j)][1].append(flat)
    for vertical, touching in groups.values():
        horizontal = [*touching, *_open_ends(vertical, touching)]
        if len(vertical) >= 3 and len(horizontal) >= 3:
            grid = _Grid(vertical, horizontal)
            for ys in grid.row_groups():
                yield _Grid(vertical, [rule for rule in horizontal if ys[0] <= rule.at <= ys[-1]])


def _open_ends(vertical: Sequence[Rule], horizontal: Sequence[Rule]) -> Iterator[Rule]:
    """Yield the missing outer rules of a row that the end of the page leaves open.

    There the vertical rules end together beyond the outermost horizontal one.
    """
    if len(vertical) < 3 or not horizontal:
        return
    top, bottom = min(rule.at for rule in horizontal), max(rule.at for rule in horizontal)
    first, last = min(rule.start for rule in vertical), max(rule.end for rule in vertical)
    above = [rule.at for rule in vertical if rule.start <= first + TOLERANCE]
    below = [rule.at for rule in vertical if rule.end >= last - TOLERANCE]
    if first < top - MIN_LENGTH and len(above) >= 3:
        yield Rule(first, min(above), max(above))
    if last > bottom + MIN_LENGTH and len(below) >= 3:
        yield Rule(last, min(below), max(below))


def _grid_table(grid: _Grid, lines: Sequence[tuple[int, TextLine]]) -> AlignedTable | None:
    """Assign the lines inside a grid to its cells; None if the result is not a table."""
    cells: dict[tuple[int, int], list[tuple[float, float, LineSegment, bool]]] = defaultdict(list)
    for _, line in lines:
        y = line.baseline - 0.35 * line.size
        for segment in line.segments:
            key = grid.cell((segment.x0 + segment.x1) / 2, y)
            cut = line.cut and segment is line.segments[-1]
            cells[key].append((round(line.baseline / 2), segment.x0, segment, cut))
    rows = sorted({row for row, _ in cells})
    columns = sorted({column for _, column in cells})
    if len(rows) < 2 or len(columns) < 2 or not _is_table(cells, len(rows) * len(columns)):
        return None
    pieces: list[tuple[LineSegment, bool]] = []
    table_rows: list[tuple[tuple[int, ...], ...]] = []
    for row in rows:
        table_rows.append(())
        for column in columns:
            inside = sorted(cells.get((row, column), []), key=lambda piece: piece[:2])
            first = len(pieces)
            pieces += [(segment, cut) for _, _, segment, cut in inside]
            table_rows[-1] = (*table_rows[-1], tuple(range(first, len(pieces))))
    indices = [index for index, _ in lines]
    return AlignedTable(min(indices), max(indices), tuple(table_rows), tuple(pieces))


def _is_table(
    cells: dict[tuple[int, int], list[tuple[float, float, LineSegment, bool]]], cell_count: int
) -> bool:
    lengths = [sum(len(piece[2].text) for piece in pieces) for pieces in cells.values()]
    filled = len(cells) / cell_count
    return (
        max(lengths) <= MAX_CELL and sum(lengths) / len(lengths) <= MAX_MEAN_CELL and filled >= 0.3
    )
