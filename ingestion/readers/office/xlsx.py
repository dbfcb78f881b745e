"""Read Excel workbooks: one page or more per sheet, with the values as they are displayed."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, Remark
from ingestion.readers.office.drawing import DrawingReader, text_items
from ingestion.readers.office.formulas import (
    FormulaValues,
    NotComputed,
    Value,
    column_number,
)
from ingestion.readers.office.guard import ObjectGuard, unread
from ingestion.readers.office.number_format import format_text, format_value, iso_date
from ingestion.readers.office.package import (
    OfficePackage,
    R,
    local_name,
    open_main_part,
    package_summary,
    usual_namespaces,
)
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.office.sheet import COLUMNS, MAX_CELLS, MAX_ROWS, Merge, SheetGrid
from ingestion.readers.office.xlsx_styles import (
    CellStyle,
    CellStyles,
    S,
    is_struck,
    read_styles,
    shift_of,
)
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.raised import Piece, typed_note, write_pieces
from ingestion.readers.text.pagination import Item, build_page

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

MAIN = "xl/workbook.xml"
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
MAX_TEXT = 32_767
"""Characters of a cell, as in Excel."""

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})\Z")
_KINDS = {
    "b": "bool",
    "e": "error",
    "s": "shared",
    "str": "text",
    "inlineStr": "inline",
    "d": "date",
}


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the workbook and return the metadata it states."""
    package = OfficePackage.open(file, limits)
    open_main_part(package, MAIN)
    return package_summary(package).info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the visible sheets, row by row."""
    package = OfficePackage.open(file, limits)
    book = _Workbook.open(package)
    yield from package_summary(package).document(book.pages(progress))


class SharedText(NamedTuple):
    """A text that cells refer to, and how many struck pieces were left out of it."""

    text: str
    struck: int = 0


class RawCell(NamedTuple):
    """A cell as the file states it; the value of an error or date is its text."""

    value: Value
    kind: str
    style: CellStyle
    formula: str = ""
    has_value: bool = True
    struck: int = 0


class _SheetLink(NamedTuple):
    title: str
    part: str
    is_visible: bool


@dataclass(slots=True)
class _RawSheet:
    cells: dict[int, dict[int, RawCell]] = field(default_factory=dict)
    grid: SheetGrid = field(default_factory=SheetGrid)
    drawing: str = ""  # the id of its link
    has_fills: bool = False  # tables or rules colour cells whatever their style
    is_cut: bool = False


@dataclass(slots=True)
class _Workbook:
    package: OfficePackage
    part: str
    links: list[_SheetLink]
    date1904: bool
    styles: CellStyles
    strings: list[SharedText]
    remarks: list[Item]  # on the workbook as a whole
    guard: ObjectGuard = field(default_factory=ObjectGuard)
    formulas: FormulaValues = field(default_factory=FormulaValues)
    loaded: dict[str, _RawSheet] = field(default_factory=dict)
    rows_left: int = MAX_ROWS
    cells_left: int = MAX_CELLS

    @classmethod
    def open(cls, package: OfficePackage) -> _Workbook:
        """Read what the sheets share."""
        name, root = open_main_part(package, MAIN)
        properties = root.find(S + "workbookPr")
        remarks: list[Item] = []
        styles = CellStyles()
        if part := package.related(name, "styles"):
            try:
                styles = read_styles(package.root(part))
            except Exception:  # noqa: BLE001  values are then shown in the general format
                remarks.append(unread("styles"))
        return cls(
            package,
            name,
            list(_sheet_links(package, name, root)),
            properties is not None and properties.get("date1904") in ("1", "true"),
            styles,
            _shared_texts(package, name),
            remarks,
        )

    def pages(self, progress: Progress) -> Iterator[PageText]:
        """Yield the pages of the visible sheets."""
        number = 0
        hidden = sum(not link.is_visible for link in self.links)
        waiting = [*self.remarks, *([Remark("hidden_text", hidden)] if hidden else [])]
        visible = [link for link in self.links if link.is_visible]
        for done, link in enumerate(visible, 1):
            self.guard.counts["sheet"] = self.links.index(link)
            for page in self.guard.read("sheet", lambda one=link: self._sheet(one)):  # type: ignore[misc]
                items = [page] if isinstance(page, Remark) else page
                if any(isinstance(item, Block) for item in items):
                    number += 1
                    yield build_page(number, [Block("heading", link.title, 1), *waiting, *items])
                    waiting = []
                else:
                    waiting += items
            progress(done, len(visible))
        if waiting:
            yield build_page(number + 1, waiting)

    def _sheet(self, link: _SheetLink) -> Iterator[list[Item]]:
        """Yield the items of each page of a sheet: its cells, then what is drawn on it."""
        remarks: list[Item] = []
        raw = self._load(link)
        self._show(link, raw, remarks)
        drawn = list(self._drawn(link, raw)) if raw.drawing else []
        last: list[Item] = []
        for page in raw.grid.pages():
            if last:
                yield last
            last = [*remarks, *page]
            remarks = []
        yield [*last, *remarks, *drawn]
        del self.loaded[link.part]

    def _load(self, link: _SheetLink) -> _RawSheet:
        """Parse a sheet, once, for itself and for the formulas of others."""
        if link.part not in self.loaded:
            raw = self.loaded[link.part] = _RawSheet()
            if self.cells_left < 0 or self.rows_left < 0:
                raw.is_cut = True
            else:
                _SheetParser(raw, self).parse(usual_namespaces(self.package.data(link.part)))
        return self.loaded[link.part]

    def _show(self, link: _SheetLink, raw: _RawSheet, remarks: list[Item]) -> None:
        """Fill in the grid of a sheet with the text that its visible cells show."""
        grid = raw.grid
        counts: Counter[str] = Counter()
        for row, cells in raw.cells.items():
            if row in grid.hidden_rows:
                counts["hidden_text"] += 1
                continue
            shown = {}
            for column, cell in cells.items():
                if column not in grid.hidden_columns:
                    shown[column] = self._shown(link, row, column, cell, raw, counts)
            grid.rows[row] = shown
        if grid.hidden_columns:
            used = {column for cells in raw.cells.values() for column in cells}
            counts["hidden_text"] += len(used & grid.hidden_columns)
        remarks += [Remark(code, count) for code, count in counts.items() if count]
        if raw.is_cut:
            remarks.append(unread(f"sheet {self.links.index(link) + 1}: last rows"))

    def _shown(
        self,
        link: _SheetLink,
        row: int,
        column: int,
        cell: RawCell,
        raw: _RawSheet,
        counts: Counter[str],
    ) -> str:
        """Return the text that a cell shows, and count what is left out of it."""
        value = cell.value if cell.has_value else self._computed(link, row, column, cell)
        if isinstance(value, NotComputed):
            counts["formula_without_value"] += 1
            return "=" + cell.formula
        if value in (None, ""):
            counts["deleted_text"] += cell.struck
            return ""
        if cell.style.is_struck:
            counts["deleted_text"] += 1
            return ""
        if cell.style.is_white and not raw.has_fills:
            counts["hidden_text"] += 1
            return ""
        counts["deleted_text"] += cell.struck
        text = _display(value, cell, self.date1904)
        if not text and value != 0:
            counts["hidden_text"] += 1
        return text

    def _computed(
        self, link: _SheetLink, row: int, column: int, cell: RawCell
    ) -> Value | NotComputed:
        """Compute a formula without a kept value, once."""

        def lookup(sheet: str, row: int, column: int) -> Value:
            return self._lookup(link, sheet, row, column)

        return self.formulas.value((link.part, row, column), cell.formula, lookup)

    def _lookup(self, link: _SheetLink, sheet: str, row: int, column: int) -> Value:
        """Return the value of a cell for a formula; raise `NotComputed` if it has none."""
        if sheet:
            found = next((one for one in self.links if one.title == sheet), None)
            if found is None:
                raise NotComputed(sheet)
            link = found
        cell = self._load(link).cells.get(row, {}).get(column)
        if cell is None:
            return None
        if cell.kind in ("error", "date"):
            raise NotComputed(str(cell.value))
        value = cell.value if cell.has_value else self._computed(link, row, column, cell)
        if isinstance(value, NotComputed):
            raise NotComputed(str(value))
        return value

    def _drawn(self, link: _SheetLink, raw: _RawSheet) -> Iterator[Item]:
        yield from self.guard.read("drawing", lambda: self._drawing_items(link, raw))

    def _drawing_items(self, link: _SheetLink, raw: _RawSheet) -> Iterator[Item]:
        """Yield the charts, text boxes and pictures that lie on a sheet."""
        part = self.package.target(link.part, raw.drawing)
        reader = DrawingReader(self.package, part, self.guard, has_cells=True)
        for anchor in self.package.root(part):
            for body in anchor.iter(XDR + "txBody"):
                yield from self.guard.read(
                    "shape",
                    lambda one=body: text_items(reader.lines(one)),  # type: ignore[misc]
                )
            yield from reader.graphic(anchor)
            yield from reader.pictures(anchor)


def _sheet_links(package: OfficePackage, name: str, root: _Element) -> Iterator[_SheetLink]:
    relations = package.relations(name)
    for sheet in root.iterfind(f"{S}sheets/{S}sheet"):
        link = relations.get(str(sheet.get(R + "id")))
        title = repair_text(sheet.get("name") or "")
        visible = str(sheet.get("state") or "visible") == "visible"
        yield _SheetLink(title, link.target if link is not None else "", visible)


def _shared_texts(package: OfficePackage, name: str) -> list[SharedText]:
    """Return the texts that the cells refer to; without them the workbook cannot be read."""
    part = package.related(name, "sharedStrings")
    if not part:
        return []
    found = [_text_pieces(item) for item in package.root(part).iterfind(S + "si")]
    notes = frozenset(typed_note(pieces) for pieces, _ in found if len(pieces) > 1) - {""}
    return [SharedText(write_pieces(pieces, notes=notes), struck) for pieces, struck in found]


def _text_pieces(item: _Element) -> tuple[list[Piece], int]:
    """Return the text of a cell in pieces, and how many struck ones were left out."""
    pieces: list[Piece] = []
    struck = 0
    for child in item:
        name = local_name(child)
        if name == "t":
            pieces.append((child.text or "", 0))
        elif name == "r":
            properties = child.find(S + "rPr")
            if properties is not None and is_struck(properties):
                struck += 1
                continue
            shift = shift_of(properties) if properties is not None else 0
            pieces.append((child.findtext(S + "t") or "", shift))
    return pieces, struck


def _display(value: Value, cell: RawCell, date1904: bool) -> str:
    form = cell.style.form
    if isinstance(value, bool):
        return "VRAI" if value else "FAUX"
    if cell.kind == "date":
        return iso_date(str(value), form)
    if isinstance(value, int | float):
        return repair_text(format_value(value, form, date1904=date1904))
    return repair_text(format_text(str(value), form)[:MAX_TEXT])


@dataclass(slots=True)
class _SheetParser:
    """Reads the XML of a sheet element by element, so that its size in memory is bounded."""

    raw: _RawSheet
    book: _Workbook
    row: int = 0
    column: int = 0
    shared: dict[str, tuple[str, str]] = field(default_factory=dict)  # formula, its first cell

    def parse(self, data: bytes) -> None:
        tags = [S + name for name in ("row", "c", "col", "mergeCell", "drawing")]
        tags += [S + name for name in ("tablePart", "conditionalFormatting", "sheetFormatPr")]
        events = etree.iterparse(
            io.BytesIO(data), events=("start", "end"), tag=tags, resolve_entities=False
        )
        for event, element in events:
            name = local_name(element)
            if event == "start":
                if name == "row":
                    self._begin_row(element)
                continue
            if name == "c":
                self._cell(element)
            elif name == "col":
                self._columns(element)
            elif name == "mergeCell":
                self._merge(element)
            elif name == "drawing":
                self.raw.drawing = str(element.get(R + "id") or "")
            elif name in ("tablePart", "conditionalFormatting"):
                self.raw.has_fills = True
            element.clear()
            parent = element.getparent()
            if name == "row" and parent is not None:
                while parent[0] is not element:
                    del parent[0]

    def _begin_row(self, element: _Element) -> None:
        stated = str(element.get("r") or "")
        self.row = int(stated) if stated.isdecimal() and len(stated) < 8 else self.row + 1
        self.column = 0
        if _is_hidden(element, "ht"):
            self.raw.grid.hidden_rows.add(self.row)

    def _columns(self, element: _Element) -> None:
        if _is_hidden(element, "width"):
            first, last = (str(element.get(name) or "0") for name in ("min", "max"))
            if first.isdecimal() and last.isdecimal():
                self.raw.grid.hidden_columns.update(range(int(first), min(int(last), COLUMNS) + 1))

    def _merge(self, element: _Element) -> None:
        first, _, last = str(element.get("ref") or "").partition(":")
        start, end = _CELL.match(first), _CELL.match(last)
        if start and end:
            self.raw.grid.merges.append(
                Merge(int(start[2]), column_number(start[1]), int(end[2]), column_number(end[1]))
            )

    def _cell(self, element: _Element) -> None:
        match = _CELL.match(str(element.get("r") or ""))
        self.column = column_number(match[1]) if match else self.column + 1
        cell = self._read_cell(element)
        if cell is None or self.column > COLUMNS:
            return
        cells = self.raw.cells.get(self.row)
        if cells is None:
            self.book.rows_left -= 1
        self.book.cells_left -= 1
        if self.book.rows_left < 0 or self.book.cells_left < 0:
            self.raw.is_cut = True
            return
        self.raw.cells.setdefault(self.row, {})[self.column] = cell

    def _read_cell(self, element: _Element) -> RawCell | None:
        """Return a cell; None if it is empty."""
        style = self.book.styles.of(element.get("s"))
        kind = _KINDS.get(str(element.get("t")), "number")
        formula = self._formula(element.find(S + "f"))
        text = element.findtext(S + "v")
        if kind == "inline":
            inline = element.find(S + "is")
            pieces, struck = _text_pieces(inline) if inline is not None else ([], 0)
            return RawCell(write_pieces(pieces), kind, style, struck=struck)
        if formula and not (text or (kind == "text" and text is not None)):
            return RawCell(None, kind, style, formula, has_value=False)
        if text is None or (kind == "number" and not text.strip()):
            return None
        return self._kept_value(text, kind, style)

    def _kept_value(self, text: str, kind: str, style: CellStyle) -> RawCell:
        if kind == "shared":
            i = int(text) if text.strip().isdecimal() else -1
            if not 0 <= i < len(self.book.strings):
                return RawCell("#?", "error", style)
            shared = self.book.strings[i]
            return RawCell(shared.text, "text", style, struck=shared.struck)
        if kind == "bool":
            return RawCell(text.strip() in ("1", "true"), kind, style)
        if kind == "number":
            try:
                return RawCell(float(text), kind, style)
            except ValueError:
                return RawCell(text, "text", style)
        return RawCell(text, kind, style)

    def _formula(self, element: _Element | None) -> str:
        """Return the formula of a cell; that of a shared one as it reads in this cell."""
        if element is None:
            return ""
        text, name = element.text or "", str(element.get("si"))
        here = f"{_letters(self.column)}{self.row}"
        if element.get("t") == "shared":
            if text:
                self.shared[name] = text, here
            elif name in self.shared:
                text = _translated(*self.shared[name], here)
        return text or "?"


def _is_hidden(element: _Element, size: str) -> bool:
    """Tell a row or column that is hidden, or of no height or width."""
    if element.get("hidden") in ("1", "true"):
        return True
    return str(element.get(size) or "1").strip("0.") == ""


def _letters(column: int) -> str:
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _translated(formula: str, origin: str, here: str) -> str:
    """Return a formula as it reads in another cell."""
    from openpyxl.formula.translate import Translator  # imported late: few workbooks need it

    moved = Translator("=" + formula, origin=origin).translate_formula(here)
    return str(moved).removeprefix("=")
