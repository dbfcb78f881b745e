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

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.pictures import displayable_picture, figure_block
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.pagination import DocumentSummary, build_table, paginate_blocks

DROPPED = frozenset(
    "script style noscript template head nav aside iframe object embed svg canvas button select "
    "textarea option dialog audio video map math annotation".split()
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
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


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


def html_blocks(root: html.HtmlElement) -> Iterator[Block]:
    """Yield the blocks under an element, in document order."""
    return _HtmlWalk(root).blocks()


@dataclass(slots=True)
class _Item:
    """The current list item."""

    marker: str
    depth: int


@dataclass(slots=True)
class _List:
    ordered: bool
    count: int = 0


@dataclass(slots=True)
class _HtmlWalk:
    """Walks a tree without recursion, since nesting depth is unbounded."""

    root: html.HtmlElement
    words: list[str] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    item: _Item | None = None
    heading: int = 0
    verbatim: int = 0
    images: int = 0

    def blocks(self) -> Iterator[Block]:
        walk = etree.iterwalk(self.root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                yield from self._end(tag)
                if element is not self.root:
                    self._add_text(element.tail)
                continue
            if element is not self.root and self._is_dropped(element, tag):
                walk.skip_subtree()
                continue
            if tag == "table" and _is_data_table(element):
                yield from self._flush()
                yield from _html_table(element)
                walk.skip_subtree()
                continue
            yield from self._start(element, tag)
            self._add_text(element.text)
        yield from self._flush()

    def _start(self, element: etree._Element, tag: str) -> Iterator[Block]:
        if tag == "br":
            self.words.append("\n")
        elif tag == "img":
            yield from self._image(element)
        elif tag not in INLINE_TAGS and tag:
            yield from self._flush()
        if tag in ("ul", "ol", "menu"):
            self.lists.append(_List(tag == "ol", _span_number(element.get("start"), 1) - 1))
        elif tag == "li":
            self._begin_item()
        elif tag in HEADINGS:
            self.heading = HEADINGS[tag]
        elif tag == "pre":
            self.verbatim += 1

    def _end(self, tag: str) -> Iterator[Block]:
        if tag in INLINE_TAGS or tag in DROPPED or tag in ("br", "img", ""):
            return
        yield from self._flush("caption" if tag in CAPTIONS else "paragraph")
        if tag in ("ul", "ol", "menu") and self.lists:
            self.lists.pop()
        elif tag == "li":
            self.item = None
        elif tag in HEADINGS:
            self.heading = 0
        elif tag == "pre":
            self.verbatim -= 1

    def _begin_item(self) -> None:
        inside = self.lists[-1] if self.lists else _List(ordered=False)
        inside.count += 1
        marker = f"{inside.count}." if inside.ordered else "-"
        self.item = _Item(marker, max(len(self.lists) - 1, 0))

    def _add_text(self, text: str | None) -> None:
        if text:
            self.words.append(text if self.verbatim else _SPACES.sub(" ", text))

    def _is_dropped(self, element: etree._Element, tag: str) -> bool:
        if tag in DROPPED or not tag:
            return True
        if tag == "footer":
            return _is_under(element, "body") and _length(element) < 400
        style = element.get("style")
        return element.get("hidden") is not None or bool(style and _HIDDEN.search(style))

    def _flush(self, kind: str = "paragraph") -> Iterator[Block]:
        text = "\n".join(
            filter(None, (repair_text(line) for line in "".join(self.words).split("\n")))
        )
        self.words.clear()
        if not text:
            return
        if self.heading:
            yield Block("heading", " ".join(text.split()), self.heading)
        elif self.item is not None:
            marker = self.item.marker if self.item.marker else " "
            indent = "  " * min(self.item.depth, 8)
            yield Block("list", f"{indent}{marker} {' '.join(text.split())}")
            self.item = _Item("", self.item.depth)
        else:
            yield Block(kind, text)

    def _image(self, element: etree._Element) -> Iterator[Block]:
        number, self.images = self.images, self.images + 1
        text = repair_text(_SPACES.sub(" ", element.get("alt") or ""))
        try:
            data = _embedded_data(element.get("src") or "")
        except ValueError:
            data = b""
        block = figure_block(data, str(number), text if len(text) > 2 else "")
        if block is not None:
            yield from self._flush()
            yield block


def _is_data_table(element: etree._Element) -> bool:
    """Tell a data table from a layout table."""
    rows = list(element.iter("tr"))
    if next(element.iterdescendants("table"), None) is not None or not rows:
        return False
    return max(sum(cell.tag in ("td", "th") for cell in row) for row in rows[:50]) > 1


def _html_table(element: etree._Element) -> Iterator[Block]:
    caption = element.find("caption")
    if caption is not None and _line_text(caption):
        yield Block("caption", _line_text(caption))
    rows: list[list[str]] = []
    spans: dict[int, tuple[int, str]] = {}
    headers = 0
    for row in element.iter("tr"):
        cells, is_head = _row_cells(row, spans)
        if is_head and headers == len(rows):
            headers += 1
        rows.append(cells)
    block = build_table(rows, max(headers, 1) if headers < len(rows) else 1)
    if block is not None:
        yield block


def _row_cells(row: etree._Element, spans: dict[int, tuple[int, str]]) -> tuple[list[str], bool]:
    """Return the cells of a row, filled in where a cell spans, and whether it is a header."""
    elements = [cell for cell in row if cell.tag in ("td", "th")]
    is_head = _is_under(row, "thead") or (
        bool(elements) and all(cell.tag == "th" for cell in elements)
    )
    cells: list[str] = []
    for cell in elements:
        _fill(cells, spans)
        text = _line_text(cell)
        across = min(_span_number(cell.get("colspan"), 1), MAX_SPAN)
        down = min(_span_number(cell.get("rowspan"), 1), MAX_SPAN)
        for i in range(across):
            value = text if i == 0 or is_head else ""
            if down > 1:
                spans[len(cells)] = (down - 1, value)
            cells.append(value)
    _fill(cells, spans)
    return cells, is_head


def _fill(cells: list[str], spans: dict[int, tuple[int, str]]) -> None:
    while len(cells) in spans:
        left, value = spans[len(cells)]
        if left > 1:
            spans[len(cells)] = (left - 1, value)
        else:
            del spans[len(cells)]
        cells.append(value)


def _span_number(value: str | None, default: int) -> int:
    return max(int(value), 1) if value and value.strip().isdecimal() else default


def _line_text(element: etree._Element) -> str:
    """Return the text of an element on one line."""
    words: list[str] = []
    for part in element.iter():
        if part.tag in ("br", "p", "div", "li", "tr"):
            words.append(" ")
        if part.text and part.tag not in DROPPED:
            words.append(part.text)
        if part.tail and part is not element:
            words.append(part.tail)
    return repair_text(_SPACES.sub(" ", "".join(words)))


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
