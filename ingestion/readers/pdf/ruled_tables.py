"""Find tables by the ruled lines of a page, which enclose their cells."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.rules import MIN_LENGTH, TOLERANCE, Box, Fill, Rule, Rules
from ingestion.readers.pdf.table_cells import CellArea, Grid, Piece, background, pieces_of
from ingestion.readers.pdf.tables import PageTable, tables_of

MAX_TITLE_ROW_HEIGHT = 40.0
"""Maximum height in points of a row of one cell that is a title between rows of a table."""

MAX_GAP_BELOW = 60.0
"""Distance in points below headings without rows within which text may be their rows."""

MAX_PLACES = 20_000
"""Maximum number of rows times columns of a table."""

MAX_LINE_DISTANCE = 1.8
MAX_LINES_ABOVE = 6
MAX_HEADING = 40
"""Limits of the row above the first rule: the distance of its lines in multiples of the font size,
their number, and their length in characters."""

HEADING_WEIGHT = 50
"""Weight of text in the first row that crosses the edge of its cell."""

MAX_OVERHANG = 6.0
"""Maximum distance in points by which text may extend beyond its cell."""


def ruled_tables(lines: Sequence[TextLine], rules: Rules) -> list[PageTable]:
    """Return the tables formed by rules."""
    found: list[PageTable] = []
    taken: set[int] = set()
    text = _Text(sorted(pieces_of(lines), key=lambda piece: piece.middle))
    for lattice in _lattices(rules, text):
        pieces = lattice.pieces(text)
        if len(pieces) < 3 or any(piece.line in taken for piece in pieces):
            continue
        tables = list(tables_of(lattice.grid(pieces, rules.fills)))
        above = lattice.row_above(text) if tables and not tables[0].marked else []
        if above:
            lattice.ys.insert(0, min(piece.baseline - piece.size for piece in above))
            tables = list(tables_of(lattice.grid([*above, *pieces], rules.fills)))
        for table in tables:
            if table.rows or not text.between(lattice.ys[-1], lattice.ys[-1] + MAX_GAP_BELOW):
                taken |= table.lines
                found.append(table)
    return found


class _Text:
    """The pieces of text of a page by their height."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.middles = [piece.middle for piece in pieces]

    def between(self, top: float, bottom: float) -> Sequence[Piece]:
        """Return the pieces between two heights, from top to bottom."""
        return self.pieces[bisect_right(self.middles, top) : bisect_right(self.middles, bottom)]

    def above(self, height: float) -> Iterator[Piece]:
        """Yield the pieces above a height, from the lowest."""
        return map(self.pieces.__getitem__, range(bisect_right(self.middles, height) - 1, -1, -1))


def table_areas(rules: Rules) -> list[Box]:
    """Return the boxes of the tables that the rules of a page form."""
    return [
        (grid.xs[0], grid.ys[0], grid.xs[-1], grid.ys[-1]) for grid in _lattices(rules, _Text([]))
    ]


@dataclass(slots=True)
class _Lattice:
    """Connected rules, which enclose cells."""

    vertical: list[Rule]
    horizontal: list[Rule]
    xs: list[float] = field(init=False)
    ys: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.xs = sorted({rule.at for rule in self.vertical})
        self.ys = sorted({rule.at for rule in self.horizontal})

    def row_groups(self, text: _Text) -> Iterator[list[float]]:
        """Yield, for each table of the lattice, the heights of its horizontal rules.

        A row of one cell is a frame around text and ends the table, unless it is at most
        `MAX_TITLE_ROW_HEIGHT` high: then it is a title between rows. Where only every other row has
        a background, the text tells the cells of the others.
        """
        inside = _Text(self.pieces(text))
        ys: list[float] = []
        title_rows: list[float] = []  # bottoms of low one-cell rows since the last divided row
        for top, bottom in pairwise(self.ys):
            middle = (top + bottom) / 2
            crossing = sum(rule.start <= middle <= rule.end for rule in self.vertical)
            row = inside.between(top, bottom)
            if crossing >= 3 or self._columns_apart(row, 0, len(self.xs) - 1):
                ys = [*ys, *title_rows, bottom] if ys else [*title_rows, top, bottom]
                title_rows = []
            elif crossing >= 2 and not title_rows and bottom - top <= MAX_TITLE_ROW_HEIGHT:
                title_rows = [bottom] if ys else [top]
            else:
                yield from [ys] if len(ys) >= 2 else []
                ys, title_rows = [], []
        yield from [ys] if len(ys) >= 2 else []

    def _columns_apart(self, pieces: Sequence[Piece], left: int, right: int) -> bool:
        """Tell whether text stands side by side in columns and crosses none of their edges."""
        columns: dict[int, Piece] = {}
        beside = False
        for piece in pieces:
            column = bisect_right(self.xs, (piece.x0 + piece.x1) / 2) - 1
            if not left <= column < right:
                return False
            if piece.x0 < self.xs[column] - 2 or piece.x1 > self.xs[column + 1] + 2:
                return False
            beside |= any(
                other != column and abs(first.baseline - piece.baseline) < piece.size
                for other, first in columns.items()
            )
            columns.setdefault(column, piece)
        return beside

    def pieces(self, text: _Text) -> list[Piece]:
        """Return the pieces of text inside, from top to bottom."""
        left, right = self.xs[0] - TOLERANCE, self.xs[-1] + TOLERANCE
        near = text.between(self.ys[0] - 1, self.ys[-1] + 1)
        return [piece for piece in near if piece.x0 >= left and piece.x1 <= right]

    def row_above(self, text: _Text) -> list[Piece]:
        """Return the row that stands over the columns, above the first rule: often the headings."""
        row: list[Piece] = []
        last = self.ys[0]
        for piece in text.above(self.ys[0]):
            if last - piece.middle > MAX_LINE_DISTANCE * piece.size:
                break
            if not self._fits_column(piece):
                return []
            row.append(piece)
            last = piece.middle
        columns = {self._column(piece) for piece in row}
        lines = {round(piece.baseline) for piece in row}
        several = len(columns) > 1 and len(columns) >= len(self.xs) - 2
        return row if several and len(lines) <= MAX_LINES_ABOVE else []

    def _column(self, piece: Piece) -> int:
        return bisect_right(self.xs, (piece.x0 + piece.x1) / 2) - 1

    def _fits_column(self, piece: Piece) -> bool:
        column = self._column(piece)
        return (
            0 <= column < len(self.xs) - 1
            and piece.x0 >= self.xs[column] - TOLERANCE
            and piece.x1 <= self.xs[column + 1] + TOLERANCE
            and len(piece.text) <= MAX_HEADING
        )

    def grid(self, pieces: Sequence[Piece], fills: Sequence[Fill]) -> Grid:
        """Return the cells with their text."""
        regions, doubts = self._regions()
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        crossing = 0
        for piece in sorted(pieces, key=lambda piece: (round(piece.baseline / 2), piece.x0)):
            column = bisect_right(self.xs, (piece.x0 + piece.x1) / 2) - 1
            row = bisect_right(self.ys, piece.middle) - 1
            region = regions[
                min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1)
            ]
            region.pieces.append(piece)
            left, right = self.xs[region.left], self.xs[region.right]
            across = piece.x0 < left - MAX_OVERHANG or piece.x1 > right + MAX_OVERHANG
            crossing += across * (HEADING_WEIGHT if region.top == 0 else 1)
        if crossing > 0.02 * len(pieces):
            doubts.add("crossing")
        distinct = [
            part
            for region in {id(region): region for region in regions}.values()
            for part in self._parts(region)
        ]
        self._colour(distinct, fills)
        return Grid(distinct, self.xs, doubts)

    def _regions(self) -> tuple[list[CellArea], set[str]]:
        """Return the cell of each place of the lattice, row by row, and doubts about them."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        parents = list(range(columns * rows))

        def root(i: int) -> int:
            while parents[i] != i:
                parents[i] = parents[parents[i]]
                i = parents[i]
            return i

        upright = _by_position(self.vertical)
        level = _by_position(self.horizontal)
        for row, (top, bottom) in enumerate(pairwise(self.ys)):
            for column, (left, right) in enumerate(pairwise(self.xs)):
                place = row * columns + column
                if column + 1 < columns and not _covered(upright[right], (top + bottom) / 2):
                    parents[root(place + 1)] = root(place)
                if row + 1 < rows and not _covered(level[bottom], (left + right) / 2):
                    parents[root(place + columns)] = root(place)
        places: dict[int, list[int]] = defaultdict(list)
        for place in range(columns * rows):
            places[root(place)].append(place)
        regions: dict[int, CellArea] = {}
        doubts: set[str] = set()
        for key, inside in places.items():
            top, bottom = inside[0] // columns, inside[-1] // columns + 1
            left = min(place % columns for place in inside)
            right = max(place % columns for place in inside) + 1
            if len(inside) != (bottom - top) * (right - left):
                doubts.add("shape")
            regions[key] = CellArea(top, bottom, left, right)
        return [regions[root(place)] for place in range(columns * rows)], doubts

    def _parts(self, region: CellArea) -> list[CellArea]:
        """Divide a cell over several columns where its text stands apart in each of them."""
        left, right = region.left, region.right
        if right - left == 1 or not self._columns_apart(region.pieces, left, right):
            return [region]
        parts = [CellArea(region.top, region.bottom, i, i + 1) for i in range(left, right)]
        for piece in region.pieces:
            column = bisect_right(self.xs, (piece.x0 + piece.x1) / 2) - 1
            parts[column - left].pieces.append(piece)
        return parts

    def _colour(self, regions: Sequence[CellArea], fills: Sequence[Fill]) -> None:
        """Set the colour of the background of each cell that has text."""
        left, right, top, bottom = self.xs[0], self.xs[-1], self.ys[0], self.ys[-1]
        near = [
            fill
            for fill in fills
            if fill.box[0] < right and fill.box[2] > left and fill.box[1] < bottom
            if fill.box[3] > top
        ]
        for region in regions if near else ():
            if region.pieces:
                region.colour = background(region.pieces[0], near)


def _by_position(rules: Sequence[Rule]) -> dict[float, list[Rule]]:
    found: dict[float, list[Rule]] = defaultdict(list)
    for rule in rules:
        found[rule.at].append(rule)
    return found


def _covered(rules: Sequence[Rule], position: float) -> bool:
    return any(rule.start <= position <= rule.end for rule in rules)


def _lattices(rules: Rules, text: _Text) -> Iterator[_Lattice]:
    """Group rules that cross or meet into lattices of at least two columns."""
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
    found: list[_Lattice] = []
    for vertical, touching in groups.values():
        horizontal = [*touching, *_open_ends(vertical, touching)]
        vertical = [*vertical, *_open_sides(vertical, horizontal)]
        if len({rule.at for rule in vertical}) >= 3 and len(horizontal) >= 2:
            found.append(_Lattice(vertical, horizontal))
    for whole in _stacked(found):
        for ys in whole.row_groups(text):
            inside = [rule for rule in whole.horizontal if ys[0] <= rule.at <= ys[-1]]
            upright = [
                rule
                for rule in whole.vertical
                if rule.end > ys[0] + TOLERANCE and rule.start < ys[-1] - TOLERANCE
            ]
            columns = len({rule.at for rule in upright}) - 1
            if columns >= 2 and len(inside) >= 2 and columns * len(inside) <= MAX_PLACES:
                yield _Lattice(upright, inside)


def _stacked(lattices: Sequence[_Lattice]) -> list[_Lattice]:
    """Join lattices of the same columns below each other: rows that have a background each."""
    joined: list[_Lattice] = []
    for lattice in sorted(lattices, key=lambda lattice: lattice.ys[0]):
        above = joined[-1] if joined else None
        if (
            above is not None
            and len(above.xs) == len(lattice.xs)
            and all(abs(a - b) <= TOLERANCE for a, b in zip(above.xs, lattice.xs, strict=True))
            and lattice.ys[0] - above.ys[-1] <= 1.6 * max(b - a for a, b in pairwise(above.ys))
        ):
            at = dict(zip(lattice.xs, above.xs, strict=True))
            vertical = [Rule(at[rule.at], rule.start, rule.end) for rule in lattice.vertical]
            joined[-1] = _Lattice(above.vertical + vertical, above.horizontal + lattice.horizontal)
        else:
            joined.append(lattice)
    return joined


def _open_ends(vertical: Sequence[Rule], horizontal: Sequence[Rule]) -> Iterator[Rule]:
    """Yield the missing outer rules of a row that the end of the page leaves open.

    There the vertical rules end together beyond the outermost horizontal one.
    """
    if len(vertical) < 2 or not horizontal:
        return
    top, bottom = min(rule.at for rule in horizontal), max(rule.at for rule in horizontal)
    first, last = min(rule.start for rule in vertical), max(rule.end for rule in vertical)
    above = [rule.at for rule in vertical if rule.start <= first + TOLERANCE]
    below = [rule.at for rule in vertical if rule.end >= last - TOLERANCE]
    width = max(rule.at for rule in vertical) - min(rule.at for rule in vertical)
    if first < top - MIN_LENGTH and max(above) - min(above) >= width - TOLERANCE:
        yield Rule(first, min(above), max(above))
    if last > bottom + MIN_LENGTH and max(below) - min(below) >= width - TOLERANCE:
        yield Rule(last, min(below), max(below))


def _open_sides(vertical: Sequence[Rule], horizontal: Sequence[Rule]) -> Iterator[Rule]:
    """Yield the missing left and right borders of a table, where horizontal rules end together."""
    if not vertical or len(horizontal) < 2:
        return
    top, bottom = min(rule.at for rule in horizontal), max(rule.at for rule in horizontal)
    left, right = min(rule.start for rule in horizontal), max(rule.end for rule in horizontal)
    starts = sum(rule.start <= left + TOLERANCE for rule in horizontal)
    ends = sum(rule.end >= right - TOLERANCE for rule in horizontal)
    if left < min(rule.at for rule in vertical) - 2 * TOLERANCE and starts >= 2:
        yield Rule(left, top, bottom)
    if right > max(rule.at for rule in vertical) + 2 * TOLERANCE and ends >= 2:
        yield Rule(right, top, bottom)
