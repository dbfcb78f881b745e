"""Read CSV and TSV: tables of `ROWS` rows a page under their header, the text above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.delimited import (
    Row,
    continues_table,
    count_header_rows,
    find_dialect,
    split_rows,
)
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.pagination import (
    MAX_CELLS,
    DocumentSummary,
    build_page,
    build_table,
)

ROWS = 60
"""Rows of a table per page."""


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the tables, which blank lines separate; each page repeats the header."""
    text = decode_text(Path(file).read_bytes())
    dialect = find_dialect(text)
    if dialect is None:
        raise ReadError("unreadable", {"reason": "no table"})
    pages = (
        build_page(number, blocks)
        for number, blocks in enumerate(_page_blocks(split_rows(text, dialect)), 1)
    )
    yield from DocumentSummary().document(pages)


def _page_blocks(rows: Iterator[Row]) -> Iterator[list[Block]]:
    """Yield the blocks of each page; what precedes a table stands on its first page."""
    pending: list[Block] = []
    cells = 0
    for area in _areas(rows):
        cells += sum(map(len, area))
        if cells > MAX_CELLS:
            raise ReadError("too_much_text", {"cells": cells})
        while area and len([cell for cell in area[0] if cell.strip()]) == 1:
            pending.append(Block("paragraph", repair_text(" ".join("".join(area.pop(0)).split()))))
        for table in _tables(area):
            yield [*pending, table]
            pending = []
    if pending:
        yield pending


def _areas(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Group the rows between blank ones; a table may go on after one."""
    area: list[Row] = []
    blank = False
    for row in rows:
        if row and blank and area and not continues_table(area, [row]):
            yield area
            area = []
        blank = not row
        if row:
            area.append(row)
    if area:
        yield area


def _tables(rows: Sequence[Row]) -> Iterator[Block]:
    """Build the tables of an area, `ROWS` rows each, with the same columns and header."""
    headers = count_header_rows(rows)
    width = max(map(len, rows), default=0)
    kept = [i for i in range(width) if any(i < len(row) and row[i].strip() for row in rows)]
    filled = [[row[i] if i < len(row) else "" for i in kept] for row in rows]
    for start in range(headers, max(len(filled), headers + 1), ROWS):
        block = build_table(filled[:headers] + filled[start : start + ROWS], headers)
        if block is not None:
            yield block


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")
