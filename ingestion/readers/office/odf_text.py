"""Walk the text of OpenDocument files: paragraphs, lists, tables, notes and objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from math import isfinite
from typing import TYPE_CHECKING

from ingestion.readers import Block, Remark
from ingestion.readers.office.guard import ObjectGuard, unread
from ingestion.readers.office.number_format import format_value
from ingestion.readers.office.odf import (
    CHART,
    DRAW,
    MATH,
    OFFICE,
    SVG,
    TABLE,
    TEXT,
    XLINK,
    OdfFile,
    OdfStyle,
    count_of,
)
from ingestion.readers.office.package import local_name
from ingestion.readers.office.symbols import is_symbol_font, symbol_text
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.headings import is_caption
from ingestion.readers.repair.raised import Piece, typed_note, write_paragraph
from ingestion.readers.text.equations import mathml_text
from ingestion.readers.text.pagination import Item, NumberedItem, build_table
from ingestion.readers.text.table_grid import Cell, lay_out_table

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 100
MAX_REPEATED = 100
MAX_SPACES = 100
_SKIPPED = frozenset(
    {
        OFFICE + "annotation",
        OFFICE + "annotation-end",
        OFFICE + "forms",
        TEXT + "tracked-changes",
        TEXT + "ruby-text",
        TEXT + "script",
        SVG + "title",
        SVG + "desc",
    }
)
_CONTENTS = frozenset(
    TEXT + name for name in ("table-of-content", "illustration-index", "table-index")
)
_TABLE_PARTS = frozenset(
    TABLE + name for name in ("table-header-rows", "table-rows", "table-row-group")
)


@dataclass(slots=True)
class OdfWalk:
    """Walks the elements of a document, counting pages and notes."""

    file: OdfFile
    guard: ObjectGuard = field(default_factory=ObjectGuard)
    page: int = 1
    has_text: bool = False
    has_words: bool = False  # the current paragraph has
    breaks_first: int = 0  # page breaks before the first word of the current paragraph
    is_filled: bool = False  # white text may be seen here
    note_count: int = 0
    typed_notes: frozenset[str] = frozenset()
    deletions: frozenset[str] = frozenset()  # the ids of tracked deletions
    notes: list[Item] = field(default_factory=list)  # called since the last paragraph
    anchored: list[_Element] = field(default_factory=list)  # frames and shapes
    remarks: list[Remark] = field(default_factory=list)

    def __post_init__(self) -> None:
        content = self.file.content
        self.deletions = frozenset(
            str(value)
            for region in content.iter(TEXT + "changed-region")
            if region.find(TEXT + "deletion") is not None
            for name, value in region.attrib.items()
            if str(name).endswith("id")
        )
        self.typed_notes = frozenset(self._find_typed_notes()) - {""}

    def _find_typed_notes(self) -> Iterator[str]:
        """Find the notes typed as paragraphs that begin with a raised number."""
        for paragraph in self.file.content.iter(TEXT + "p"):
            first = paragraph[0] if len(paragraph) else None
            if first is None or (paragraph.text or "").strip() or first.tag != TEXT + "span":
                continue
            if self.file.style("text", first.get(TEXT + "style-name")).shift == 1:
                words = [("".join(first.itertext(None)), 1), (first.tail or "", 0)]
                words += [("".join(other.itertext(None)), 0) for other in paragraph[1:]]
                yield typed_note(words)

    def inside(self, parent: _Element, depth: int = 0) -> Iterator[NumberedItem]:
        """Yield the blocks and remarks under an element with the page that each begins on."""
        if depth > MAX_DEPTH:
            return
        for child in parent:
            tag = child.tag
            if self._is_hidden(child):
                yield self.page, Remark("hidden_text")
            elif tag in (TEXT + "h", TEXT + "p"):
                yield from self._guarded("paragraph", self._paragraph(child, depth))
            elif tag == TEXT + "list":
                yield from self._guarded("list", self._list(child, 0, depth))
            elif tag == TABLE + "table":
                yield from self._guarded("table", self._table(child, depth))
            elif tag == TEXT + "soft-page-break":
                self.page += 1
            elif tag in _CONTENTS:
                yield from self._contents(child)
            elif tag == TEXT + "change":
                if child.get(TEXT + "change-id") in self.deletions:
                    yield self.page, Remark("deleted_text")
            elif is_shape(child):
                yield from self._anchored([child], depth)
            elif tag not in _SKIPPED:
                yield from self.inside(child, depth + 1)

    def _guarded(self, what: str, items: Iterator[NumberedItem]) -> Iterator[NumberedItem]:
        for item in self.guard.read(what, lambda: items):
            yield (self.page, item) if isinstance(item, Remark) else item

    def _is_hidden(self, element: _Element) -> bool:
        """Tell whether an element is a hidden section, paragraph or table."""
        if element.tag == TEXT + "section":
            return element.get(TEXT + "display") == "none" or _is_true(
                element.get(TEXT + "is-hidden")
            )
        if element.tag == TABLE + "table":
            style = self.file.style("table", element.get(TABLE + "style-name"))
            return bool(style.is_hidden)
        if element.tag in (TEXT + "p", TEXT + "h"):
            mark = element.find(TEXT + "hidden-paragraph")
            return mark is not None and _is_true(mark.get(TEXT + "is-hidden"))
        return False

    def _paragraph(self, element: _Element, depth: int) -> Iterator[NumberedItem]:
        if self.has_text and self._style(element).breaks_page:
            self.page += 1
        begin = self.page
        text, note = self.text(element)
        begin += self.breaks_first
        line = " ".join(text.split())
        self.has_text = self.has_text or bool(line)
        if line and element.tag == TEXT + "h":
            yield begin, Block("heading", line, _level(element))
        elif line and note:
            yield begin, Block("footnote", text, note=note)
        elif line:
            yield begin, Block("caption" if is_caption(line) else "paragraph", text)
        yield from self._after(begin, depth)

    def _after(self, begin: int, depth: int) -> Iterator[NumberedItem]:
        """Yield what belongs to a paragraph: remarks, objects, text frames and notes."""
        remarks, self.remarks = self.remarks, []
        anchored, self.anchored = self.anchored, []
        yield from ((begin, remark) for remark in remarks)
        yield from self._anchored(anchored, depth)
        notes, self.notes = self.notes, []
        yield from ((begin, note) for note in notes)

    def _anchored(self, shapes: list[_Element], depth: int) -> Iterator[NumberedItem]:
        before, self.is_filled = self.is_filled, True  # the colour of a shape is not looked up
        for shape in shapes:
            yield from self._guarded("object", self.shape(shape, depth + 1))
        self.is_filled = before

    def text(self, element: _Element) -> tuple[str, str]:
        """Return the text of a paragraph, and its sign if it is a note typed as a paragraph.

        Its notes, objects and remarks are kept for later.
        """
        pieces: list[Piece] = []
        self.has_words, self.breaks_first = False, 0
        self._pieces(element, self._style(element), pieces, 0)
        text, note = write_paragraph(pieces, notes=self.typed_notes)
        return repair_text(text), note

    def _style(self, element: _Element) -> OdfStyle:
        return self.file.style("paragraph", element.get(TEXT + "style-name"))

    def _pieces(self, element: _Element, style: OdfStyle, pieces: list[Piece], depth: int) -> None:
        self._words(element.text, style, pieces)
        for child in element:
            if depth < MAX_DEPTH and isinstance(child.tag, str):
                self._piece(child, style, pieces, depth)
            self._words(child.tail, style, pieces)

    def _piece(self, child: _Element, style: OdfStyle, pieces: list[Piece], depth: int) -> None:
        tag = child.tag
        if tag == TEXT + "span":
            own = self.file.style("text", child.get(TEXT + "style-name"))
            self._pieces(child, own.over(style), pieces, depth + 1)
        elif tag == TEXT + "s":
            pieces.append((" " * count_of(child.get(TEXT + "c"), MAX_SPACES), 0))
        elif tag in (TEXT + "tab", TEXT + "line-break"):
            pieces.append((" " if tag == TEXT + "tab" else "\n", 0))
        elif tag == TEXT + "soft-page-break":
            self.page += 1
            self.breaks_first += not self.has_words
        elif tag == TEXT + "note":
            pieces.append((self._note(child), 0))
        elif tag == TEXT + "hidden-text" and _is_true(child.get(TEXT + "is-hidden")):
            self.remarks.append(Remark("hidden_text"))
        elif tag in (TEXT + "change", TEXT + "change-start"):
            if child.get(TEXT + "change-id") in self.deletions:
                self.remarks.append(Remark("deleted_text"))
        elif is_shape(child):
            equation = self._equation(child)
            if equation:
                pieces.append((f" {equation} ", 0))
            else:
                self.anchored.append(child)
        elif tag not in _SKIPPED:
            self._pieces(child, style, pieces, depth + 1)

    def _words(self, text: str | None, style: OdfStyle, pieces: list[Piece]) -> None:
        if not text:
            return
        unseen = style.is_hidden or (style.is_unseen and not (style.is_white and self.is_filled))
        if (unseen or style.is_struck) and text.strip():
            code = "hidden_text" if unseen else "deleted_text"
            if not self.remarks or self.remarks[-1].code != code:
                self.remarks.append(Remark(code))
            return
        if style.font and is_symbol_font(style.font):
            text = symbol_text(style.font, text)
        self.has_words = self.has_words or not text.isspace()
        pieces.append((text, style.shift or 0))

    def _note(self, element: _Element) -> str:
        """Keep a note for the end of the paragraph and return its call."""
        self.note_count += 1
        citation = element.find(TEXT + "note-citation")
        body = element.find(TEXT + "note-body")
        label = " ".join("".join(citation.itertext(None)).split()) if citation is not None else ""
        label = label[:8] or str(self.note_count)
        if body is None:
            return ""
        outer, self.notes = self.notes, []
        text = self.flat_text(body)
        self.notes = [*outer, *self.notes]
        if not text:
            return ""
        self.notes.append(Block("footnote", f"[{label}] {text}", note=label))
        return f" [{label}]"

    def flat_text(self, element: _Element) -> str:
        """Return the text of a cell or note on one line."""
        lines = [self.text(paragraph)[0] for paragraph in _paragraphs(element)]
        return " ".join(" ".join(filter(None, lines)).split())

    def shape(self, shape: _Element, depth: int) -> Iterator[NumberedItem]:
        """Yield what a frame or shape holds."""
        name = local_name(shape)
        if name == "g":
            for child in shape:
                if is_shape(child):
                    yield from self.shape(child, depth + 1)
            return
        if name != "frame":
            yield from self.inside(shape, depth + 1)
            return
        held = {local_name(child): child for child in reversed(shape)}
        if "table" in held:
            yield from self._table(held["table"], depth + 1)
        elif "text-box" in held:
            yield from self.inside(held["text-box"], depth + 1)
        elif "object" in held:
            yield from ((self.page, item) for item in self._object(held["object"]))
        elif "object-ole" in held or "plugin" in held:
            yield self.page, unread(self.guard.number("embedded object"))
        elif "image" in held:
            for item in self.guard.read("picture", lambda: self._picture(held["image"], shape)):
                yield self.page, item

    def _picture(self, image: _Element, frame: _Element) -> Iterator[Item]:
        name = str(image.get(XLINK + "href") or "").removeprefix("./")
        described = frame.findtext(SVG + "desc") or frame.findtext(SVG + "title") or ""
        alt = repair_text(described)
        label = f"picture {self.guard.counts['picture']}"
        if name not in self.file.names:
            if len(alt) > 2:
                yield Block("figure", alt)
            yield unread(label)
            return
        yield from self.file.pictures.items(name, alt, label)

    def _embedded_root(self, element: _Element) -> _Element | None:
        """Return the content of an embedded document, None if there is none."""
        inline = next((child for child in element if child.tag in (MATH + "math",)), None)
        if inline is not None:
            return inline
        name = str(element.get(XLINK + "href") or "").removeprefix("./") + "/content.xml"
        return self.file.root(name) if name in self.file.names else None

    def _equation(self, shape: _Element) -> str:
        """Return the equation that a frame holds, `""` if it holds none."""
        element = shape.find(DRAW + "object")
        if element is None:
            return ""
        try:
            root = self._embedded_root(element)
        except Exception:  # noqa: BLE001  remarked on where the object is read
            return ""
        math = next(root.iter(MATH + "math"), None) if root is not None else None
        return mathml_text(math) if math is not None else ""

    def _object(self, element: _Element) -> Iterator[Item]:
        """Yield an embedded chart or equation."""
        root = self._embedded_root(element)
        chart = next(root.iter(CHART + "chart"), None) if root is not None else None
        if chart is not None:
            yield from self.guard.read("chart", lambda: self._chart(chart))
            return
        math = next(root.iter(MATH + "math"), None) if root is not None else None
        if math is None:
            yield unread(self.guard.number("embedded object"))
        else:
            yield Block("paragraph", mathml_text(math))

    def _chart(self, chart: _Element) -> Iterator[Item]:
        """Yield the title of a chart and the table of its values."""
        title = chart.find(CHART + "title")
        if title is not None and (text := self.flat_text(title)):
            yield Block("caption", text)
        table = chart.find(TABLE + "table")
        rows = [] if table is None else list(table.iter(TABLE + "table-row"))
        block = build_table([[self._chart_text(cell) for cell in _cells_of(row)] for row in rows])
        if block is None:
            raise ValueError("the chart keeps no values")
        yield block

    def _chart_text(self, cell: _Element) -> str:
        """Return a name, or a value as a number is shown; `""` for a value that is missing."""
        try:
            value = float(str(cell.get(OFFICE + "value")))
        except ValueError:
            return self.flat_text(cell)
        return format_value(value, "General") if isfinite(value) else ""

    def _list(self, element: _Element, level: int, depth: int) -> Iterator[NumberedItem]:
        if level > MAX_DEPTH:
            return
        for item in element:
            marker = f"{'  ' * min(level, 8)}- "
            for child in item:
                if child.tag == TEXT + "list":
                    yield from self._list(child, level + 1, depth)
                elif child.tag == TEXT + "h":
                    yield from self._paragraph(child, depth)
                elif child.tag == TEXT + "p":
                    begin = self.page
                    text = " ".join(self.text(child)[0].split())
                    if text:
                        yield begin, Block("list", marker + text)
                        marker = " " * len(marker)
                    yield from self._after(begin, depth)

    def _contents(self, element: _Element) -> Iterator[NumberedItem]:
        body = element.find(TEXT + "index-body")
        for child in body if body is not None else ():
            text = self.flat_text(child) if child.tag != TEXT + "p" else self.text(child)[0]
            text = " ".join(text.split())
            self.remarks, self.anchored = [], []
            if text:
                yield self.page, Block("contents", text)

    def _table(self, element: _Element, depth: int) -> Iterator[NumberedItem]:
        if depth < MAX_DEPTH and _is_frame(element):
            for cell in element.iter(TABLE + "table-cell"):
                yield from self.inside(cell, depth + 1)
            return
        begin = self.page
        rows = list(self._rows(element, 0))
        headings = sum(is_heading for _, is_heading in rows)
        for block in lay_out_table([row for row, _ in rows], headings).blocks():
            yield begin, block
        yield from self._after(begin, depth)

    def _rows(self, element: _Element, depth: int) -> Iterator[tuple[list[Cell], bool]]:
        """Yield the visible rows of a table, and whether each is a heading."""
        for child in element:
            if child.tag == TEXT + "soft-page-break":
                self.page += 1
            elif child.tag in _TABLE_PARTS and depth < MAX_DEPTH:
                is_heading = child.tag == TABLE + "table-header-rows"
                for row, inner in self._rows(child, depth + 1):
                    yield row, is_heading or inner
            elif child.tag == TABLE + "table-row":
                if child.get(TABLE + "visibility") in ("collapse", "filter"):
                    self.remarks.append(Remark("hidden_text"))
                else:
                    yield self._cells(child), False

    def _cells(self, row: _Element) -> list[Cell]:
        cells: list[Cell] = []
        for cell in row.iterchildren(TABLE + "table-cell"):
            text = self.cell_text(cell)
            across = count_of(cell.get(TABLE + "number-columns-spanned"), MAX_REPEATED)
            down = count_of(cell.get(TABLE + "number-rows-spanned"), 10_000)
            times = count_of(cell.get(TABLE + "number-columns-repeated"), MAX_REPEATED)
            cells += [Cell(text, across, down)] * times
        return cells

    def cell_text(self, cell: _Element) -> str:
        """Return the text of a cell on one line."""
        style = self.cell_style(cell)
        before, self.is_filled = self.is_filled, self.is_filled or bool(style.is_filled)
        text = self.flat_text(cell)
        self.is_filled = before
        self.anchored += [child for child in cell if is_shape(child)]
        return text

    def cell_style(self, cell: _Element, column: str = "") -> OdfStyle:
        """Return the style of a cell: its own, else that of its row, else that of its `column`."""
        row = cell.getparent()
        stated = "" if row is None else row.get(TABLE + "default-cell-style-name")
        name = cell.get(TABLE + "style-name") or stated or column
        return self.file.style("table-cell", str(name))


def is_shape(element: _Element) -> bool:
    """Tell whether an element is drawn: a frame, a shape or a group of them."""
    return isinstance(element.tag, str) and element.tag in _SHAPES


_SHAPES = frozenset(
    DRAW + name
    for name in (
        "frame custom-shape rect ellipse circle line polyline polygon path connector caption g "
        "regular-polygon measure control a"
    ).split()
)


def _paragraphs(element: _Element) -> Iterator[_Element]:
    """Yield the paragraphs under an element, without those of frames and comments in them."""
    stack = list(reversed(element))
    while stack:
        current = stack.pop()
        if current.tag in (TEXT + "p", TEXT + "h"):
            yield current
        elif current.tag not in _SKIPPED and not is_shape(current):
            stack += reversed(current)


def _cells_of(row: _Element) -> Iterator[_Element]:
    """Yield the cells of a row of a chart, each as often as it is repeated."""
    for cell in row.iterchildren(TABLE + "table-cell"):
        times = count_of(cell.get(TABLE + "number-columns-repeated"), MAX_REPEATED)
        yield from repeat(cell, times)


def _is_frame(table: _Element) -> bool:
    """Tell a table of one column, used as a frame around text."""
    rows = list(table.iter(TABLE + "table-row"))
    return bool(rows) and all(
        len(row) == 1 and count_of(row[0].get(TABLE + "number-columns-repeated"), 2) == 1
        for row in rows
    )


def _level(element: _Element) -> int:
    level = str(element.get(TEXT + "outline-level") or "1")
    return min(int(level), 6) if level.isdecimal() else 1


def _is_true(value: str | None) -> bool:
    return value == "true"
