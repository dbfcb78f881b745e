"""Read Excel workbooks with openpyxl: one page or more per sheet, values as displayed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.office.pictures import draw, office_info, open_office_file
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.pagination import DocumentSummary, build_page, build_table

__all__ = ["check", "draw", "picture", "read"]

ROWS = 60
"""Rows of a sheet per page."""

COLUMNS = 200
MOST_ROWS = 200_000
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]')
_DECIMALS = re.compile(r"\.([0#?]+)")
_THOUSANDS = re.compile(r"[0#?](,+)(?![0#?,])")
_COLOUR = re.compile(r"\[[^$\[\]]*\]|_.|\*.")


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the workbook and return the metadata it states."""
    return _xlsx_info(_open_xlsx(file, limits)).info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the visible sheets, row by row."""
    book = _open_xlsx(file, limits)
    yield from _xlsx_info(book).document(_xlsx_pages(book, progress))


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def _open_xlsx(file: str, limits: Limits) -> Any:
    return open_office_file(file, limits, _workbook, InvalidFileException)


def _workbook(file: str) -> Any:
    content = Path(file).open("rb")  # noqa: SIM115  used until the process ends
    return openpyxl.load_workbook(content, read_only=True, data_only=True, keep_links=False)


def _xlsx_info(book: Any) -> DocumentSummary:
    return office_info(book.properties, book.properties.creator)


def _xlsx_pages(book: Any, progress: Progress) -> Iterator[PageText]:
    number = 0
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for done, sheet in enumerate(sheets, 1):
        title = repair_text(sheet.title)
        for blocks in _sheet(sheet):
            number += 1
            yield build_page(number, [Block("heading", title, 1), *blocks])
        progress(done, len(sheets))


def _sheet(sheet: Any) -> Iterator[list[Block]]:
    """Yield the blocks of each page of a sheet; a table that continues repeats its header."""
    pending: list[Block] = []
    rows_left = ROWS
    for area in _areas(_sheet_rows(sheet)):
        wide = max(sum(map(bool, row)) for row in area) > 1
        if not wide:
            pending += [Block("paragraph", " ".join(filter(None, row))) for row in area]
            continue
        title_rows = _title_row_count(area)
        pending += [Block("paragraph", " ".join(filter(None, row))) for row in area[:title_rows]]
        header, rows = area[title_rows], area[title_rows + 1 :]
        for first in range(0, max(len(rows), 1), ROWS):
            part = rows[first : first + ROWS]
            if pending and rows_left < len(part):
                yield pending
                pending, rows_left = [], ROWS
            block = build_table([header, *part])
            if block is not None:
                pending.append(block)
            rows_left -= len(part)
    if pending:
        yield pending


def _title_row_count(area: list[list[str]]) -> int:
    """Return the number of rows with a single cell, such as a title, before the header."""
    return next((i for i, row in enumerate(area) if sum(map(bool, row)) > 1), 0)


def _areas(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """Split rows into areas at empty rows."""
    area: list[list[str]] = []
    for row in rows:
        if any(row):
            area.append(row)
        elif area:
            yield area
            area = []
    if area:
        yield area


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # the stated size may be wrong
    previous = 0
    for count, row in enumerate(sheet.iter_rows(max_col=COLUMNS)):
        if count > MOST_ROWS:
            raise ReadError("too_much_text", {"rows": count})
        texts = [_format_cell(cell) for cell in row]
        row_number = next((cell.row for cell in row if getattr(cell, "row", None)), previous + 1)
        if row_number > previous + 1:
            yield []
        previous = row_number
        yield texts


def _format_cell(cell: Any) -> str:
    """Return a value as the sheet displays it: decimals, unit, date."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "VRAI" if value else "FAUX"
    if isinstance(value, dt.datetime):
        day = value.strftime("%d/%m/%Y")
        return day if value.time() == dt.time() else f"{day} {value:%H:%M}"
    if isinstance(value, dt.date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, int | float):
        return number_as_shown(value, str(cell.number_format or "General"))
    return repair_text(str(value))


def number_as_shown(value: float, form: str) -> str:
    """Format a number in French as its number format displays it: percentage, decimals, unit.

    Digits that the format hides are left out.
    """
    part = form.split(";")[0]
    literals = "".join(a or b or c for a, b, c in _LITERAL.findall(part)).strip()
    bare = _COLOUR.sub("", _LITERAL.sub("", part))
    if "%" in bare:
        value *= 100
    if scaled := _THOUSANDS.search(bare):
        value /= 1000 ** len(scaled.group(1))
    decimals = _DECIMALS.search(bare)
    if bare.lower() in ("general", "@", "") or not re.search("[0#]", bare):
        text = f"{value:.10g}" if abs(value) < 1e15 else f"{value:.6e}"
    elif "e+" in bare.lower():
        text = f"{value:.{len(decimals.group(1)) if decimals else 0}e}"
    else:
        text = f"{value:,.{len(decimals.group(1)) if decimals else 0}f}"
        text = _strip_optional_zeros(text, decimals.group(1) if decimals else "")
    text = text.replace(",", " ").replace(".", ",")
    unit = "%" if "%" in bare else literals or next((c for c in "€$£" if c in bare), "")
    return f"{text} {unit}".strip()


def _strip_optional_zeros(text: str, decimals: str) -> str:
    """Drop trailing zeros in the optional decimals (`#`) of the format."""
    for place in reversed(decimals):
        if place == "0" or not text.endswith("0"):
            break
        text = text[:-1]
    return text.rstrip(".")
