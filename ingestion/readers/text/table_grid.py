"""Lay out tables with merged cells and headings of several rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.readers import Block
from ingestion.readers.text.pagination import build_table

MAX_SPAN = 1_000
MAX_GRID = 2_000_000
MAX_HEADING_ROWS = 4
_YEAR = re.compile(r"(?:19|20)\d\d\b")
_AMOUNT = re.compile(r"[-+−(]?\d[\d\s.,]*")
_VALUE = re.compile(
    r"[-+−(<>≤≥≈~]{0,2}\s?\d[\d\s.,]{0,30}\)?\s?(?:[^\W\d][\w²³⁻¹°./·]{0,11}|[%€°]\w?)?\Z"
)
_EXACT = re.compile(r"\d[,.]\d|\d\s\d{3}|%|€")
"""What no number or size in a heading has: decimals, thousands, a percentage, a price."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and over how many columns and rows it extends."""

    text: str
    across: int = 1
    down: int = 1


@dataclass(frozen=True, slots=True)
class FilledTable:
    """A table with every merged cell filled in: `rows` of equal length, its headings first."""

    rows: list[list[str]]
    headings: int
    title: str = ""  # of a first row that is one cell over the whole width

    def blocks(self) -> Iterator[Block]:
        """Yield the title as a caption, then the table, if they have text."""
        if self.title:
            yield Block("caption", self.title)
        block = build_table(self.rows, self.headings)
        if block is not None:
            yield block


def lay_out_table(rows: Sequence[Sequence[Cell]], headings: int = 0) -> FilledTable:
    """Fill in the merged cells of a table.

    A cell over several rows is repeated in each, since each row must be readable alone. A heading
    over several columns is repeated over each; other cells stand in their first column. `headings`
    is the number of heading rows that the document states; 0 if it states none. Then a first row of
    values, as of a list of names with their values, is no heading.
    """
    rows = [row for row in rows if row]
    width = max((sum(_span(cell.across) for cell in row) for row in rows), default=0)
    if width * len(rows) > MAX_GRID:
        width = max(len(row) for row in rows)
        rows = [[Cell(cell.text) for cell in row] for row in rows]
    title = ""
    if headings <= 1 and _is_title_row(rows, width):
        title, rows, headings = rows[0][0].text, rows[1:], 0
    headings = min(headings or _heading_rows(rows), max(len(rows) - 1, 1))
    filled: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column: how many more rows a cell fills, its text
    for number, row in enumerate(rows):
        filled.append(_fill_row(row, below, is_heading=number < headings))
    return FilledTable(filled, headings, title)


def _is_title_row(rows: Sequence[Sequence[Cell]], width: int) -> bool:
    """Tell whether the first row is one cell over the whole width of a table."""
    if len(rows) < 3 or width < 2 or len(rows[0]) != 1:
        return False
    first = rows[0][0]
    wide = first.down == 1 and _span(first.across) >= width
    return wide and any(len(row) > 1 for row in rows[1:])


def _fill_row(
    row: Sequence[Cell], below: dict[int, tuple[int, str]], *, is_heading: bool
) -> list[str]:
    texts: list[str] = []
    for cell in row:
        _fill_from_above(texts, below)
        for offset in range(_span(cell.across)):
            text = cell.text if offset == 0 or is_heading else ""
            if cell.down > 1:
                below[len(texts)] = _span(cell.down) - 1, text
            texts.append(text)
    _fill_from_above(texts, below)
    return texts


def _fill_from_above(texts: list[str], below: dict[int, tuple[int, str]]) -> None:
    while (found := below.pop(len(texts), None)) is not None:
        left, text = found
        if left > 1:
            below[len(texts)] = left - 1, text
        texts.append(text)


def _span(number: int) -> int:
    return min(max(number, 1), MAX_SPAN)


def _heading_rows(rows: Sequence[Sequence[Cell]]) -> int:
    """Count the heading rows of a table that does not state them: more than one where the first has
    merged cells and those under them read as headings."""
    if len(rows) > 1 and _is_row_of_values(rows[0]) and any(map(_is_row_of_values, rows[1:])):
        return 0
    count = 1
    while count < min(len(rows) - 1, MAX_HEADING_ROWS) and _is_divided(
        rows[count - 1], rows[count]
    ):
        count += 1
    return count


def _is_row_of_values(row: Sequence[Cell]) -> bool:
    """Tell a name and its values, as in "Surface | 1 200 m²", from headings."""
    if len(row) < 2 or any(cell.across > 1 for cell in row) or not _has_letter(row[0].text):
        return False
    texts = [cell.text for cell in row[1:] if cell.text]
    if not texts or not all(_VALUE.match(text) and not _is_year(text) for text in texts):
        return False
    return len(row) == 2 or any(map(_EXACT.search, texts))


def _is_year(text: str) -> bool:
    return _YEAR.match(text) is not None and len(text) <= 9


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _is_divided(row: Sequence[Cell], following: Sequence[Cell]) -> bool:
    """Tell whether a row of headings goes on in the next one, which names its merged columns."""
    if not any(cell.across > 1 and cell.text for cell in row):
        return False
    if any(cell.across > 1 and cell.across >= sum(c.across for c in row) for cell in row):
        return False
    texts = [cell.text for cell in following if cell.text]
    amounts = sum(bool(_AMOUNT.match(text)) and not _YEAR.match(text) for text in texts)
    return len(texts) > 1 and not amounts
