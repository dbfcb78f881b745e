"""Read tables off the lines that are ruled on a page: cells are what the lines enclose."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.readers.pdf.aligned_tables import AlignedTable
from ingestion.readers.pdf.lines import LineSegment, TextLine

THIN = 2.5
"""Points: a box no wider, or no higher, is a rule."""

NEAR = 3.0
"""Points within which two rules are one, or touch."""

SHORTEST = 6.0
LOW = 40.0
"""Points: a row of one cell no higher may be a title between the rows of a table."""

MOST_BOXES = 5_000
MOST_RULES = 400
LONGEST_CELL = 1_500
FULLEST = 500.0
"""Characters that a cell has on average at most; more is a page laid out in frames."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in points from the top left corner."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line: where it lies, and from where to where it goes."""

    at: float
    start: float
    end: float

    def covers(self, place: float) -> bool:
        return self.start - NEAR <= place <= self.end + NEAR


@dataclass(slots=True)
class Rules:
    """The upright and level lines of a page."""

    upright: list[Rule] = field(default_factory=list)
    level: list[Rule] = field(default_factory=list)

    @classmethod
    def of(cls, boxes: Iterable[Box]) -> Rules:
        """Take the rules, and the edges of rectangles, among what is drawn on a page."""
        upright: list[Rule] = []
        level: list[Rule] = []
        for x0, y0, x1, y1 in boxes:
            wide, high = x1 - x0, y1 - y0
            if high <= THIN and wide >= SHORTEST:
                level.append(Rule((y0 + y1) / 2, x0, x1))
            elif wide <= THIN and high >= SHORTEST:
                upright.append(Rule((x0 + x1) / 2, y0, y1))
            elif wide >= SHORTEST and high >= SHORTEST:
                level += [Rule(y0, x0, x1), Rule(y1, x0, x1)]
                upright += [Rule(x0, y0, y1), Rule(x1, y0, y1)]
        return cls(_merge_rules(upright), _merge_rules(level))

    def between(self, left: float, right: float, height: float) -> bool:
        """Tell whether an upright rule parts two words at this height."""
        return any(
            left - 1 <= rule.at <= right + 1 and rule.start <= height <= rule.end
            for rule in self.upright
        )


def ruled_tables(lines: Sequence[TextLine], rules: Rules) -> list[tuple[set[int], AlignedTable]]:
    """Return the tables that rules make, each with the lines that it takes the place of."""
    found = []
    for grid in _grids(rules):
        inside = {i for i, line in enumerate(lines) if grid.holds(line)}
        table = _grid_table(grid, [(i, lines[i]) for i in sorted(inside)]) if inside else None
        if table is not None:
            found.append((inside, table))
    return found


def _merge_rules(rules: list[Rule]) -> list[Rule]:
    """Make one rule of those that lie on each other or continue each other."""
    rows: dict[int, list[Rule]] = defaultdict(list)
    last, row = -1e9, 0
    for rule in sorted(rules, key=lambda rule: rule.at)[: 4 * MOST_BOXES]:
        if rule.at - last > NEAR:
            row += 1
            last = rule.at
        rows[row].append(rule)
    merged: list[Rule] = []
    for same in rows.values():
        at = sorted(rule.at for rule in same)[len(same) // 2]
        start, end = same[0].start, same[0].start
        for rule in sorted(same, key=lambda rule: rule.start):
            if end > start and rule.start > end + NEAR:
                merged.append(Rule(at, start, end))
                start = rule.start
            start = rule.start if end <= start else start
            end = max(end, rule.end)
        merged.append(Rule(at, start, end))
    return merged if len(merged) <= MOST_RULES else []


@dataclass(slots=True)
class _Grid:
    """Rules that touch each other."""

    upright: list[Rule]
    level: list[Rule]
    xs: list[float] = field(init=False)
    ys: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.xs = sorted({rule.at for rule in self.upright})
        self.ys = sorted({rule.at for rule in self.level})

    def parted(self) -> Iterator[list[float]]:
        """Yield the heights of the rows that lie together and are cut into cells.

        A frame around text has rows of one cell: it ends a table, unless it is low, as a title
        between rows is.
        """
        ys: list[float] = []
        whole: list[float] = []  # ends of the low rows of one cell since the last cut one
        for top, bottom in pairwise(self.ys):
            middle = (top + bottom) / 2
            cut = sum(rule.start <= middle <= rule.end for rule in self.upright) >= 3
            if cut:
                ys = [*ys, *whole, bottom] if ys else [top, bottom]
                whole = []
            elif ys and not whole and bottom - top <= LOW:
                whole = [bottom]
            else:
                yield from [ys] if len(ys) >= 3 else []
                ys, whole = [], []
        yield from [ys] if len(ys) >= 3 else []

    def holds(self, line: TextLine) -> bool:
        middle = line.baseline - 0.35 * line.size
        inside = self.ys[0] - 1 <= middle <= self.ys[-1] + 1
        return inside and line.x0 >= self.xs[0] - NEAR and line.x1 <= self.xs[-1] + NEAR

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Return the row and column of a place: those of the rules that really part it."""
        left = [rule.at for rule in self.upright if rule.at <= x + 1 and rule.covers(y)]
        top = [rule.at for rule in self.level if rule.at <= y + 1 and rule.covers(x)]
        column = bisect_right(self.xs, max(left, default=self.xs[0])) - 1
        row = bisect_right(self.ys, max(top, default=self.ys[0])) - 1
        return row, column


def _grids(rules: Rules) -> Iterator[_Grid]:
    """Group rules that cross or meet; a grid has two rows and two columns at least."""
    parents = list(range(len(rules.upright) + len(rules.level)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    shift = len(rules.upright)
    for i, up in enumerate(rules.upright):
        for j, flat in enumerate(rules.level):
            if up.covers(flat.at) and flat.covers(up.at):
                parents[root(i)] = root(shift + j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for i, up in enumerate(rules.upright):
        groups[root(i)][0].append(up)
    for j, flat in enumerate(rules.level):
        groups[root(shift + j)][1].append(flat)
    for upright, touching in groups.values():
        level = [*touching, *_open_ends(upright, touching)]
        if len(upright) >= 3 and len(level) >= 3:
            grid = _Grid(upright, level)
            for ys in grid.parted():
                yield _Grid(upright, [rule for rule in level if ys[0] <= rule.at <= ys[-1]])


def _open_ends(upright: Sequence[Rule], level: Sequence[Rule]) -> Iterator[Rule]:
    """Yield the rules that are missing where a row is cut open by the end of the page.

    There the upright rules end together beyond the outermost level one.
    """
    if len(upright) < 3 or not level:
        return
    top, bottom = min(rule.at for rule in level), max(rule.at for rule in level)
    first, last = min(rule.start for rule in upright), max(rule.end for rule in upright)
    above = [rule.at for rule in upright if rule.start <= first + NEAR]
    below = [rule.at for rule in upright if rule.end >= last - NEAR]
    if first < top - SHORTEST and len(above) >= 3:
        yield Rule(first, min(above), max(above))
    if last > bottom + SHORTEST and len(below) >= 3:
        yield Rule(last, min(below), max(below))


def _grid_table(grid: _Grid, lines: Sequence[tuple[int, TextLine]]) -> AlignedTable | None:
    """Put what is written in a grid into its cells; None when that makes no table."""
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
    made: list[tuple[tuple[int, ...], ...]] = []
    for row in rows:
        made.append(())
        for column in columns:
            inside = sorted(cells.get((row, column), []), key=lambda piece: piece[:2])
            first = len(pieces)
            pieces += [(segment, cut) for _, _, segment, cut in inside]
            made[-1] = (*made[-1], tuple(range(first, len(pieces))))
    indices = [index for index, _ in lines]
    return AlignedTable(min(indices), max(indices), tuple(made), tuple(pieces))


def _is_table(
    cells: dict[tuple[int, int], list[tuple[float, float, LineSegment, bool]]], places: int
) -> bool:
    lengths = [sum(len(piece[2].text) for piece in pieces) for pieces in cells.values()]
    filled = len(cells) / places
    return max(lengths) <= LONGEST_CELL and sum(lengths) / len(lengths) <= FULLEST and filled >= 0.3
