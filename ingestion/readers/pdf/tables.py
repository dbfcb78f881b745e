"""Tables of a PDF page: their cells, their headings and how far they can be trusted."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import mean, median

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.raised_marks import without_marks
from ingestion.readers.pdf.rules import Box, Fill
from ingestion.readers.repair.characters import CUT

Join = Callable[[Iterable[str]], str]
GROUP = " – "
"""Stands between the heading of a group of columns and that of one of them."""

MAX_HEADER_ROWS, MAX_PARTS = 4, 50
MAX_LIMITS = 12
"""Maximum number of distances between lines that are tried as the one between rows."""

MAX_PLAIN_HEADING = 30
"""Maximum number of characters of a heading that neither style nor numbers tell from values."""

MAX_UNNAMED = 0.2
"""Maximum share of rows without a name in a ruled table; others have none."""

MIN_COLUMN = 20.0
"""Minimum width in points of a column in which no cell stands alone."""

MIN_NUMERIC = 0.6
"""Minimum share of numbers among the cells of a column that counts as numeric."""

MAX_LONG_CELL = 1_500
MAX_MEAN_CELL, MAX_MEAN_CELL_OF_TWO = 500.0, 260.0
"""Maximum mean number of characters of a cell, and of one of a table of two columns; more is prose
laid out in frames."""

NUMBER = re.compile(
    r"(?:env(?:iron)?\.? )?[<>≤≥~≈±+\-−–]?\s?\d(?:[\d\s.,]*\d)?"
    r"(?:\s?[^\W\d]\S{0,9}|\s?[%€‰°]\S{0,9})?(?:\s?/\s?\S{1,12})?\Z"
)
_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[-/–]\s?(?:19|20)?\d\d)?\Z")
_TWO_NUMBERS = re.compile(r"\d[,.]\d+\s+\d+[,.]\d|\d\s?[%€]\s+\d")
_FORMULA = re.compile(r"[=∙×∑√∫]|\A[()+\-−]\Z")
_UNIT_ROW = re.compile(r"\(?(?:en|unités?\s?:)\s[^.]{1,30}\Z", re.IGNORECASE)
_MARK = re.compile(r"(?:\W{1,2}|\(?[\dIVXivx.]{1,6}[.)/]?|\(?[a-zA-Z][.)])\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text on one line of a cell; lengths in points. Raised and lowered text is marked."""

    marked: str
    x0: float
    x1: float
    baseline: float
    size: float
    bold: bool = False
    cut: bool = False  # ends with a hyphen that may split a word
    line: int = 0  # index of its line on the page

    @property
    def text(self) -> str:
        return without_marks(self.marked)

    @property
    def middle(self) -> float:
        """The height of the middle of its small letters."""
        return self.baseline - 0.35 * self.size


def pieces_of(lines: Sequence[TextLine]) -> Iterator[Piece]:
    """Yield the segments of lines as pieces of cells."""
    for index, line in enumerate(lines):
        for part in line.segments:
            cut = line.cut and part is line.segments[-1]
            yield Piece(
                part.text, part.x0, part.x1, line.baseline, line.size, line.bold, cut, index
            )


def background(piece: Piece, fills: Iterable[Fill]) -> int:
    """Return the colour of the last filled rectangle under a piece; -1 if there is none."""
    x, y, colour = (piece.x0 + piece.x1) / 2, piece.middle, -1
    for (x0, y0, x1, y1), filled in fills:
        if x0 <= x <= x1 and y0 <= y <= y1:
            colour = filled
    return colour


Cell = tuple[tuple[Piece, ...], ...]
"""The parts of a cell: one, or the headings of a group and of its column."""


@dataclass(slots=True)
class CellArea:
    """A cell, which covers rows `top` to `bottom` and columns `left` to `right` (exclusive)."""

    top: int
    bottom: int
    left: int
    right: int
    pieces: list[Piece] = field(default_factory=list)
    colour: int = -1  # of its background; -1 if it has none

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def bold(self) -> bool:
        return all(piece.bold for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table, which replaces the lines with the indices `lines` on its page."""

    lines: frozenset[int]
    box: Box
    edges: tuple[float, ...]  # of its columns, from left to right
    header: tuple[Cell, ...]  # empty if the table has none of its own
    rows: tuple[tuple[Cell, ...], ...]
    doubts: tuple[str, ...] = ()
    ruled: bool = True
    marked: bool = False  # the header differs from the rows in style

    def markdown(self, join: Join) -> str:
        """Return the table in Markdown; the header row is empty if it has no header."""
        header = self.header or ((),) * self.width
        rows = [_markdown_row(row, join) for row in (header, *self.rows)]
        rows.insert(1, "|" + " --- |" * len(header))
        return "\n".join(rows)

    def plain(self, join: Join) -> str:
        """Return the rows as lines of text, without cells."""
        rows = [self.header, *self.rows] if self.header else self.rows
        texts = ("  ".join(filter(None, (_cell_text(c, join) for c in row))) for row in rows)
        return "\n".join(filter(None, texts))

    @property
    def width(self) -> int:
        return len(self.edges) - 1

    def continued_by(self, table: PageTable) -> PageTable:
        """Return a table of the next page with the header of this one, if it continues it."""
        if not self.header or not self._has_columns_of(table):
            return table
        if table.marked and not self._has_header_of(table):
            return table
        unmarked = table.header and not table.marked
        rows = self._named((table.header, *table.rows) if unmarked else table.rows)
        doubts = (set(table.doubts) - {"header", "names"}) | ({"header"} & set(self.doubts))
        doubts |= find_doubts(self.header, rows, ruled=self.ruled)
        return replace(table, header=self.header, rows=rows, doubts=tuple(sorted(doubts)))

    def completed_by(self, table: PageTable) -> PageTable:
        """Return this table with the rest of its last name, where that begins the next page."""
        if not (self.rows and table.rows) or not self._has_columns_of(table):
            return self
        name, first = self.rows[-1][0], table.header or table.rows[0]
        rest = first[0]
        if not name or not rest or table.marked or not _text_of(rest)[:1].islower():
            return self
        row = ((*name[:-1], name[-1] + rest[0]), *self.rows[-1][1:])
        return replace(self, rows=(*self.rows[:-1], row))

    def _has_header_of(self, table: PageTable) -> bool:
        return list(map(_text_of, self.header)) == list(map(_text_of, table.header))

    def _named(self, rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[Cell, ...], ...]:
        """Return rows of the next page with the name of the last row where that goes on there.

        A merged name covers the first rows of the next page, which have none; a row that the end
        of the page cuts goes on in small letters.
        """
        name = self.rows[-1][0] if self.rows else ()
        found = list(rows)
        for index, row in enumerate(found if name else ()):
            begun = not index and row[0] and _text_of(row[0])[:1].islower()
            if row[0] and not begun:
                break
            found[index] = ((*name[:-1], name[-1] + row[0][0]) if begun else name, *row[1:])
        return tuple(found)

    def _has_columns_of(self, table: PageTable) -> bool:
        """Tell whether a table has the columns of this one; the text alone places them roughly."""
        if self.width != table.width:
            return False
        pairs = list(zip(self.edges, table.edges, strict=True))
        if self.ruled and table.ruled:
            return all(abs(one - other) <= 6 for one, other in pairs)
        middles = [(a + b) / 2 for a, b in pairwise(self.edges)]
        inner = zip(middles[:-1], table.edges[1:-1], middles[1:], strict=True)
        return abs(pairs[0][0] - pairs[0][1]) <= 12 and all(a < edge < b for a, edge, b in inner)


def _markdown_row(row: Sequence[Cell], join: Join) -> str:
    cells = (_cell_text(cell, join).replace("|", r"\|") for cell in row)
    return "| " + " | ".join(cells) + " |"


def _cell_text(cell: Cell, join: Join) -> str:
    parts = (join(p.marked + (CUT if p.cut else "") for p in part) for part in cell)
    return GROUP.join(filter(None, parts))


def _text_of(cell: Cell) -> str:
    return " ".join(piece.text for part in cell for piece in part)


def is_number(text: str) -> bool:
    """Tell whether the text of a cell is a number, with or without a unit."""
    return NUMBER.match(text.strip()) is not None


def is_value(text: str) -> bool:
    """Tell whether the text of a cell is a number, or says that there is none."""
    return is_number(text) or text.strip().casefold() in {*"-–—/", "nc", "n.c.", "nd", "n.d."}


def is_year(text: str) -> bool:
    return _YEAR.match(text.strip()) is not None


@dataclass(slots=True)
class Grid:
    """Cells of a table as found on the page, in rows and columns."""

    regions: list[CellArea]
    edges: list[float]  # of the columns
    doubts: set[str] = field(default_factory=set)
    ruled: bool = True
    rows: int = 0
    _begun: dict[int, list[CellArea]] = field(default_factory=dict)  # the cells of each row

    def __post_init__(self) -> None:
        self.compact()

    @property
    def width(self) -> int:
        return len(self.edges) - 1

    def compact(self) -> None:
        """Drop the rows and columns in which no cell begins, and the narrow ones without text."""
        filled = [region for region in self.regions if region.pieces]
        tops = sorted({region.top for region in filled})
        alone = {r.left for r in filled if r.right == r.left + 1}
        wide = {r.left for r in self.regions if r.right == r.left + 1}
        wide = {i for i in wide if self.edges[i + 1] - self.edges[i] >= MIN_COLUMN}
        lefts = sorted(alone | wide | {region.left for region in filled})
        lefts = [
            left
            for left, right in pairwise([*lefts, len(self.edges) - 1])
            if left in alone or self.edges[right] - self.edges[left] >= MIN_COLUMN
        ]
        for region in self.regions:
            region.bottom = bisect_left(tops, region.bottom)
            region.top = bisect_left(tops, region.top)
            region.right = bisect_left(lefts, region.right)
            region.left = bisect_left(lefts, region.left)
            if region.pieces and region.left == region.right:
                region.left -= region.left == len(lefts)
                region.right = region.left + 1
        self.regions = [r for r in self.regions if r.top < r.bottom and r.left < r.right]
        self.edges = [self.edges[left] for left in lefts] + self.edges[-1:]
        self.rows = len(tops)
        self.index()

    def begun(self, number: int) -> list[CellArea]:
        """Return the cells that begin in a row, from left to right, empty ones as well."""
        return self._begun.get(number, [])

    def row(self, number: int) -> list[CellArea]:
        """Return the cells with text that begin in a row, from left to right."""
        return [region for region in self.begun(number) if region.pieces]

    def index(self) -> None:
        """Look the cells of each row up anew, after they have changed."""
        self._begun = defaultdict(list)
        for region in sorted(self.regions, key=lambda region: region.left):
            self._begun[region.top].append(region)

    def part(self, first: int, last: int) -> Grid:
        """Return the rows from `first` to `last` (exclusive)."""
        regions = [
            replace(region, top=region.top - first, bottom=min(region.bottom, last) - first)
            for region in self.regions
            if first <= region.top < last
        ]
        return Grid(regions, list(self.edges), set(self.doubts), self.ruled)


def tables_of(grid: Grid) -> Iterator[PageTable]:
    """Yield the tables of a grid: rows that span it, and headings between its rows, divide it."""
    if grid.ruled:
        split_merged_rows(grid)
    first = 0
    for number in [*_dividing_rows(grid)[:MAX_PARTS], grid.rows]:
        part = grid.part(first, number)
        if part.rows and part.width > 1 and (table := _table(part)) is not None:
            yield table
        first = number


Style = tuple[bool, int, float]
"""Bold, colour of the background, font size: what tells headings from values."""


def _style(row: Sequence[CellArea]) -> Style:
    """Return the style of a row, its first column left out if there are others."""
    cells = [region for region in row if region.left > 0] or list(row)
    colour = Counter(region.colour for region in cells).most_common(1)[0][0]
    size = median(piece.size for region in cells for piece in region.pieces)
    return all(region.bold for region in cells), colour, round(size)


def _has_numbers(row: Sequence[CellArea]) -> bool:
    """Tell whether a row has numbers other than years, its first column left out."""
    texts = [region.text for region in row if region.left > 0]
    return any(is_number(text) and not is_year(text) for text in texts)


def _spans(grid: Grid, number: int) -> bool:
    """Tell whether a row is a single cell over all columns."""
    row = grid.row(number)
    return len(row) == 1 and row[0].right - row[0].left == grid.width > 1


def _dividing_rows(grid: Grid) -> list[int]:
    """Return the rows, other than the first, in which the heading of another table begins."""
    rows = [grid.row(number) for number in range(grid.rows)]
    styles = [_style(row) for row in rows if len(row) > 1]
    if len(styles) < 3:
        return []
    usual = Counter(styles).most_common(1)[0]
    if usual[1] <= len(styles) / 2:
        return []
    headings = [
        len(row) > 1
        and _is_marked(_style(row), usual[0])
        and styles.count(_style(row)) <= 0.34 * len(styles)
        and all(re.search(r"[^\W\d_]", region.text) for region in row)
        and not _has_numbers(row)
        for row in rows
    ]
    whole = [
        headings[i] and sum(r.right - r.left for r in rows[i]) >= max(2, grid.width - 1)
        for i in range(grid.rows)
    ]
    begins = [i for i in range(1, grid.rows) if whole[i] and not headings[i - 1]]
    begins = [i - 1 if i > 1 and _spans(grid, i - 1) else i for i in begins]
    colours = {_style(rows[i])[1] for i in range(grid.rows) if headings[i]} - {usual[0][1]}
    lone = [i for i in range(1, grid.rows) if _is_lone_heading(grid, i, colours)]
    return sorted({*begins, *lone})


def _is_lone_heading(grid: Grid, number: int, colours: set[int]) -> bool:
    """Tell whether a row in the colour of the headings has a text in its first column only."""
    row = grid.row(number)
    if len(row) != 1 or row[0].colour not in colours:
        return False
    return row[0].right < grid.width < 2 * len(grid.begun(number))


def _is_marked(style: Style, usual: Style) -> bool:
    """Tell whether a style sets a heading off from the usual style of the cells."""
    bolder = style[0] and not usual[0]
    coloured = style[1] != usual[1] and style[1] not in {-1, 0xFFFFFF}
    return bolder or coloured or style[2] > usual[2]


def _table(grid: Grid) -> PageTable | None:
    """Build the table of a grid; None if it is none."""
    first, last, unit = 0, grid.rows, False
    while first < last and _spans(grid, first):
        if _UNIT_ROW.match(grid.row(first)[0].text) and last - first > 2:
            unit = True
            break
        first += 1
    while last > first and _spans(grid, last - 1):
        last -= 1
    grid = grid.part(first, last)
    if grid.rows < 1 or grid.width < 2 or not is_table(grid):
        return None
    headers, certain, marked = _count_header_rows(grid, unit)
    if not certain:
        grid.doubts.add("header")
    last = grid.row(headers - 1) if headers and not grid.ruled else []
    if any(region.right - region.left > 1 for region in last):
        grid.doubts.add("header")
    header = _header(grid, headers)
    body = _body(grid, headers)
    table_doubts = sorted(grid.doubts | find_doubts(header, body, ruled=grid.ruled))
    pieces = [piece for region in grid.regions for piece in region.pieces]
    box = (
        min(grid.edges[0], *(piece.x0 for piece in pieces)),
        min(piece.baseline - piece.size for piece in pieces),
        max(grid.edges[-1], *(piece.x1 for piece in pieces)),
        max(piece.baseline + 0.3 * piece.size for piece in pieces),
    )
    lines = frozenset(piece.line for piece in pieces)
    return PageTable(
        lines, box, tuple(grid.edges), header, body, tuple(table_doubts), grid.ruled, marked
    )


def _count_header_rows(grid: Grid, unit: bool) -> tuple[int, bool, bool]:
    """Return how many rows are headings, whether that is certain, and whether style marks them."""
    top = grid.row(0)
    rest = [row for number in range(1, grid.rows) if len(row := grid.row(number)) > 1]
    style, styles = _style(top), [_style(row) for row in rest]
    if not rest:
        marked = style[0] or style[1] not in {-1, 0xFFFFFF}
        marked = marked and len(top) > 1 and not _has_numbers(top)
        return int(marked), True, marked
    usual = Counter(styles).most_common(1)[0][0]
    marked = unit or (_is_marked(style, usual) and styles.count(style) <= 0.34 * len(styles))
    if len(top) < 2 or (marked and not (unit or style[0]) and _has_numbers(top)):
        marked = False
    count, certain = (1, True) if marked else _header_by_numbers(grid)
    if not certain and style[1] not in {-1, 0xFFFFFF} and all(other == style for other in styles):
        count, certain = (
            0,
            True,
        )  # colours that do not tell a first row tell that there is no heading
    while 0 < count < min(grid.rows - 1, MAX_HEADER_ROWS):
        row, before = grid.row(count), grid.row(count - 1)
        spanned = any(r.top < count < r.bottom for r in grid.regions if r.pieces)
        grouped = any(r.right - r.left > 1 for r in before)
        same = marked and _style(row) == style
        if not (grouped or spanned or same) or (_has_numbers(row) and not (same and grouped)):
            break
        count += 1
    return count, certain, marked


def _header_by_numbers(grid: Grid) -> tuple[int, bool]:
    """Tell from the columns of numbers whether the first row holds headings."""
    columns = _texts_by_column(grid)
    numeric = [
        texts
        for texts in columns[1:]
        if _share(map(is_number, filter(None, texts[1:]))) >= MIN_NUMERIC
    ]
    heads = [texts[0] for texts in numeric]
    if any(head and is_number(head) and not is_year(head) for head in heads):
        return 0, True
    if numeric and sum(map(bool, heads)) >= 0.5 * len(heads):
        years = [head for head in heads if is_year(head)]
        values = [text for texts in numeric for text in texts[1:] if text]
        return 1, not (years and all(map(is_year, values)))
    first = [texts[0] for texts in columns]
    others = [sum(map(len, row)) for row in list(zip(*columns, strict=True))[1:]]
    short = (
        all(first)
        and max(map(len, first)) <= MAX_PLAIN_HEADING
        and sum(map(len, first)) < mean(others)
    )
    return int(short), short


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _texts_by_column(grid: Grid) -> list[list[str]]:
    """Return the texts of each column, from top to bottom; merged cells are repeated downwards."""
    columns = [[""] * grid.rows for _ in range(grid.width)]
    for region in grid.regions:
        for row in range(region.top, region.bottom):
            columns[region.left][row] = region.text
    return columns


def _header(grid: Grid, count: int) -> tuple[Cell, ...]:
    """Return the headings of the columns; that of a group stands before those of its columns."""
    cells: list[list[list[Piece]]] = [[] for _ in range(grid.width)]
    grouped = [False] * grid.width
    for region in sorted(grid.regions, key=lambda region: region.top):
        if region.top >= count or not region.pieces:
            continue
        for column in range(region.left, region.right):
            if cells[column] and not grouped[column]:
                cells[column][-1] += region.pieces
            else:
                cells[column].append(list(region.pieces))
            grouped[column] = region.right - region.left > 1
    return tuple(tuple(map(tuple, cell)) for cell in cells) if count else ()


def _body(grid: Grid, headers: int) -> tuple[tuple[Cell, ...], ...]:
    """Return the rows below the headings; a merged cell is repeated, but for a wide label."""
    rows: list[list[Cell]] = [[()] * grid.width for _ in range(grid.rows - headers)]
    for region in grid.regions:
        if not region.pieces or region.bottom <= headers:
            continue
        last = region.right if region.left else region.left + 1
        for row in range(max(region.top, headers), region.bottom):
            for column in range(region.left, last):
                rows[row - headers][column] = (tuple(region.pieces),)
    return tuple(map(tuple, rows))


def is_table(grid: Grid) -> bool:
    """Tell a table from prose, lists and formulas that stand in frames or in columns."""
    texts = [region.text for region in grid.regions if region.pieces]
    lengths = [len(text) for text in texts]
    average = mean(lengths)
    if max(lengths) > MAX_LONG_CELL:
        return False
    if average > (MAX_MEAN_CELL if grid.width > 2 else MAX_MEAN_CELL_OF_TWO):
        return False
    covered = sum((r.bottom - r.top) * (r.right - r.left) for r in grid.regions if r.pieces)
    if covered < 0.3 * grid.rows * grid.width:
        return False
    if _share(_FORMULA.search(text) is not None for text in texts) >= 0.3:
        return False
    first = [r.text for r in grid.regions if r.pieces and r.left == 0]
    if grid.width == 2 and first and _share(_MARK.match(text) is not None for text in first) > 0.6:
        return any(map(is_number, (r.text for r in grid.regions if r.left == 1)))
    if grid.width == 2 and _are_contents(grid):
        return False
    numbers = any(map(is_number, texts))
    return numbers or grid.rows > 2 or average <= (80 if grid.width == 2 else MAX_MEAN_CELL_OF_TWO)


def _are_contents(grid: Grid) -> bool:
    """Tell whether the rows are titles with the numbers of their pages."""
    names, pages = _texts_by_column(grid)
    numbers = [int(page) for page in pages if page.isdecimal() and len(page) < 5]
    return (
        len(numbers) >= 2
        and len(numbers) == sum(map(bool, pages))
        and all(before <= after for before, after in pairwise(numbers))
        and not any(map(is_number, names))
        and sum(map(len, names)) > 18 * len(names)
    )


def find_doubts(
    header: Sequence[Cell], body: Sequence[Sequence[Cell]], *, ruled: bool = True
) -> set[str]:
    """Return the reasons for which the cells of a table cannot be told apart with certainty."""
    doubts: set[str] = set()
    if not body:
        return doubts
    if not header and len(body[0]) > 2:
        doubts.add("header")
    filled = [[bool(cell) for cell in row] for row in body]
    if _share(cell for row in filled for cell in row) < 0.4:
        doubts.add("sparse")
    unnamed = sum(not row[0] and sum(row) > 0 for row in filled)
    if unnamed > (MAX_UNNAMED * len(body) if ruled else 0):
        doubts.add("names")
    if any(_holds_two_values(part) for row in body for cell in row for part in cell):
        doubts.add("merged")
    if header and sum(map(bool, header)) < (0.5 if ruled else 0.99) * (len(header) - 1):
        doubts.add("header")
    return doubts


def _holds_two_values(pieces: Sequence[Piece]) -> bool:
    """Tell whether a cell holds numbers that stand apart on one line."""
    if any(_TWO_NUMBERS.search(piece.text) for piece in pieces):
        return True
    return any(
        abs(one.baseline - other.baseline) < 2
        and other.x0 - one.x1 > one.size
        and is_number(one.text)
        and is_number(other.text)
        for one, other in pairwise(pieces)
    )


def split_merged_rows(grid: Grid) -> None:
    """Divide the rows that hold several rows of values, where no rule stands between."""
    for row in range(grid.rows - 1, -1, -1):
        regions = [r for r in grid.row(row) if r.bottom == row + 1]
        cells = [group_by_line(region.pieces) for region in regions]
        if not (_are_values(cells) or _are_entries(cells)):
            continue
        columns = {piece: r.left for r in regions for piece in r.pieces}
        lines = group_by_line([piece for region in regions for piece in region.pieces])
        groups, certain = group_lines(lines, columns.__getitem__, len(regions))
        if not certain or len(groups) < 2 or regions[0].left > 0:
            grid.doubts.add("merged")
            continue
        _insert_rows(grid, row, len(groups) - 1)
        for region in regions:
            grid.regions.remove(region)
            for index, group in enumerate(groups):
                inside = [
                    piece for line in group for piece in line if columns[piece] == region.left
                ]
                part = replace(region, top=row + index, bottom=row + index + 1, pieces=inside)
                grid.regions.append(part)
        grid.rows += len(groups) - 1
    grid.index()


def group_by_line(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Group pieces on one baseline, from top to bottom and from left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.baseline, piece.x0)):
        if lines and piece.baseline - lines[-1][0].baseline < 0.45 * piece.size:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda piece: piece.x0)
    return lines


def _are_values(cells: Sequence[Sequence[Sequence[Piece]]]) -> bool:
    """Tell whether cells hold one number on each of several lines: two, or one of many lines."""
    counts = [
        len(lines)
        for lines in cells
        if len(lines) > 1 and all(is_value(" ".join(p.text for p in line)) for line in lines)
    ]
    return max(counts, default=0) > 2 or (len(counts) > 1 and len(set(counts)) == 1)


def _are_entries(cells: Sequence[Sequence[Sequence[Piece]]]) -> bool:
    """Tell whether two cells hold several short lines, at least three, that each begin anew."""
    several = [
        lines
        for lines in cells
        if len(lines) > 2
        and all(len(line[0].text) <= 40 and line[0].text[:1] != "(" for line in lines)
        and not any(line[0].text[:1].islower() for line in lines)
    ]
    return len(several) > 1


def group_lines(
    lines: Sequence[list[Piece]], column_of: Callable[[Piece], int], width: int
) -> tuple[list[list[list[Piece]]], bool]:
    """Group the lines of a table into rows, whose cells may have several lines.

    Lines of one row stand closer to each other than rows do. The distance that separates rows is
    the one that leaves the fewest rows with two numbers in a column, without a name or with few
    cells. Return the rows, and whether all of them are sound.
    """
    steps = [b[0].baseline - a[0].baseline for a, b in pairwise(lines)]
    limits = [0.0]
    for step in sorted(steps):
        if step > 1.08 * limits[-1] + 0.3:
            limits.append(step)
        else:
            limits[-1] = step
    best: tuple[float, list[list[list[Piece]]]] | None = None
    for limit in limits[:MAX_LIMITS]:
        groups = [[lines[0]]]
        for line, step in zip(lines[1:], steps, strict=True):
            if step <= limit + 0.1:
                groups[-1].append(line)
            else:
                groups.append([line])
        cost = sum(_cost(group, column_of, width) for group in groups)
        cost += 3.0 * (len(groups) == 1 < len(lines) - 1)
        if best is None or cost < best[0]:
            best = cost, groups
    assert best is not None
    return best[1], best[0] <= 0.12 * len(best[1]) + 0.5


def _cost(group: Sequence[Sequence[Piece]], column_of: Callable[[Piece], int], width: int) -> float:
    """Return how unlike one row of a table a group of lines is; 0 if it is like one."""
    pieces = [piece for line in group for piece in line]
    columns = {column_of(piece) for piece in pieces}
    numbers = Counter(column_of(piece) for piece in pieces if is_number(piece.text))
    repeated = sum(times - 1 for times in numbers.values())
    named = 0 in columns
    return 3.0 * repeated + 1.5 * (not named) + (len(columns) < 0.6 * width)


def _insert_rows(grid: Grid, row: int, count: int) -> None:
    """Move the rows below `row` down, and lengthen the cells that reach over it."""
    for region in grid.regions:
        if region.top > row:
            region.top += count
        if region.bottom > row + 1 or (region.top < row < region.bottom):
            region.bottom += count
