"""Read Word documents: headings, paragraphs, lists, tables, notes and objects of the body."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, ReadError, Remark
from ingestion.readers.office.docx_inserted import inserted_text
from ingestion.readers.office.docx_notes import Notes
from ingestion.readers.office.docx_numbering import ListNumbering
from ingestion.readers.office.docx_runs import DELETED, NoteCall, RunReader, Runs
from ingestion.readers.office.docx_styles import (
    ParagraphStyle,
    W,
    child_value,
    default_look,
    is_on,
    is_shaded,
    numbering_of,
    styles_of,
)
from ingestion.readers.office.docx_tables import (
    CONTAINERS,
    MAX_DEPTH,
    TableRows,
    cell_paragraphs,
    is_header_row,
    row_left_out,
    table_parts,
)
from ingestion.readers.office.drawing import DrawingReader, visible_branch
from ingestion.readers.office.guard import ObjectGuard, unread
from ingestion.readers.office.package import (
    OfficePackage,
    R,
    local_name,
    open_main_part,
    package_summary,
)
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.headings import is_caption
from ingestion.readers.repair.raised import Piece, typed_note, write_paragraph
from ingestion.readers.text.pagination import (
    Item,
    NumberedItem,
    PageLayout,
    build_pages,
    build_table,
)
from ingestion.readers.text.table_grid import lay_out_table

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

MAIN = "word/document.xml"
MAX_INSERTED = 2
"""Depth of documents inserted in one another."""

MAX_INSERTED_BYTES = 50_000_000
"""Unpacked size of a document inserted in another."""

BOLD_LEVEL = 3
"""Level of a heading that is only bold, without a heading style."""

TWIPS_PER_POINT = 20
_NO_STYLE = ParagraphStyle()
_BULLET = re.compile(r"(?:[-–*]\s+|[•▪■●○◻□➢➔❑❒❖◆⬥]\s*)(?=\S)")
_TICKS = ("✓", "✗", "☑", "☒", "☐")
_CAPTION = re.compile(r"^(?:caption|légende)$", re.IGNORECASE)
_CONTENTS = re.compile(r"^(?:toc|tm|table des matières) ?\d", re.IGNORECASE)
_PAGES = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}Pages"
_IMAGE_DATA = "{urn:schemas-microsoft-com:vml}imagedata"


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the document and return the metadata it states."""
    package = OfficePackage.open(file, limits)
    open_main_part(package, MAIN)
    return package_summary(package).info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the text in order, on the pages of Word's last layout, else in parts of equal length."""
    package = OfficePackage.open(file, limits)
    name, root = open_main_part(package, MAIN)
    walk = _DocxWalk(package, name, root)
    pages = build_pages(list(walk.items()), _page_layout(package, root, walk.rendered))
    yield from package_summary(package).document(pages)


def _page_layout(package: OfficePackage, root: _Element, rendered: bool) -> PageLayout:
    size = next(root.iter(W + "pgSz"), None)
    stated = ""
    try:
        part = package.related("", "extended-properties")
        stated = (package.root(part).findtext(_PAGES) or "") if part else ""
    except Exception:  # noqa: BLE001  the number of pages is only compared
        stated = ""
    return PageLayout(
        rendered and size is not None,
        _whole(size, "w") / TWIPS_PER_POINT,
        _whole(size, "h") / TWIPS_PER_POINT,
        int(stated) if stated.strip().isdecimal() else 0,
    )


@dataclass(slots=True)
class _DocxWalk:
    """Walks the body, counting pages, numbered paragraphs and notes."""

    package: OfficePackage
    part: str
    root: _Element
    inserted: int = 0  # depth among inserted documents
    page: int = 1
    guard: ObjectGuard = field(default_factory=ObjectGuard)
    numbering: ListNumbering = field(init=False)
    styles: dict[str, ParagraphStyle] = field(init=False)
    rendered: bool = field(init=False)  # the file records the page breaks of Word's last layout
    notes: Notes = field(init=False)
    typed_notes: frozenset[str] = frozenset()
    runs: RunReader = field(init=False)
    drawing: DrawingReader = field(init=False)
    pending: list[Item] = field(default_factory=list)  # notes called since the last paragraph
    held: list[Piece | NoteCall] = field(default_factory=list)  # text that the next one begins with
    has_text: bool = False
    is_filled: bool = False  # white text may be seen here

    def __post_init__(self) -> None:
        self.numbering = ListNumbering.of(self._linked_root("numbering"))
        styles = self._linked_root("styles")
        self.styles = styles_of(styles)
        body = self._body()
        self.rendered = next(body.iter(W + "lastRenderedPageBreak"), None) is not None
        self.notes = Notes.of(self.package, self.part, body)
        self.runs = RunReader(self.styles, default_look(styles), self.rendered)
        self.drawing = DrawingReader(self.package, self.part, self.guard)
        self.is_filled = self.root.find(W + "background") is not None
        self.typed_notes = self._find_typed_notes(body)

    def items(self) -> Iterator[NumberedItem]:
        """Yield each block and remark with the page that it begins on."""
        for kind in [*self.notes.unread, *(["links"] if self.package.damaged else [])]:
            yield self.page, unread(kind)
        yield from self._inside(self._body(), 0)
        for item in self._paragraph_items(Runs(), ParagraphStyle(), None):
            yield self.page, item

    def _body(self) -> _Element:
        body = self.root.find(W + "body")
        if body is None:
            raise ReadError("unreadable", {"reason": "no body"})
        return body

    def _linked_root(self, kind: str) -> _Element | None:
        """Return the root of a part that styles or numbers the text; None if it cannot be read."""
        part = self.package.related(self.part, kind)
        try:
            return self.package.root(part) if part else None
        except Exception:  # noqa: BLE001  the text is read without it
            self.pending.append(unread(kind))
            return None

    def _find_typed_notes(self, body: _Element) -> frozenset[str]:
        """Return the numbers of the notes typed as paragraphs that begin with a raised number."""
        found = set()
        for paragraph in body.iter(W + "p"):
            first = next(paragraph.iter(W + "t"), None)
            if first is None or not (first.text or "").strip()[:4].strip("[]().*").isalnum():
                continue
            run = first.getparent()
            if run is None or run.find(W + "rPr") is None:
                continue
            runs = self.runs.read(paragraph, self._style(paragraph), is_filled=True)
            found.add(typed_note([piece for piece in runs.pieces if isinstance(piece, tuple)]))
        return frozenset(found - {""})

    def _inside(self, parent: _Element, depth: int) -> Iterator[NumberedItem]:
        if depth > MAX_DEPTH:
            return
        for child in parent:
            name = local_name(child)
            if name == "p":
                yield from self._guarded("paragraph", self._paragraph(child, depth))
            elif name == "tbl":
                yield from self._guarded("table", self._table(child, depth))
            elif name == "altChunk":
                yield from self._guarded("inserted document", self._inserted(child))
            elif name == "AlternateContent":
                branch = visible_branch(child)
                if branch is not None:
                    yield from self._inside(branch, depth + 1)
            elif name in CONTAINERS:
                yield from self._inside(child, depth + 1)
            elif name in DELETED and next(child.iter(W + "t", W + "delText"), None) is not None:
                yield self.page, Remark("deleted_text")
            elif name == "oMathPara":
                yield from self._guarded("equation", self._paragraph(child, depth))

    def _guarded(self, what: str, items: Iterator[NumberedItem]) -> Iterator[NumberedItem]:
        for item in self.guard.read(what, lambda: items):
            yield (self.page, item) if isinstance(item, Remark) else item

    def _paragraph(self, element: _Element, depth: int) -> Iterator[NumberedItem]:
        style = self._style(element)
        properties = element.find(W + "pPr")
        if not self.rendered and self._breaks_before(properties, style):
            self.page += 1
        begin = self.page
        filled = self.is_filled or is_shaded(properties)
        runs = self.runs.read(element, style, is_filled=filled)
        begin += runs.breaks_first
        self.page += runs.breaks
        if _is_held(properties):
            self.held += runs.pieces
            runs.pieces = []
        else:
            runs.pieces, self.held = [*self.held, *runs.pieces], []
        self.has_text = self.has_text or runs.has_text
        for item in self._paragraph_items(runs, style, element):
            yield begin, item
        for box in runs.boxes:
            yield from self._box(box, depth)
        yield from ((begin, item) for item in self._take_pending())
        if not self.rendered and _ends_section(properties):
            self.page += 1

    def _paragraph_items(
        self, runs: Runs, style: ParagraphStyle, element: _Element | None
    ) -> Iterator[Item]:
        """Yield the block of a paragraph, its remarks and the objects anchored in it."""
        marker, depth = self._marker(element, style) if element is not None else ("", 0)
        if not runs.pieces and self.held and element is None:
            runs.pieces, self.held = self.held, []
        text, note = self._written(runs)
        if text and note:
            yield Block("footnote", text, note=note)
        elif text:
            yield self._block(text, runs, style, marker, depth, element)
        yield from runs.remarks
        for anchored in runs.objects:
            yield from self._object(anchored)

    def _written(self, runs: Runs) -> tuple[str, str]:
        """Return the text of a paragraph and its sign if it is a typed note; collect its notes."""
        pieces = [
            (self._called(piece), 0) if isinstance(piece, NoteCall) else piece
            for piece in runs.pieces
        ]
        text, note = write_paragraph(pieces, notes=self.typed_notes)
        return repair_text(text), note

    def _called(self, call: NoteCall) -> str:
        """Return how a note is called, and keep it for the end of the paragraph.

        A note without text is not called.
        """
        was_called = (call.kind, call.name) in self.notes.signs
        sign = self.notes.sign(call)
        element = self.notes.take(call)
        found = (
            []
            if element is None
            else list(self.guard.read("note", lambda: self._note(element, sign)))
        )
        self.pending += found
        return f" [{sign}]" if found or was_called else ""

    def _note(self, element: _Element, sign: str) -> Iterator[Item]:
        """Yield the block of a note."""
        texts = []
        remarks: list[Item] = []
        for paragraph in element.iter(W + "p"):
            runs = self.runs.read(paragraph, self._style(paragraph), is_filled=self.is_filled)
            pieces = [piece for piece in runs.pieces if isinstance(piece, tuple)]
            texts.append(repair_text(write_paragraph(pieces, notes=self.typed_notes)[0]))
            remarks += runs.remarks
        text = " ".join(" ".join(texts).split()).removeprefix(f"{sign} ")
        if text:
            yield Block("footnote", f"[{sign}] {text}", note=sign)
        yield from remarks

    def _take_pending(self) -> list[Item]:
        pending, self.pending = self.pending, []
        return pending

    def _block(
        self,
        text: str,
        runs: Runs,
        style: ParagraphStyle,
        marker: str,
        depth: int,
        element: _Element | None,
    ) -> Block:
        line = " ".join(text.split())
        level = style.level or _outline_level(element)
        if level and len(line) < 300:
            number = marker if marker != "-" else ""
            return Block("heading", f"{number} {line}".strip(), level)
        if _CONTENTS.match(style.name):
            return Block("contents", line)
        if marker:
            return Block("list", f"{'  ' * depth}{marker} {line}")
        if bullet := _BULLET.match(line):
            return Block("list", "- " + line[bullet.end() :])
        if line.startswith(_TICKS):
            return Block("list", "- " + line)
        if _CAPTION.match(style.name) or is_caption(line):
            return Block("caption", text)
        if runs.is_bold and _is_title(line):
            return Block("heading", line, BOLD_LEVEL)
        return Block("paragraph", text)

    def _box(self, box: _Element, depth: int) -> Iterator[NumberedItem]:
        """Read a text box, whose colour is not known."""
        before, self.is_filled = self.is_filled, True
        yield from self._inside(box, depth + 1)
        self.is_filled = before

    def _object(self, element: _Element) -> Iterator[Item]:
        """Yield what a drawing or embedded object shows."""
        if local_name(element) == "object":
            yield unread(self.guard.number("embedded object"))
            return
        yield from self.drawing.graphic(element)
        yield from self.drawing.pictures(element)
        for image in element.iter(_IMAGE_DATA):
            if image.get(R + "id"):
                yield from self.guard.read("picture", lambda one=image: self._image(one))  # type: ignore[misc]

    def _image(self, image: _Element) -> Iterator[Item]:
        """Yield a picture in the markup of Word before 2010."""
        target = self.package.target(self.part, image.get(R + "id"))
        shape = image.getparent()
        alt = repair_text(str(shape.get("alt") or "")) if shape is not None else ""
        name = f"picture {self.guard.counts['picture']}"
        yield from self.package.pictures.items(self.package.names[target.lower()], alt, name)

    def _inserted(self, element: _Element) -> Iterator[NumberedItem]:
        """Yield a document in another format that Word inserts when it opens the file."""
        target = self.package.target(self.part, element.get(R + "id"))
        for item in self.package.once(target, lambda: self._inserted_items(target)):
            if not (isinstance(item, Block) and item.picture):
                yield self.page, item

    def _inserted_items(self, target: str) -> Iterator[Item]:
        data = self.package.data(target)
        if not zipfile.is_zipfile(io.BytesIO(data)):
            yield from inserted_text(data, target)
            return
        if self.inserted >= MAX_INSERTED:
            raise ValueError("inserted too deep")
        archive = zipfile.ZipFile(io.BytesIO(data))
        if sum(member.file_size for member in archive.infolist()) > MAX_INSERTED_BYTES:
            raise ValueError("inserted document too large")
        package = OfficePackage.of(archive)
        name, root = open_main_part(package, MAIN)
        inserted = _DocxWalk(package, name, root, self.inserted + 1).items()
        yield from (item for _, item in inserted)

    def _table(self, element: _Element, depth: int) -> Iterator[NumberedItem]:
        """Build one table for each page that the table spans, repeating its header."""
        rows = list(table_parts(element, "tr"))
        cells = [list(table_parts(row, "tc")) for row in rows]
        if depth < MAX_DEPTH and max(map(len, cells), default=0) == 1:
            for row, of_row in zip(rows, cells, strict=True):  # a frame around text
                if code := row_left_out(row):
                    yield self.page, Remark(code)
                    continue
                for cell in of_row:
                    yield from self._inside(cell, depth + 1)
            return
        before, self.is_filled = self.is_filled, self.is_filled or self._is_styled_table(element)
        reader = TableRows(self)
        for row, of_row in zip(rows, cells, strict=True):
            reader.add(row, of_row)
        self.is_filled = before
        headings = sum(is_header_row(row) for row in rows)
        table = lay_out_table(reader.merged(), headings)
        if table.title:
            yield reader.pages[0], Block("caption", table.title)
        numbers = reader.pages[len(reader.pages) - len(table.rows) :]
        head = table.rows[: table.headings]
        first = True
        for number, group in groupby(zip(numbers, table.rows, strict=True), lambda one: one[0]):
            body = [texts for _, texts in group]
            block = build_table(body if first else [*head, *body], table.headings)
            first = False
            if block is not None:
                yield number, block
        for item in [*reader.items, *self._take_pending()]:
            yield self.page, item

    def _is_styled_table(self, element: _Element) -> bool:
        """Tell whether a table or its style shades cells."""
        properties = element.find(W + "tblPr")
        style = self.styles.get(child_value(properties, "tblStyle"))
        return is_shaded(properties) or (style is not None and style.is_filled)

    def cell_text(self, cell: _Element, items: list[Item]) -> str:
        """Return the text of a cell on one line; add what is anchored in it to `items`."""
        before, filled = self.is_filled, is_shaded(cell.find(W + "tcPr"))
        self.is_filled = before or filled
        texts = []
        for paragraph in cell_paragraphs(cell):
            filled = self.is_filled or is_shaded(paragraph.find(W + "pPr"))
            style = self._style(paragraph)
            runs = self.runs.read(paragraph, style, is_filled=filled)
            self.page += runs.breaks
            marker, _ = self._marker(paragraph, style)
            text, _ = self._written(runs)
            if text and marker not in ("", "-"):
                text = f"{marker} {text}"
            texts.append(text)
            items += runs.remarks
            for anchored in runs.objects:
                items += self._object(anchored)
            for box in runs.boxes:
                items += [item for _, item in self._box(box, 1)]
        self.is_filled = before
        return " ".join(" ".join(filter(None, texts)).split())

    def _breaks_before(self, properties: _Element | None, style: ParagraphStyle) -> bool:
        stated = is_on(properties, "pageBreakBefore")
        return self.has_text and (style.breaks_page if stated is None else stated)

    def _style(self, element: _Element) -> ParagraphStyle:
        name = child_value(element.find(W + "pPr"), "pStyle")
        return self.styles.get(name) or _NO_STYLE

    def _marker(self, element: _Element, style: ParagraphStyle) -> tuple[str, int]:
        """Return the number or bullet of a paragraph and its list depth; `""` if not in a list."""
        found = numbering_of(element.find(W + "pPr")) or style.numbered
        if found is None or found[0] == "0":
            return "", 0
        return self.numbering.marker(*found), found[1]


def _is_held(properties: _Element | None) -> bool:
    """Tell a paragraph that runs into the next one: a drop cap, or one whose end was deleted."""
    if properties is None:
        return False
    frame = properties.find(W + "framePr")
    if frame is not None and frame.get(W + "dropCap") in ("drop", "margin"):
        return True
    return properties.find(f"{W}rPr/{W}del") is not None


def _ends_section(properties: _Element | None) -> bool:
    """Tell whether a section of the document ends with a paragraph, and the next on a new page."""
    section = properties.find(W + "sectPr") if properties is not None else None
    return section is not None and child_value(section, "type") != "continuous"


def _outline_level(element: _Element | None) -> int:
    """Return the heading level that a paragraph states itself, 0 if none."""
    properties = element.find(W + "pPr") if element is not None else None
    stated = child_value(properties, "outlineLvl")
    return min(int(stated) + 1, 6) if stated in tuple("01234567") else 0


def _is_title(text: str) -> bool:
    """Tell a heading that is only bold, without a heading style, from a paragraph."""
    return len(text) <= 120 and text[:1].isalnum() and not text.endswith((".", ";", ",", ":"))


def _whole(element: _Element | None, name: str) -> int:
    value = str(element.get(W + name) or "") if element is not None else ""
    return int(value) if value.isdecimal() else 0
