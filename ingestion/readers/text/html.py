"""Read HTML with lxml: headings, paragraphs, lists, tables and figures of the main content."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from lxml import etree, html

from ingestion.readers import (
    Block,
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Progress,
    ReadError,
    Remark,
)
from ingestion.readers.pictures import displayable_picture, figure_block
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.raised import Piece, write_paragraph, write_pieces
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.equations import mathml_text
from ingestion.readers.text.html_notes import HtmlNotes, is_return_link, without_sign
from ingestion.readers.text.html_visibility import HidingRules
from ingestion.readers.text.pagination import DocumentSummary, Item, paginate_blocks
from ingestion.readers.text.table_grid import Cell, lay_out_table

DROPPED = frozenset(
    "script style noscript template head nav aside iframe object embed svg canvas button select "
    "textarea option dialog audio video map annotation".split()
)
INLINE_TAGS = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i input ins kbd label mark meter "
    "nobr output progress q s samp small span strike strong sub sup time tt u var wbr".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
CAPTIONS = frozenset({"figcaption", "caption"})
MAX_SPAN = 100
MIN_MAIN_SHARE = 0.4
"""Share of the page's text above which `main` or the only `article` is the main content."""

_SPACES = re.compile(r"[ \t\n\r\f]+")


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the main content, split into pages at headings where possible."""
    root = parse_html(decode_text(Path(file).read_bytes(), states_encoding=True))
    about = DocumentSummary(
        title=_meta(root, "og:title") or _title(root),
        author=_meta(root, "author"),
        language=str(root.get("lang") or ""),
    )
    yield from about.document(paginate_blocks(html_blocks(find_content(root))))


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture embedded as a `data:` address; others are never fetched."""
    root = parse_html(decode_text(Path(file).read_bytes(), states_encoding=True))
    return embedded_picture(find_content(root), reference, max_width)


def embedded_picture(root: html.HtmlElement, reference: str, max_width: int) -> PageImage:
    """Return a picture by its index in a tree; raise "not_drawn" if it is not embedded there."""
    images = list(root.iter("img"))
    try:
        data = _embedded_data(str(images[int(reference)].get("src") or ""))
    except (IndexError, ValueError) as error:
        raise ReadError("not_drawn", {"reference": reference}) from error
    return displayable_picture(data, max_width)


def parse_html(text: str) -> html.HtmlElement:
    """Parse a page, however malformed; an empty tree if it has no element."""
    parser = html.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    data = text.encode("utf-8", "replace")
    try:
        return html.document_fromstring(data, parser=parser)
    except etree.ParserError:  # nothing but comments
        return html.Element("html")


def find_content(root: html.HtmlElement) -> html.HtmlElement:
    """Return the main content of a page, as its author marks it, else the whole page."""
    whole = _length(root)
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = root.findall(path)
        if len(found) == 1 and _length(found[0]) > MIN_MAIN_SHARE * whole:
            return found[0]
    return root


def html_blocks(root: html.HtmlElement) -> Iterator[Item]:
    """Yield the blocks under an element, in document order, and remarks on what is left out."""
    document = root.getroottree().getroot()
    return _HtmlWalk(root, HidingRules.of(document), HtmlNotes.of(document)).items()


@dataclass(slots=True)
class _ListItem:
    """The current list item."""

    marker: str
    depth: int


@dataclass(slots=True)
class _List:
    ordered: bool
    count: int = 0
    step: int = 1

    @classmethod
    def of(cls, element: etree._Element) -> _List:
        """Begin a list, at the number that it states."""
        items = sum(child.tag == "li" for child in element)
        is_reversed = element.get("reversed") is not None
        start = _number(element.get("start"), items if is_reversed else 1)
        step = -1 if is_reversed else 1
        return cls(element.tag == "ol", start - step, step)

    def next_marker(self, value: str | None) -> str:
        """Return the number of the next item, as it is shown; `value` is what the item states."""
        self.count = _number(value, self.count + self.step)
        return f"{self.count}." if self.ordered else "-"


@dataclass(slots=True)
class _HtmlWalk:
    """Walks a tree without recursion, since nesting depth is unbounded."""

    root: etree._Element
    hiding: HidingRules
    notes: HtmlNotes
    in_cell: bool = False  # of a table: only text is read
    pieces: list[Piece] = field(default_factory=list)
    shifts: list[tuple[etree._Element, int]] = field(default_factory=list)  # the open ones
    lists: list[_List] = field(default_factory=list)
    item: _ListItem | None = None
    heading: int = 0
    verbatim: int = 0
    images: dict[etree._Element, int] = field(default_factory=dict)
    note: str = ""  # the sign of the note that is being read
    note_element: etree._Element | None = None
    note_block: str = ""  # the sign of a note that begins inside the current block

    def __post_init__(self) -> None:
        if not self.in_cell:
            self.images = {image: number for number, image in enumerate(self.root.iter("img"))}

    def items(self) -> Iterator[Item]:
        walk = etree.iterwalk(self.root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                yield from self._end(element, tag)
                if element is not self.root:
                    self._add_text(element.tail)
                continue
            reason = self._dropped(element, tag) if element is not self.root else None
            if reason is not None:
                if reason:
                    yield Remark(reason)
                walk.skip_subtree()
                continue
            if tag == "math" or self._is_call(element, tag):
                self._add_whole(element, tag)
                walk.skip_subtree()
                continue
            if tag == "table" and not self.in_cell and _is_data_table(element):
                yield from self._flush()
                yield from self._table(element)
                walk.skip_subtree()
                continue
            yield from self._start(element, tag)
            self._add_text(element.text)
        yield from self._flush()

    def _start(self, element: etree._Element, tag: str) -> Iterator[Item]:
        if tag == "br":
            self.pieces.append(("\n", 0))
        elif tag == "img":
            if not self.in_cell:
                yield from self._image(element)
        elif tag not in INLINE_TAGS and tag:
            yield from self._flush()
        self._begin_note(element, tag)
        if shift := self.hiding.shift_of(element, tag):
            self.shifts.append((element, shift))
        if tag in ("ul", "ol", "menu"):
            self.lists.append(_List.of(element))
        elif tag == "li" and not self.in_cell:
            self._begin_item(element)
        elif tag in HEADINGS:
            self.heading = HEADINGS[tag]
        elif tag == "pre":
            self.verbatim += 1

    def _end(self, element: etree._Element, tag: str) -> Iterator[Item]:
        if self.shifts and self.shifts[-1][0] is element:
            self.shifts.pop()
        if tag in INLINE_TAGS or tag in DROPPED or tag in ("br", "img", "math", ""):
            return
        yield from self._flush("caption" if tag in CAPTIONS else "paragraph")
        if element is self.note_element:
            self.note, self.note_element = "", None
        if tag in ("ul", "ol", "menu") and self.lists:
            self.lists.pop()
        elif tag == "li":
            self.item = None
        elif tag in HEADINGS:
            self.heading = 0
        elif tag == "pre":
            self.verbatim -= 1

    def _begin_note(self, element: etree._Element, tag: str) -> None:
        """Take note that an element is the target of the call of a note."""
        sign = self.notes.signs.get(element.get("id") or element.get("name") or "")
        if not sign or tag in HEADINGS:
            return
        if tag in INLINE_TAGS:
            if not any(text.strip() for text, _ in self.pieces):
                self.note_block = sign
        elif self.note_element is None:
            self.note, self.note_element = sign, element

    def _begin_item(self, element: etree._Element) -> None:
        inside = self.lists[-1] if self.lists else _List(ordered=False)
        marker = inside.next_marker(element.get("value"))
        self.item = _ListItem(marker, max(len(self.lists) - 1, 0))

    def _add_text(self, text: str | None) -> None:
        if text:
            text = text if self.verbatim else _SPACES.sub(" ", text)
            self.pieces.append((text, self.shifts[-1][1] if self.shifts else 0))

    def _add_whole(self, element: etree._Element, tag: str) -> None:
        """Add an equation, or the call of a note."""
        if tag == "math":
            self.pieces.append((f" {mathml_text(element)} ", 0))
        else:
            self.pieces.append((f" [{self.notes.calls[element]}]", 0))

    def _is_call(self, element: etree._Element, tag: str) -> bool:
        return tag in ("a", "sup") and element in self.notes.calls

    def _dropped(self, element: etree._Element, tag: str) -> str | None:
        """Return why an element is not read: a remark's code, or `""`; None if it is read."""
        if tag in DROPPED or not tag or element.get("class") == "katex-html":
            return ""
        if tag == "footer" and _is_under(element, "body") and _length(element) < 400:
            return ""
        if is_return_link(element, tag):
            return ""
        code = self.hiding.left_out(element, tag)
        if not code:
            return None
        return code if _has_words(element) else ""

    def _flush(self, kind: str = "paragraph") -> Iterator[Block]:
        pieces, self.pieces = self.pieces, []
        sign, self.note_block = self.note_block or self.note, ""
        if self.heading or sign or self.in_cell:
            text, note = write_pieces(pieces, notes=self.notes.typed), sign
        else:
            text, note = write_paragraph(pieces, notes=self.notes.typed)
        text = "\n".join(filter(None, (repair_text(line) for line in text.split("\n"))))
        if not text:
            return
        if sign:
            text = f"[{sign}] {without_sign(text, sign)}"
        if self.heading:
            yield Block("heading", " ".join(text.split()), self.heading)
        elif note:
            yield Block("footnote", text, note=note)
        elif self.item is not None:
            marker = self.item.marker if self.item.marker else " "
            indent = "  " * min(self.item.depth, 8)
            yield Block("list", f"{indent}{marker} {' '.join(text.split())}")
            self.item = _ListItem("", self.item.depth)
        else:
            yield Block(kind, text)

    def _image(self, element: etree._Element) -> Iterator[Item]:
        number = self.images[element]
        text = repair_text(_SPACES.sub(" ", element.get("alt") or ""))
        try:
            data = _embedded_data(element.get("src") or "")
        except ValueError:
            data = b""
        block = figure_block(data, str(number), text if len(text) > 2 else "")
        if block is not None:
            yield from self._flush()
            yield block

    def _table(self, element: etree._Element) -> Iterator[Item]:
        """Yield the caption of a table, the table, and remarks on what is left out of it."""
        caption = element.find("caption")
        remarks: list[Item] = []
        if caption is not None and (text := self._line(caption, remarks)):
            yield Block("caption", text)
        rows: list[list[Cell]] = []
        headings = 0
        for row in element.iter("tr"):
            if code := self._dropped(row, "tr"):
                remarks.append(Remark(code))
                continue
            elements = [cell for cell in row if cell.tag in ("td", "th")]
            is_head = _is_under(row, "thead") or (
                bool(elements) and all(cell.tag == "th" for cell in elements)
            )
            if is_head and headings == len(rows):
                headings += 1
            rows.append([self._cell(cell, remarks) for cell in elements])
        yield from lay_out_table(rows, headings).blocks()
        yield from remarks

    def _cell(self, cell: etree._Element, remarks: list[Item]) -> Cell:
        across, down = (
            min(_span_number(cell.get(name), 1), MAX_SPAN) for name in ("colspan", "rowspan")
        )
        code = self._dropped(cell, str(cell.tag))
        if code:
            remarks.append(Remark(code))
        return Cell("" if code else self._line(cell, remarks), across, down)

    def _line(self, element: etree._Element, remarks: list[Item]) -> str:
        """Return the text of an element on one line; add to `remarks` what is left out."""
        walk = _HtmlWalk(element, self.hiding, self.notes, in_cell=True)
        items = list(walk.items())
        remarks += [item for item in items if isinstance(item, Remark)]
        return " ".join(" ".join(i.text for i in items if isinstance(i, Block)).split())


def _is_data_table(element: etree._Element) -> bool:
    """Tell a data table from a layout table."""
    rows = list(element.iter("tr"))
    if next(element.iterdescendants("table"), None) is not None or not rows:
        return False
    return max(sum(cell.tag in ("td", "th") for cell in row) for row in rows[:50]) > 1


def _span_number(value: str | None, default: int) -> int:
    return max(int(value), 1) if value and value.strip().isdecimal() else default


def _number(value: str | None, default: int) -> int:
    """Return the number that an attribute states, negative ones too."""
    return int(value) if value and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value) else default


def _has_words(element: etree._Element) -> bool:
    return any(text.strip() for text in element.itertext(None))


def _is_under(element: etree._Element, tag: str) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == tag


def _length(element: etree._Element) -> int:
    return sum(len(text.strip()) for text in element.itertext(None))


def _meta(root: html.HtmlElement, name: str) -> str:
    for meta in root.iter("meta"):
        if name in (meta.get("name"), meta.get("property")):
            return str(meta.get("content") or "")
    return ""


def _title(root: html.HtmlElement) -> str:
    title = root.find(".//title")
    return " ".join((title.text or "").split()) if title is not None else ""


def _embedded_data(address: str) -> bytes:
    """Return the data of a `data:` address; ValueError for any other."""
    head, comma, data = address.partition(",")
    if not comma or not head.startswith("data:image/"):
        raise ValueError("not in the page")
    if head.endswith(";base64"):
        try:
            return base64.b64decode(re.sub(r"\s+", "", data))
        except binascii.Error as error:
            raise ValueError("not base64") from error
    return unquote_to_bytes(data)
