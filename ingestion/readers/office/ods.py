"""Read OpenDocument workbooks: one page or more per sheet, with the values as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, Remark
from ingestion.readers.office.formulas import FormulaValues, NotComputed, Value
from ingestion.readers.office.guard import unread
from ingestion.readers.office.number_format import format_value, iso_date
from ingestion.readers.office.odf import OFFICE, TABLE, TEXT, OdfFile, count_of
from ingestion.readers.office.odf_text import OdfWalk, is_shape
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.office.sheet import COLUMNS, MAX_CELLS, MAX_ROWS, Merge, SheetGrid
from ingestion.readers.text.pagination import Item, build_page

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

MAX_REPEATED = 200
"""Rows or columns with the same content that are read."""

MAX_DEPTH = 20
_HIDDEN = frozenset({"collapse", "filter"})
_REFERENCE = re.compile(
    r"\[(?:\$?(?P<sheet>'(?:[^']|'')+'|[^.\]:]+))?\.(?P<first>\$?[A-Z]{1,3}\$?\d+)"
    r"(?::(?:[^.\]]*)\.(?P<last>\$?[A-Z]{1,3}\$?\d+))?\]"
)


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the workbook and return the metadata it states."""
    return OdfFile.open(file, limits).summary().info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the visible sheets, row by row."""
    opened = OdfFile.open(file, limits)
    yield from opened.summary().document(_OdsBook.of(opened).pages(progress))


class _OdsCell(NamedTuple):
    """A cell as the file states it."""

    text: str  # as it is shown
    value: Value
    formula: str  # without a kept value; `""` for any other cell


@dataclass(slots=True)
class _Sheet:
    title: str
    element: _Element
    is_hidden: bool
    cells: dict[tuple[int, int], _OdsCell] = field(default_factory=dict)
    grid: SheetGrid = field(default_factory=SheetGrid)
    items: list[Item] = field(default_factory=list)  # remarks, then what is drawn on the sheet
    column_styles: dict[int, str] = field(default_factory=dict)
    row: int = 0
    is_read: bool = False


@dataclass(slots=True)
class _OdsBook:
    walk: OdfWalk
    sheets: list[_Sheet]
    formulas: FormulaValues = field(default_factory=FormulaValues)
    cells_left: int = MAX_CELLS

    @classmethod
    def of(cls, opened: OdfFile) -> _OdsBook:
        sheets = []
        for table in opened.body("spreadsheet").iterchildren(TABLE + "table"):
            style = opened.style("table", table.get(TABLE + "style-name"))
            title = str(table.get(TABLE + "name") or "")
            sheets.append(_Sheet(title, table, bool(style.is_hidden)))
        return cls(OdfWalk(opened), sheets)

    def pages(self, progress: Progress) -> Iterator[PageText]:
        """Yield the pages of the visible sheets."""
        number = 0
        waiting: list[Item] = [unread(name) for name in self.walk.file.unread]
        if hidden := sum(sheet.is_hidden for sheet in self.sheets):
            waiting.append(Remark("hidden_text", hidden))
        for done, sheet in enumerate(self.sheets, 1):
            if sheet.is_hidden:
                continue
            self.walk.guard.counts["sheet"] = done - 1
            for page in self.walk.guard.read("sheet", lambda one=sheet: self._sheet(one)):  # type: ignore[misc]
                items = [page] if isinstance(page, Remark) else page
                if any(isinstance(item, Block) for item in items):
                    number += 1
                    yield build_page(number, [Block("heading", sheet.title, 1), *waiting, *items])
                    waiting = []
                else:
                    waiting += items
            progress(done, len(self.sheets))
        if waiting:
            yield build_page(number + 1, waiting)

    def _sheet(self, sheet: _Sheet) -> Iterator[list[Item]]:
        """Yield the items of each page of a sheet."""
        self._load(sheet)
        unknown = 0
        for (row, column), cell in sheet.cells.items():
            text = cell.text
            if cell.formula:
                value = self._computed(sheet, row, column, cell)
                failed = isinstance(value, NotComputed)
                unknown += failed
                text = "=" + cell.formula if isinstance(value, NotComputed) else _shown(value)
            sheet.grid.rows.setdefault(row, {})[column] = text
        if unknown:
            sheet.items.append(Remark("formula_without_value", unknown))
        last: list[Item] = []
        for page in sheet.grid.pages():
            if last:
                yield last
            last = [*page]
        yield [*last, *sheet.items]

    def _load(self, sheet: _Sheet) -> None:
        """Read the cells of a sheet, once, for itself and for the formulas of others."""
        if sheet.is_read:
            return
        sheet.is_read = True
        self._columns(sheet)
        self._rows(sheet, sheet.element, 0)
        sheet.items += self.walk.remarks
        self.walk.remarks = []
        shapes = [*self.walk.anchored]
        self.walk.anchored = []
        for group in sheet.element.iterchildren(TABLE + "shapes"):
            shapes += [shape for shape in group if is_shape(shape)]
        for shape in shapes:
            drawn = self.walk.guard.read("object", lambda one=shape: self.walk.shape(one, 0))  # type: ignore[misc]
            sheet.items += [item if isinstance(item, Remark) else item[1] for item in drawn]

    def _columns(self, sheet: _Sheet) -> None:
        column = 0
        for element in sheet.element.iter(TABLE + "table-column"):
            times = count_of(element.get(TABLE + "number-columns-repeated"), COLUMNS)
            if element.get(TABLE + "visibility") in _HIDDEN:
                last = min(column + times, COLUMNS)
                sheet.grid.hidden_columns.update(range(column + 1, last + 1))
            if style := element.get(TABLE + "default-cell-style-name"):
                for number in range(column + 1, min(column + times, COLUMNS) + 1):
                    sheet.column_styles[number] = str(style)
            column += times
            if column > COLUMNS:
                return

    def _rows(self, sheet: _Sheet, parent: _Element, depth: int) -> None:
        for child in parent:
            if child.tag == TABLE + "table-row":
                times = count_of(child.get(TABLE + "number-rows-repeated"), 10**7)
                self._row(sheet, child, times)
                sheet.row += times
            elif depth < MAX_DEPTH and child.tag in (
                TABLE + "table-row-group",
                TABLE + "table-header-rows",
                TABLE + "table-rows",
            ):
                self._rows(sheet, child, depth + 1)

    def _row(self, sheet: _Sheet, row: _Element, times: int) -> None:
        """Read a row and its repetitions."""
        before = len(self.walk.anchored)
        cells = list(self._cells(sheet, row))
        if row.get(TABLE + "visibility") in _HIDDEN:
            del self.walk.anchored[before:]
            last = sheet.row + min(times, MAX_REPEATED)
            sheet.grid.hidden_rows.update(range(sheet.row + 1, last + 1))
            if cells:
                sheet.items.append(Remark("hidden_text"))
            return
        for number in range(sheet.row + 1, sheet.row + min(times, MAX_REPEATED) + 1):
            for column, cell in cells:
                self.cells_left -= 1
                if self.cells_left < 0 or number > MAX_ROWS:
                    mark = unread(f"sheet {self.sheets.index(sheet) + 1}: last rows")
                    if mark not in sheet.items:
                        sheet.items.append(mark)
                    return
                sheet.cells[number, column] = cell

    def _cells(self, sheet: _Sheet, row: _Element) -> Iterator[tuple[int, _OdsCell]]:
        column = 0
        for element in row:
            if element.tag not in (TABLE + "table-cell", TABLE + "covered-table-cell"):
                continue
            times = count_of(element.get(TABLE + "number-columns-repeated"), 10**6)
            if element.tag == TABLE + "table-cell":
                self._merge(sheet, element, column + 1)
                cell = self._cell(element, sheet.column_styles.get(column + 1, ""))
                if cell is not None:
                    last = min(column + min(times, MAX_REPEATED), COLUMNS)
                    for number in range(column + 1, last + 1):
                        if number in sheet.grid.hidden_columns:
                            self.walk.remarks.append(Remark("hidden_text"))
                        else:
                            yield number, cell
            column += times
            if column > COLUMNS:
                return

    def _merge(self, sheet: _Sheet, element: _Element, column: int) -> None:
        across = count_of(element.get(TABLE + "number-columns-spanned"), COLUMNS)
        down = count_of(element.get(TABLE + "number-rows-spanned"), MAX_ROWS)
        if across > 1 or down > 1:
            row = sheet.row + 1
            sheet.grid.merges.append(Merge(row, column, row + down - 1, column + across - 1))

    def _cell(self, element: _Element, column_style: str) -> _OdsCell | None:
        """Return a cell; None if it is empty."""
        stated = (OFFICE + "value-type", TABLE + "formula")
        if not len(element) and all(element.get(name) is None for name in stated):
            return None
        text = self.walk.cell_text(element)
        value, shown = _value(element, text)
        formula = str(element.get(TABLE + "formula") or "")
        has_value = element.get(OFFICE + "value-type") is not None or bool(text)
        if formula and not has_value:
            return _OdsCell("", None, _plain_formula(formula))
        style = self.walk.cell_style(element, column_style)
        if (shown or text) and (style.is_hidden or style.is_struck):
            code = "deleted_text" if style.is_struck else "hidden_text"
            self.walk.remarks.append(Remark(code))
            return None
        if not element.findall(TEXT + "p"):
            text = shown
        if style.data_style in self.walk.file.red_negatives:
            text = _with_sign(text, value)
        return _OdsCell(text, value, "") if text else None

    def _computed(
        self, sheet: _Sheet, row: int, column: int, cell: _OdsCell
    ) -> Value | NotComputed:
        """Compute a formula without a kept value, once."""

        def lookup(name: str, row: int, column: int) -> Value:
            return self._lookup(sheet, name, row, column)

        return self.formulas.value((sheet.title, row, column), cell.formula, lookup)

    def _lookup(self, sheet: _Sheet, name: str, row: int, column: int) -> Value:
        """Return the value of a cell for a formula; raise `NotComputed` if it has none."""
        if name:
            found = next((one for one in self.sheets if one.title == name), None)
            if found is None:
                raise NotComputed(name)
            sheet = found
        self._load(sheet)
        cell = sheet.cells.get((row, column))
        if cell is None:
            return None
        value = self._computed(sheet, row, column, cell) if cell.formula else cell.value
        if isinstance(value, NotComputed):
            raise NotComputed(str(value))
        return value


def _value(element: _Element, text: str) -> tuple[Value, str]:
    """Return the value of a cell, and how it is shown where the file does not keep that."""
    kind = element.get(OFFICE + "value-type")
    if kind in ("float", "percentage", "currency"):
        try:
            number = float(str(element.get(OFFICE + "value")))
        except ValueError:
            return text, text
        form = {"percentage": "0.##%", "currency": "#,##0.00"}.get(kind, "General")
        unit = str(element.get(OFFICE + "currency") or "")
        return number, f"{format_value(number, form)} {unit}".strip()
    if kind == "date":
        return text, iso_date(str(element.get(OFFICE + "date-value") or ""), "General")
    if kind == "boolean":
        true = element.get(OFFICE + "boolean-value") == "true"
        return true, "VRAI" if true else "FAUX"
    if kind == "string":
        return text, str(element.get(OFFICE + "string-value") or "")
    return (text, text) if text else (None, "")


def _with_sign(text: str, value: Value) -> str:
    """Return the text of a number that only its colour shows to be negative with its sign."""
    is_negative = isinstance(value, float) and value < 0 and re.search("[1-9]", text)
    return f"-{text}" if is_negative and not re.search(r"[-−(]", text) else text


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "VRAI" if value else "FAUX"
    return format_value(value, "General") if isinstance(value, float | int) else str(value or "")


def _plain_formula(formula: str) -> str:
    """Return an OpenFormula with its references written as in any spreadsheet: "B2*C2"."""
    bare = re.sub(r"^(?:\w+:)?=?", "", formula[:10_000])

    def plain(match: re.Match[str]) -> str:
        sheet = f"{match['sheet']}!" if match["sheet"] else ""
        last = f":{match['last']}" if match["last"] else ""
        return f"{sheet}{match['first']}{last}"

    return _REFERENCE.sub(plain, bare)
