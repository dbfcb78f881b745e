"""Read Word documents: python-docx opens them, this module walks their body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import parse_xml

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress
from ingestion.readers.office.docx_numbering import ListNumbering
from ingestion.readers.office.docx_styles import (
    ParagraphStyle,
    child_value,
    is_on,
    numbering_of,
    styles_of,
)
from ingestion.readers.office.pictures import draw, office_info, open_office_file, picture
from ingestion.readers.pictures import figure_block
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.headings import is_caption
from ingestion.readers.text.pagination import (
    DocumentSummary,
    build_pages,
    build_table,
    paginate_blocks,
)

if TYPE_CHECKING:
    from docx.document import Document
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BULLET = re.compile(r"[-–•*]\s+(?=\S)")
_CAPTION = re.compile(r"^(?:caption|légende)$", re.IGNORECASE)
_CONTENTS = re.compile(r"^(?:toc|tm|table des matières) ?\d", re.IGNORECASE)
_EMBED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"
_CONTAINERS = frozenset(
    {
        "sdt",
        "sdtContent",
        "ins",
        "smartTag",
        "customXml",
        "hyperlink",
        "fldSimple",
        "moveTo",
        "dir",
        "bdo",
        "Choice",
        "AlternateContent",
    }
)
_SKIPPED = frozenset({"pPr", "rPr", "del", "moveFrom", "Fallback", "instrText", "delText"})
MAX_DEPTH = 100
BOLD_LEVEL = 3
"""Level of a heading that is only bold, without a heading style."""


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the document and return the metadata it states."""
    return _docx_info(_open_docx(file, limits)).info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the text in order, on the pages of Word's last layout, else on pages of equal length."""
    document = _open_docx(file, limits)
    about = _docx_info(document)
    walk = _DocxWalk(document)
    found = list(walk.blocks())
    pages = build_pages(found) if walk.page > 1 else paginate_blocks(block for _, block in found)
    yield from about.document(pages)


def _open_docx(file: str, limits: Limits) -> Document:
    return open_office_file(file, limits, docx.Document, PackageNotFoundError)


def _docx_info(document: Document) -> DocumentSummary:
    properties = document.core_properties
    return office_info(properties, properties.author)


def _local_name(element: _Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


@dataclass(slots=True)
class _DocxWalk:
    """Walks the body, counting pages and numbered paragraphs."""

    document: Document
    page: int = 1
    numbering: ListNumbering = field(init=False)
    styles: dict[str, ParagraphStyle] = field(init=False)
    rendered: bool = field(init=False)  # the file records the page breaks of Word's last layout
    notes: dict[str, str] = field(init=False)
    pending_notes: list[str] = field(default_factory=list)  # referenced since the last paragraph

    def __post_init__(self) -> None:
        part = self.document.part
        related = {rel.reltype: rel for rel in part.rels.values() if not rel.is_external}
        numbering = related.get(RELATIONSHIP_TYPE.NUMBERING)
        self.numbering = ListNumbering.of(numbering.target_part.element if numbering else None)
        self.styles = styles_of(self.document.styles.element)
        body = self.document.element.body
        self.rendered = next(body.iter(_W + "lastRenderedPageBreak"), None) is not None
        self.notes = {}
        for kind, reltype in (
            ("footnote", RELATIONSHIP_TYPE.FOOTNOTES),
            ("endnote", RELATIONSHIP_TYPE.ENDNOTES),
        ):
            if reltype in related:
                root = parse_xml(related[reltype].target_part.blob)
                for note in root.findall(_W + kind):
                    number = str(note.get(_W + "id"))
                    text = " ".join(repair_text(_plain_paragraph(p)) for p in note.iter(_W + "p"))
                    self.notes[f"{kind}{number}"] = text.strip()

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yield each block with the page that it begins on."""
        yield from self._inside(self.document.element.body, 0)

    def _inside(self, parent: _Element, depth: int) -> Iterator[tuple[int, Block]]:
        if depth > MAX_DEPTH:
            return
        for child in parent:
            name = _local_name(child)
            if name == "p":
                yield from self._paragraph(child, depth)
            elif name == "tbl":
                yield from self._table(child, depth)
            elif name in _CONTAINERS:
                yield from self._inside(child, depth + 1)

    def _paragraph(self, element: _Element, depth: int) -> Iterator[tuple[int, Block]]:
        style = self._style(element)
        marker, list_depth = self._marker(element, style)
        begin = self.page
        pieces = self._runs(element)
        if pieces.starts_on_next:
            begin = self.page
        text = repair_text(pieces.text)
        if text:
            yield begin, self._block(text, element, style, marker, list_depth)
        for data, reference, alt in self._pictures(element):
            block = figure_block(data, reference, alt)
            if block is not None:
                yield begin, block
        for box in pieces.boxes:
            yield from self._inside(box, depth + 1)
        for note in self.pending_notes:
            yield begin, Block("footnote", note)
        self.pending_notes = []

    def _block(
        self, text: str, element: _Element, style: ParagraphStyle, marker: str, depth: int
    ) -> Block:
        line = " ".join(text.split())
        if style.level and len(line) < 300:
            number = marker if marker != "-" else ""
            return Block("heading", f"{number} {line}".strip(), style.level)
        if _CONTENTS.match(style.name):
            return Block("contents", line)
        if marker:
            return Block("list", f"{'  ' * depth}{marker} {line}")
        if bullet := _BULLET.match(line):
            return Block("list", "- " + line[bullet.end() :])
        if _CAPTION.match(style.name) or is_caption(line):
            return Block("caption", text)
        if _is_bold_title(line, element, style):
            return Block("heading", line, BOLD_LEVEL)
        return Block("paragraph", text)

    def _runs(self, element: _Element) -> _Runs:
        """Read the text of a paragraph and count the page breaks in it."""
        runs = _Runs()
        stack = [iter(element)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                continue
            name = _local_name(child)
            if name in ("t", "noBreakHyphen", "tab", "br", "cr", "lastRenderedPageBreak"):
                self._character(name, child, runs)
            elif name in ("footnoteReference", "endnoteReference"):
                self._add_note(name, child, runs)
            elif name == "txbxContent":
                runs.boxes.append(child)
            elif name not in _SKIPPED and len(stack) < MAX_DEPTH:
                stack.append(iter(child))
        return runs

    def _character(self, name: str, element: _Element, runs: _Runs) -> None:
        if name == "t":
            runs.words.append(element.text or "")
        elif name == "noBreakHyphen":
            runs.words.append("-")
        elif name == "tab":
            runs.words.append(" ")
        elif name == "lastRenderedPageBreak":
            self._next_page(runs)
        elif element.get(_W + "type") == "page":
            if not self.rendered:
                self._next_page(runs)
        else:
            runs.words.append("\n")

    def _next_page(self, runs: _Runs) -> None:
        self.page += 1
        runs.starts_on_next = runs.starts_on_next or not "".join(runs.words).strip()

    def _add_note(self, name: str, element: _Element, runs: _Runs) -> None:
        """Add a note's reference to the text, and the note to those after the paragraph."""
        number = str(element.get(_W + "id"))
        note = self.notes.get(name.removesuffix("Reference") + number)
        if note:
            runs.words.append(f" [{number}]")
            self.pending_notes.append(f"[{number}] {note}")

    def _pictures(self, element: _Element) -> Iterator[tuple[bytes, str, str]]:
        for drawing in element.iter(_W + "drawing"):
            alt = next(
                (d.get("descr") or "" for d in drawing.iter() if _local_name(d) == "docPr"), ""
            )
            for blip in drawing.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}blip"):
                rel = self.document.part.rels.get(str(blip.get(_EMBED)))
                if rel is not None and not rel.is_external:
                    name = str(rel.target_part.partname).lstrip("/")
                    yield rel.target_part.blob, name, repair_text(alt)

    def _table(self, element: _Element, depth: int) -> Iterator[tuple[int, Block]]:
        """Build one table for each page that the table spans, repeating its header."""
        rows: list[tuple[int, list[str]]] = []
        spans: dict[int, str] = {}
        for row in element.iter(_W + "tr"):
            parent = row.getparent()
            if parent is not None and parent is not element and _local_name(parent) == "tbl":
                continue  # row of a nested table: read with its cell
            begin = self.page
            cells = self._cells(row, spans)
            rows.append((begin if any(cells) else self.page, cells))
        headers = max(sum(_is_header(row) for row in element.findall(_W + "tr")), 1)
        head = [cells for _, cells in rows[:headers]]
        first = True
        for number, group in groupby(rows, key=lambda item: item[0]):
            body = [cells for _, cells in group]
            block = build_table(body if first else [*head, *body], headers)
            first = False
            if block is not None:
                yield number, _plain_if_single(block, body)
        for note in self.pending_notes:
            yield self.page, Block("footnote", note)
        self.pending_notes = []

    def _cells(self, row: _Element, spans: dict[int, str]) -> list[str]:
        cells: list[str] = []
        for cell in row.iter(_W + "tc"):
            if _row_of(cell) is not row:
                continue
            properties = cell.find(_W + "tcPr")
            across, merge = _cell_span(properties)
            texts = [self._runs(p).text for p in cell.iter(_W + "p")]
            text = " ".join(repair_text(text) for text in texts if text)
            if merge == "continue":
                text = text or spans.get(len(cells), "")
            elif merge == "restart":
                spans[len(cells)] = text
            cells += [text, *[""] * (across - 1)]
        return cells

    def _style(self, element: _Element) -> ParagraphStyle:
        return self.styles.get(child_value(element.find(_W + "pPr"), "w:pStyle"), ParagraphStyle())

    def _marker(self, element: _Element, style: ParagraphStyle) -> tuple[str, int]:
        """Return the number or bullet of a paragraph and its list depth; `""` if not in a list."""
        found = numbering_of(element.find(_W + "pPr")) or style.numbered
        if found is None or found[0] == "0":
            return "", 0
        return self.numbering.marker(*found), found[1]


@dataclass(slots=True)
class _Runs:
    """The content of a paragraph."""

    words: list[str] = field(default_factory=list)
    boxes: list[_Element] = field(default_factory=list)
    starts_on_next: bool = False  # a page break precedes its first word

    @property
    def text(self) -> str:
        return "".join(self.words)


def _plain_paragraph(paragraph: _Element) -> str:
    return "".join(t.text or "" for t in paragraph.iter(_W + "t"))


def _plain_if_single(block: Block, rows: list[list[str]]) -> Block:
    """Turn a table of one column, used as a frame around text, into a paragraph."""
    if block.text.split("\n", 1)[0].count(" | ") == 0:
        return Block("paragraph", "\n".join(filter(None, (" ".join(row).strip() for row in rows))))
    return block


def _is_bold_title(text: str, element: _Element, style: ParagraphStyle) -> bool:
    """Tell a heading that is only bold, without a heading style, from a paragraph."""
    if len(text) > 120 or not text[:1].isalnum() or text.endswith((".", ";", ",", ":")):
        return False
    runs = [run for run in element.iter(_W + "r") if _plain_paragraph(run).strip()]
    on = (is_on(run.find(_W + "rPr"), "w:b") for run in runs)
    return bool(runs) and all(style.bold if bold is None else bold for bold in on)


def _cell_span(properties: _Element | None) -> tuple[int, str]:
    """Return the column span of a cell, and its vertical merge: "restart", "continue" or ""."""
    if properties is None:
        return 1, ""
    across, merge = properties.find(_W + "gridSpan"), properties.find(_W + "vMerge")
    wide = str(across.get(_W + "val")) if across is not None else "1"
    part = str(merge.get(_W + "val") or "continue") if merge is not None else ""
    return min(max(int(wide), 1), 100) if wide.isdecimal() else 1, part


def _is_header(row: _Element) -> bool:
    properties = row.find(_W + "trPr")
    return properties is not None and properties.find(_W + "tblHeader") is not None


def _row_of(cell: _Element) -> _Element | None:
    parent = cell.getparent()
    while parent is not None and _local_name(parent) != "tr":
        parent = parent.getparent()
    return parent
