"""Read the rows and cells of a Word table, with those that are merged, deleted or hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ingestion.readers import Remark
from ingestion.readers.office.docx_runs import DELETED
from ingestion.readers.office.docx_styles import W, child_value, is_on
from ingestion.readers.office.drawing import visible_branch
from ingestion.readers.office.package import local_name
from ingestion.readers.text.pagination import Item
from ingestion.readers.text.table_grid import Cell

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 100
CONTAINERS = frozenset(
    {"sdt", "sdtContent", "ins", "smartTag", "customXml", "hyperlink", "fldSimple", "moveTo"}
    | {"dir", "bdo", "Choice", "Fallback"}
)
"""Elements that only hold others."""


class CellReader(Protocol):
    """Reads the text of cells, and knows the page that it has reached."""

    page: int

    def cell_text(self, cell: _Element, items: list[Item]) -> str:
        """Return the text of a cell on one line; add what is anchored in it to `items`."""


@dataclass(slots=True)
class TableRows:
    """The rows of a table as they are read, without those that were deleted or are hidden."""

    walk: CellReader
    rows: list[list[tuple[str, int, str]]] = field(default_factory=list)  # text, across, merge
    pages: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def add(self, row: _Element, cells: Sequence[_Element]) -> None:
        if code := row_left_out(row):
            self.items.append(Remark(code))
            return
        begin = self.walk.page
        before = child_value(row.find(W + "trPr"), "gridBefore")
        read: list[tuple[str, int, str]] = []
        if before.isdecimal() and int(before):
            read.append(("", min(int(before), 100), ""))
        for cell in cells:
            stated = cell.find(W + "tcPr")
            across, merge = _cell_span(stated)
            if stated is not None and stated.find(W + "cellDel") is not None:
                self.items.append(Remark("deleted_text"))
                read.append(("", across, ""))
                continue
            read.append((self.walk.cell_text(cell, self.items), across, merge))
        if read:
            self.rows.append(read)
            self.pages.append(begin if any(text for text, *_ in read) else self.walk.page)

    def merged(self) -> list[list[Cell]]:
        """Return the rows with the cells that are merged downwards as one."""
        rows: list[list[_OpenCell]] = []
        open_cells: dict[int, _OpenCell] = {}  # by column: cells that the next row may continue
        for row in self.rows:
            cells: list[_OpenCell] = []
            following: dict[int, _OpenCell] = {}
            column = 0
            for text, across, merge in row:
                cell = open_cells.get(column) if merge == "continue" else None
                if cell is None:
                    cell = _OpenCell(text, across)
                    cells.append(cell)
                else:
                    cell.down += 1
                if merge:
                    following[column] = cell
                column += across
            open_cells = following
            rows.append(cells)
        return [[Cell(cell.text, cell.across, cell.down) for cell in row] for row in rows]


@dataclass(slots=True)
class _OpenCell:
    """A cell, and over how many rows it extends so far."""

    text: str
    across: int
    down: int = 1


def table_parts(parent: _Element, wanted: str, depth: int = 0) -> Iterator[_Element]:
    """Yield the rows of a table or the cells of a row, in containers as well."""
    for child in parent:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in CONTAINERS and depth < MAX_DEPTH:
            yield from table_parts(child, wanted, depth + 1)


def cell_paragraphs(cell: _Element) -> Iterator[_Element]:
    """Yield the paragraphs of a cell, those of tables in it as well, without deleted rows."""
    stack: list[tuple[_Element, int]] = [(cell, 0)]
    while stack:
        current, depth = stack.pop()
        name = local_name(current)
        if name == "p":
            yield current
        elif name == "tr" and current.find(f"{W}trPr/{W}del") is not None:
            continue
        elif name == "AlternateContent":
            branch = visible_branch(current)
            stack += [(branch, depth)] if branch is not None else []
        elif name not in DELETED:
            stack += [(child, depth + 1) for child in reversed(current)]


def _cell_span(properties: _Element | None) -> tuple[int, str]:
    """Return the column span of a cell, and its vertical merge: "restart", "continue" or ""."""
    if properties is None:
        return 1, ""
    wide = child_value(properties, "gridSpan")
    merge = properties.find(W + "vMerge")
    part = str(merge.get(W + "val") or "continue") if merge is not None else ""
    return min(max(int(wide), 1), 100) if wide.isdecimal() else 1, part


def row_left_out(row: _Element) -> str:
    """Return why a row of a table is left out: deleted or hidden; `""` if it is read."""
    properties = row.find(W + "trPr")
    if properties is None:
        return ""
    if properties.find(W + "del") is not None:
        return "deleted_text"
    return "hidden_text" if is_on(properties, "hidden") else ""


def is_header_row(row: _Element) -> bool:
    properties = row.find(W + "trPr")
    return bool(is_on(properties, "tblHeader"))
