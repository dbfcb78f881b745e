"""Tables of a PDF page: their headings, their rows and how far they can be trusted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingestion.readers.pdf.rules import Box
from ingestion.readers.pdf.table_cells import Cell, Grid
from ingestion.readers.pdf.table_checks import find_doubts, is_table
from ingestion.readers.pdf.table_headings import (
    count_header_rows,
    dividing_rows,
    header_cells,
    spans_table,
)
from ingestion.readers.pdf.table_rows import split_merged_rows
from ingestion.readers.repair.characters import CUT

Join = Callable[[Iterable[str]], str]

GROUP = " – "
"""Stands between the heading of a group of columns and that of one of them."""

MAX_PARTS = 50
"""Maximum number of tables that headings make of one grid."""

_UNIT_ROW = re.compile(r"\(?(?:en|unités?\s?:)\s[^.]{1,30}\Z", re.IGNORECASE)


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
        own = bool(table.header) and not self._has_header_of(table)
        if own and (table.marked or not self.marked):
            return table
        rows = self._named((table.header, *table.rows) if own else table.rows)
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


def tables_of(grid: Grid) -> Iterator[PageTable]:
    """Yield the tables of a grid: rows that span it, and headings between its rows, divide it."""
    if grid.ruled:
        split_merged_rows(grid)
    first = 0
    for number in [*dividing_rows(grid)[:MAX_PARTS], grid.rows]:
        part = grid.part(first, number)
        if part.rows and part.width > 1 and (table := _table(part)) is not None:
            yield table
        first = number


def _table(grid: Grid) -> PageTable | None:
    """Build the table of a grid; None if it is none."""
    first, last, unit = 0, grid.rows, False
    while first < last and spans_table(grid, first):
        if _UNIT_ROW.match(grid.row(first)[0].text) and last - first > 2:
            unit = True
            break
        first += 1
    while last > first and spans_table(grid, last - 1):
        last -= 1
    grid = grid.part(first, last)
    if grid.rows < 1 or grid.width < 2 or not is_table(grid):
        return None
    headers, certain, marked = count_header_rows(grid, unit)
    if not certain:
        grid.doubts.add("header")
    lowest = grid.row(headers - 1) if headers and not grid.ruled else []
    if any(region.right - region.left > 1 for region in lowest):
        grid.doubts.add("header")
    header = header_cells(grid, headers)
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
