"""Read OpenDocument texts: odfdo opens them, this module walks their elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import odfdo
from odfdo import Element

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, ReadError
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.pictures import figure_block
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.headings import is_caption
from ingestion.readers.text.pagination import (
    DocumentSummary,
    build_pages,
    build_table,
    paginate_blocks,
)

__all__ = ["check", "draw", "picture", "read"]

MAX_DEPTH = 100
MAX_REPEATED = 100
_SKIPPED = frozenset({"office:annotation", "text:tracked-changes", "office:forms", "svg:title"})
_CONTENTS = frozenset({"text:table-of-content", "text:illustration-index", "text:table-index"})
_TABLE_PARTS = frozenset({"table:table-header-rows", "table:table-rows", "table:table-row-group"})

NumberedBlock = tuple[int, Block]
"""The number of the page on which a block begins, and the block."""


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the document and return the metadata it states."""
    return _odt_info(_open_odt(file, limits)).info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the text on the pages recorded in the file, else on pages of equal length."""
    document = _open_odt(file, limits)
    walk = _OdtWalk(document)
    found = list(walk.blocks())
    pages = build_pages(found) if walk.page > 1 else paginate_blocks(block for _, block in found)
    yield from _odt_info(document).document(pages)


def _open_odt(file: str, limits: Limits) -> odfdo.Document:
    check_office_archive(file, limits)
    document = odfdo.Document(file)
    if b"encryption-data" in _odt_part(document, "META-INF/manifest.xml"):
        raise ReadError("encrypted")
    return document


def _odt_part(document: odfdo.Document, name: str) -> bytes:
    """Return a part of the document; empty if it is missing."""
    if document.container is None:
        return b""
    try:
        part = document.container.get_part(name)
    except KeyError:
        return b""
    return part if isinstance(part, bytes) else b""


def _odt_info(document: odfdo.Document) -> DocumentSummary:
    meta = document.meta
    created = meta.creation_date
    return DocumentSummary(
        title=str(meta.title or ""),
        author=str(meta.initial_creator or meta.creator or ""),
        language=str(meta.language or ""),
        created=created.date().isoformat() if created else "",
    )


def _page_break_styles(document: odfdo.Document) -> frozenset[str]:
    """Return the names of the paragraph styles with a page break before."""
    names = []
    for style in document.content.get_styles("paragraph"):
        properties = style.get_element("style:paragraph-properties")
        breaks = properties.get_attribute("fo:break-before") if properties is not None else None
        if breaks == "page" or style.get_attribute("style:master-page-name"):
            names.append(str(style.get_attribute("style:name")))
    return frozenset(names)


@dataclass(slots=True)
class _OdtWalk:
    """Walks the body, counting pages."""

    document: odfdo.Document
    page: int = 1
    has_text: bool = False
    page_break_styles: frozenset[str] = frozenset()  # styles with a page break before
    notes: list[str] = field(default_factory=list)  # referenced since the last paragraph
    pictures: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)

    def blocks(self) -> Iterator[NumberedBlock]:
        """Yield each block with the page that it begins on."""
        self.page_break_styles = _page_break_styles(self.document)
        yield from self._inside(self.document.body, 0)

    def _inside(self, parent: Element, depth: int) -> Iterator[NumberedBlock]:
        if depth > MAX_DEPTH:
            return
        for child in parent.children:
            tag = child.tag
            if tag == "text:h":
                level = str(child.get_attribute("text:outline-level") or "1")
                yield from self._paragraph(child, int(level) if level.isdecimal() else 1, depth)
            elif tag == "text:p":
                yield from self._paragraph(child, 0, depth)
            elif tag == "text:list":
                yield from self._list(child, 0)
            elif tag == "table:table":
                yield from self._table(child)
            elif tag == "text:soft-page-break":
                self.page += 1
            elif tag in _CONTENTS:
                yield from self._contents(child)
            elif tag not in _SKIPPED:
                yield from self._inside(child, depth + 1)

    def _paragraph(self, element: Element, level: int, depth: int) -> Iterator[NumberedBlock]:
        if (
            str(element.get_attribute("text:style-name")) in self.page_break_styles
            and self.has_text
        ):
            self.page += 1
        begin = self.page
        text = repair_text(self._text(element))
        line = " ".join(text.split())
        self.has_text = self.has_text or bool(line)
        if line and level:
            yield begin, Block("heading", line, min(level, 6))
        elif line:
            yield begin, Block("caption" if is_caption(line) else "paragraph", text)
        yield from self._anchored_blocks(begin, depth)

    def _anchored_blocks(self, begin: int, depth: int) -> Iterator[NumberedBlock]:
        """Yield what is anchored to a paragraph: its pictures, text frames and notes."""
        for name, alt in self.pictures:
            block = figure_block(_odt_part(self.document, name), name, alt)
            if block is not None:
                yield begin, block
        self.pictures = []
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            yield from self._inside(box, depth + 1)
        for note in self.notes:
            yield begin, Block("footnote", note)
        self.notes = []

    def _text(self, element: Element) -> str:
        """Return the text of a paragraph; collect its notes, pictures and frames for later."""
        words = [element.text or ""]
        for child in element.children:
            tag = child.tag
            if tag == "text:s":
                words.append(" ")
            elif tag in ("text:tab", "text:line-break"):
                words.append(" " if tag == "text:tab" else "\n")
            elif tag == "text:soft-page-break":
                self.page += 1
            elif tag == "text:note":
                words.append(self._note(child))
            elif tag == "draw:image":
                self._picture(child, element)
            elif tag == "draw:text-box":
                self.boxes.append(child)
            elif tag not in _SKIPPED:
                words.append(self._text(child))
            words.append(child.tail or "")
        return "".join(words)

    def _note(self, element: Element) -> str:
        citation = element.get_element("text:note-citation")
        body = element.get_element("text:note-body")
        if body is None:
            return ""
        label = citation.text if citation is not None else ""
        text = " ".join(repair_text(self._text(child)) for child in body.children)
        self.notes.append(f"[{label}] {text}")
        return f" [{label}]"

    def _picture(self, image: Element, frame: Element) -> None:
        name = str(image.get_attribute("xlink:href") or "")
        described = frame.get_element("svg:desc")
        alt = repair_text(described.text or "") if described is not None else ""
        if name.startswith("Pictures/"):
            self.pictures.append((name, alt if len(alt) > 2 else ""))

    def _list(self, element: Element, depth: int) -> Iterator[NumberedBlock]:
        if depth > MAX_DEPTH:
            return
        for item in element.children:
            marker = f"{'  ' * min(depth, 8)}- "
            for child in item.children:
                if child.tag == "text:list":
                    yield from self._list(child, depth + 1)
                elif child.tag == "text:h":
                    level = str(child.get_attribute("text:outline-level") or "1")
                    yield from self._paragraph(child, int(level) if level.isdecimal() else 1, 0)
                elif child.tag == "text:p":
                    begin = self.page
                    text = " ".join(repair_text(self._text(child)).split())
                    if text:
                        yield begin, Block("list", marker + text)
                        marker = " " * len(marker)
                    yield from self._anchored_blocks(begin, depth)

    def _contents(self, element: Element) -> Iterator[NumberedBlock]:
        body = element.get_element("text:index-body")
        for child in body.children if body is not None else []:
            text = " ".join(repair_text(self._text(child)).split())
            if text:
                yield self.page, Block("contents", text)

    def _table(self, element: Element) -> Iterator[NumberedBlock]:
        begin = self.page
        rows: list[list[str]] = []
        headers = self._rows(element, rows, 0)
        block = build_table(rows, max(headers, 1))
        if block is None:
            return
        if " | " in block.text.split("\n", 1)[0]:
            yield begin, block
        else:  # a frame around text
            text = "\n".join(filter(None, (" ".join(row).strip() for row in rows)))
            yield begin, Block("paragraph", text)
        yield from self._anchored_blocks(begin, 1)

    def _rows(self, element: Element, rows: list[list[str]], depth: int) -> int:
        """Add the rows of a table to `rows`; return the number of header rows."""
        headers = 0
        for child in element.children:
            if child.tag == "text:soft-page-break":
                self.page += 1
            elif child.tag in _TABLE_PARTS and depth < MAX_DEPTH:
                before = len(rows)
                self._rows(child, rows, depth + 1)
                if child.tag == "table:table-header-rows":
                    headers = len(rows) - before
            elif child.tag == "table:table-row":
                rows.append(self._cells(child))
        return headers

    def _cells(self, row: Element) -> list[str]:
        cells: list[str] = []
        for cell in row.children:
            repeated = str(cell.get_attribute("table:number-columns-repeated") or "1")
            times = int(repeated) if repeated.isdecimal() else 1
            text = " ".join(self._cell(child) for child in cell.children)
            cells += [text] * min(times, MAX_REPEATED)
        return cells

    def _cell(self, element: Element) -> str:
        words = [self._text(element)]
        return " ".join(repair_text(" ".join(words)).split())
