"""The cells of one spreadsheet sheet, laid out as areas, tables and paragraphs.

Shared by the readers of Excel and OpenDocument workbooks, which give the shown text of each cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingestion.readers import Block
from ingestion.readers.text.pagination import Item, build_table
from ingestion.readers.text.table_grid import Cell, lay_out_table

ROWS = 60
"""Rows of a sheet per page."""

SLACK = 10
"""Rows by which a page may be longer, so that a few lines above a table stay with it."""

COLUMNS = 500
MAX_ROWS = 200_000
"""Rows of a workbook that are read; a remark tells that more follow."""

MAX_CELLS = 1_000_000
MAX_MERGED = 2_000_000
_SOURCE = re.compile(r"(?i)(?:sources?|notes?|n\.?b\.?)\b|\*|\(?\d\)|\[\d+\]")
LONG = 60
"""Characters from which a single cell under a table is a sentence about it."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Merged cells: the first row and column, and the last."""

    row: int
    column: int
    last_row: int
    last_column: int


@dataclass(slots=True)
class SheetGrid:
    """The shown text of the visible cells of a sheet, by row and column from 1."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    def pages(self) -> Iterator[list[Item]]:
        """Yield the blocks of each page of the sheet; a table that goes on repeats its header."""
        pending: list[Item] = []
        rows_left = ROWS
        for area in self._areas():
            for block, rows in _area_blocks(area):
                if pending and (rows_left <= 0 or rows_left < rows - SLACK):
                    yield pending
                    pending, rows_left = [], ROWS
                pending.append(block)
                rows_left -= rows
        if pending:
            yield pending

    def _areas(self) -> Iterator[list[list[Cell]]]:
        """Split the sheet at empty rows, then at empty columns between two tables."""
        spans, covered = self._spans()
        merged = {row for (row, _), text in covered.items() if text}
        used = [
            number
            for number in sorted(set(self.rows) | merged)
            if number not in self.hidden_rows
            and (number in merged or any(self.rows[number].values()))
        ]
        start = 0
        for i in range(1, len(used) + 1):
            if i == len(used) or self._is_gap(used[i - 1], used[i]):
                yield from self._split(used[start:i], spans, covered)
                start = i

    def _is_gap(self, row: int, following: int) -> bool:
        """Tell whether a visible row lies between two rows."""
        between = following - row - 1
        return between > len(self.hidden_rows) or any(
            number not in self.hidden_rows for number in range(row + 1, following)
        )

    def _spans(self) -> tuple[dict[tuple[int, int], Merge], dict[tuple[int, int], str]]:
        """Return the merges by their first cell, and the text of the cells that they cover."""
        spans: dict[tuple[int, int], Merge] = {}
        covered: dict[tuple[int, int], str] = {}
        last_row = max(self.rows, default=0)
        for merge in self.merges:
            bottom, right = min(merge.last_row, last_row), min(merge.last_column, COLUMNS)
            size = (bottom - merge.row + 1) * (right - merge.column + 1)
            if size < 2 or len(covered) + size > MAX_MERGED:
                continue
            text = self.rows.get(merge.row, {}).get(merge.column, "")
            spans[merge.row, merge.column] = Merge(merge.row, merge.column, bottom, right)
            for row in range(merge.row, bottom + 1):
                for column in range(merge.column, right + 1):
                    covered[row, column] = text
        for key in spans:
            covered.pop(key, None)
        return spans, covered

    def _split(
        self,
        rows: Sequence[int],
        spans: dict[tuple[int, int], Merge],
        covered: dict[tuple[int, int], str],
    ) -> Iterator[list[list[Cell]]]:
        columns = {
            column
            for row in rows
            for column, text in self.rows.get(row, {}).items()
            if text and column not in self.hidden_columns
        }
        for row, column in spans:
            if columns and rows[0] <= row <= rows[-1] and self.rows.get(row, {}).get(column):
                columns.update(range(column, spans[row, column].last_column + 1))
        columns -= self.hidden_columns
        for group in self._column_groups(rows, sorted(columns)):
            yield [self._cells(row, rows, group, spans, covered) for row in rows]

    def _column_groups(self, rows: Sequence[int], columns: list[int]) -> list[list[int]]:
        """Split columns at empty ones where a table of its own begins: labels, then values."""
        groups: list[list[int]] = []
        for column in columns:
            if groups and all(c in self.hidden_columns for c in range(groups[-1][-1] + 1, column)):
                groups[-1].append(column)
            else:
                groups.append([column])
        tables = (
            len(groups) > 1
            and len(rows) > 1
            and all(len(group) > 1 and self._is_labels(rows, group[0]) for group in groups)
        )
        return groups if tables else [columns]

    def _is_labels(self, rows: Sequence[int], column: int) -> bool:
        texts = [text for row in rows[1:] if (text := self.rows.get(row, {}).get(column))]
        worded = sum(any(map(str.isalpha, text)) for text in texts)
        return 2 * len(texts) >= len(rows) - 1 and 2 * worded > len(texts)

    def _cells(
        self,
        row: int,
        rows: Sequence[int],
        columns: Sequence[int],
        spans: dict[tuple[int, int], Merge],
        covered: dict[tuple[int, int], str],
    ) -> list[Cell]:
        cells: list[Cell] = []
        texts = self.rows.get(row, {})
        for column in columns:
            if (row, column) in covered:
                continue
            merge = spans.get((row, column))
            across = down = 1
            if merge is not None:
                across = sum(merge.column <= c <= merge.last_column for c in columns)
                down = sum(row <= r <= merge.last_row for r in rows) if merge.last_row > row else 1
            cells.append(Cell(texts.get(column, ""), max(across, 1), max(down, 1)))
        return cells


def _area_blocks(area: list[list[Cell]]) -> Iterator[tuple[Block, int]]:
    """Yield the blocks of an area with the number of rows that each takes on a page.

    The title of a table takes none, so that it stands on the page of its first rows.
    """
    filled = [sum(bool(cell.text) for cell in row) for row in area]
    first = next((i for i, count in enumerate(filled) if count > 1), len(area))
    last = len(area)
    while last > first + 1 and filled[last - 1] == 1 and _is_remark(area[last - 1]):
        last -= 1
    for row in area[:first]:
        yield from _paragraph(row, int(first == len(area)))
    if first < len(area):
        table = lay_out_table(area[first:last])
        header, body = table.rows[: table.headings], table.rows[table.headings :]
        if table.title:
            yield Block("caption", table.title), 0
        for start in range(0, max(len(body), 1), ROWS):
            part = body[start : start + ROWS]
            block = build_table([*header, *part], table.headings)
            if block is not None:
                yield block, len(part)
    for row in area[last:]:
        yield from _paragraph(row, 1)


def _paragraph(row: Sequence[Cell], rows: int) -> Iterator[tuple[Block, int]]:
    text = " ".join(cell.text for cell in row if cell.text)
    if text:
        yield Block("paragraph", text), rows


def _is_remark(row: Sequence[Cell]) -> bool:
    """Tell a source or note under a table from a row of it."""
    text = next(cell.text for cell in row if cell.text)
    return len(text) > LONG or _SOURCE.match(text) is not None
