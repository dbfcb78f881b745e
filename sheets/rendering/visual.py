"""The text of a sheet as blocks for the visual editor: each with its lines as written.

A block that the visual editor can show has a `node`, in the JSON of ProseMirror; any other is shown
as Markdown. The scanner reads the blocks and the page's converter what stands within them, so that
the editor shows what the page will. Lines of footnotes belong to the gaps between blocks. Nothing
is lost: gaps and sources together are the text. Linear in the text. Pure.
"""

import html
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, cast
from xml.etree.ElementTree import Element, SubElement

from markdown.inlinepatterns import InlineProcessor
from markdown.util import STX

from sheets.markdown.parse import MARKER, note_text, read_note
from sheets.markdown.scanner import LINK, ScannedBlock, ScannedText, scan, split_row
from sheets.rendering.converter import Converter, ScannedBlocks, clean
from sheets.rendering.inline import DEEPEST_LETTERS, PatternChoice

Json = dict[str, Any]

BETWEEN = {"note", "reference"}
"""The kinds of blocks that are part of the gaps."""
MARKS = {
    "em": "italic", "strong": "bold", "code": "code", "del": "strike",
    "sub": "subscript", "sup": "superscript",
}  # fmt: skip
AS_WRITTEN = ("formula", "autolink", "automail", "comment", "anchor_tag", "tag", "entity")
"""The converter's patterns whose matches the editor shows as they are written."""
LEAD = re.compile(r"\S{1,11}[ \t]+")


class NotShownError(Exception):
    """A block has something that the visual editor does not show."""


def visual_blocks(text: str) -> Json:
    """Return `blocks` (source, node or None), the `gaps` around them (one more) and the `notes`."""
    document = scan(text)
    maker = NodeMaker(document)
    shown = [block for block in document.blocks if block.kind not in BETWEEN]
    nodes = [maker.node_of(block) for block in shown]
    maker.fill()
    blocks: list[Json] = []
    gaps: list[str] = []
    before = 0
    for block, node in zip(shown, nodes, strict=True):
        start, end = document.starts[block.start], document.starts[block.end]
        source = text[start:end].rstrip("\n")
        gaps.append(text[before:start])
        blocks.append({"source": source, "node": node if node and is_whole(node) else None})
        before = start + len(source)
    return {"blocks": blocks, "gaps": [*gaps, text[before:]], "notes": visual_notes(document)}


def is_whole(node: Json) -> bool:
    """Tell whether everything in a node could be read."""
    return "refused" not in node and all(is_whole(child) for child in node.get("content", ()))


def visual_notes(document: ScannedText) -> dict[str, Json]:
    """Return the footnotes of a text by label: document id, page, quote, title and source text."""
    found: dict[str, Json] = {}
    for block in document.notes:
        note = read_note(block.marker, note_text(document, block))
        title = note.text.partition("](")[0].lstrip("[").removesuffix(f", p. {note.page}")
        found.setdefault(
            block.marker,
            {
                "text": note.text,
                "document": note.document_id,
                "page": note.page,
                "quote": note.quote,
                "title": title if note.is_citation else "",
            },
        )
    return found


class NodeMaker:
    """Makes nodes of blocks; `fill` then reads what stands within their paragraphs, all at once."""

    def __init__(self, document: ScannedText) -> None:
        self.document = document
        labels = {note.marker for note in document.notes}
        self.converter = Converter()
        keep_written(self.converter, labels)
        self.converter.choice.choose(document.written)
        self.root = Element("div")
        self.waiting: list[tuple[Json, Element]] = []
        self.note_references()

    def note_references(self) -> None:
        """Let links by label be read as on the page."""
        parser = cast("ScannedBlocks", self.converter.parser)
        for block in self.document.blocks:
            if block.kind == "reference":
                parser.add_reference(block)

    def node_of(self, block: ScannedBlock) -> Json | None:
        """Return the node of a top block; None for one that is edited as Markdown."""
        try:
            return self.make(block)
        except NotShownError:
            return None

    def make(self, block: ScannedBlock, indent: int = 0) -> Json:
        """Return the node of a block; raises NotShownError."""
        makers: dict[str, Callable[[], Json]] = {
            "text": lambda: self.inline({"type": "paragraph"}, block),
            "heading": lambda: self.heading(block),
            "list": lambda: self.list(block, indent),
            "quote": lambda: self.container({"type": "blockquote"}, block),
            "rule": lambda: self.rule(block),
            "table": lambda: self.table(block),
        }
        if block.kind not in makers or block.plain:
            raise NotShownError
        return makers[block.kind]()

    def container(self, node: Json, block: ScannedBlock, indent: int = 0) -> Json:
        if not block.children:
            raise NotShownError
        return node | {"content": [self.make(child, indent) for child in block.children]}

    def heading(self, block: ScannedBlock) -> Json:
        attributes = {"level": block.level, "anchor": block.marker or None}
        return self.inline({"type": "heading", "attrs": attributes}, block)

    def rule(self, block: ScannedBlock) -> Json:
        line = self.document.lines[block.start].rstrip("\n")
        return {"type": "horizontalRule", "attrs": {"markup": line}}

    def list(self, block: ScannedBlock, indent: int) -> Json:
        """Return the node of a list; its items say how they are marked and indented."""
        lines = self.document.lines
        ends = [item.end for item in block.children]
        starts = [item.start for item in block.children]
        gaps = [s - e for e, s in zip(ends, starts[1:], strict=False)]
        left = indent_of(lines[block.start])
        attributes: Json = {"loose": any(gaps), "indent": left - indent if indent or left else None}
        kind = "bulletList"
        if block.level >= 0:
            kind = "orderedList"
            attributes["start"] = block.level
        items = [self.item(item, left) for item in block.children]
        return {"type": kind, "attrs": attributes, "content": items}

    def item(self, item: ScannedBlock, left: int) -> Json:
        children = item.children
        first = self.document.lines[item.start][left:]
        lead = LEAD.match(first)
        if item.checked is not None or not children or children[0].kind != "text" or not lead:
            raise NotShownError
        source = self.document.source(item.start, item.end).rstrip("\n")
        node: Json = {"type": "listItem", "attrs": {"lead": lead[0]}, "source": source}
        return self.container(node, item, left)

    def table(self, block: ScannedBlock) -> Json:
        head, rule, *rest = (split_row(clean(line)) for line in block.lines)
        aligned = {(1, 0): "left", (0, 1): "right", (1, 1): "center", (0, 0): None}
        sides = [aligned[cell.startswith(":"), cell.endswith(":")] for cell in rule]
        rows: list[Json] = []
        for line, cells in zip([block.lines[0], *block.lines[2:]], [head, *rest], strict=True):
            if len(cells) > len(sides):
                raise NotShownError
            kind = "tableCell" if rows else "tableHeader"
            texts = [*cells, *[""] * (len(sides) - len(cells))]
            content = [self.cell(kind, text, side) for text, side in zip(texts, sides, strict=True)]
            rows.append({"type": "tableRow", "source": line, "content": content})
        return {"type": "table", "attrs": {"rule": block.lines[1]}, "content": rows}

    def cell(self, kind: str, text: str, side: str | None) -> Json:
        paragraph: Json = {"type": "paragraph"}
        self.wait(paragraph, text)
        return {"type": kind, "attrs": {"align": side}, "cell": text, "content": [paragraph]}

    def inline(self, node: Json, block: ScannedBlock) -> Json:
        self.wait(node, "\n".join(clean(line) for line in block.lines).rstrip(" "))
        return node

    def wait(self, node: Json, text: str) -> None:
        element = SubElement(self.root, "p")
        element.text = text
        self.waiting.append((node, element))

    def fill(self) -> None:
        """Read the paragraphs of all nodes."""
        for name in ("bound_inline", "inline", "unescape"):
            self.converter.treeprocessors[name].run(self.root)
        for node, element in self.waiting:
            try:
                node["content"] = list(inline_nodes(element, ()))
            except NotShownError:
                node["refused"] = True


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


# --- Within a paragraph ---------------------------------------------------------------------------


def inline_nodes(element: Element, marks: tuple[Json, ...]) -> Iterator[Json]:
    """Yield the nodes of what stands in an element; raises NotShownError."""
    yield from text_nodes(element.text, marks)
    for child in element:
        yield from element_nodes(child, marks)
        yield from text_nodes(child.tail, marks)


def text_nodes(text: str | None, marks: tuple[Json, ...]) -> Iterator[Json]:
    """Yield text, and a soft break for the end of each line but the last."""
    if text and STX in text:
        raise NotShownError
    for number, line in enumerate((text or "").split("\n")):
        if number:
            yield {"type": "softBreak", "marks": list(marks)}
        if line:
            yield {"type": "text", "text": line, "marks": list(marks)}


def element_nodes(element: Element, marks: tuple[Json, ...]) -> Iterator[Json]:
    """Yield the nodes of an element that the converter made; raises NotShownError."""
    tag = element.tag
    if tag == "sup" and "data-marker" in element.attrib:
        attributes = {"label": element.get("data-marker")}
        yield {"type": "citation", "attrs": attributes, "marks": list(marks)}
    elif tag == "wiki":
        attributes = {"title": element.get("title"), "shown": element.get("shown")}
        yield {"type": "sheetLink", "attrs": attributes, "marks": list(marks)}
    elif tag == "br":
        markup = element.get("markup")
        yield {"type": "hardBreak", "attrs": {"markup": markup}, "marks": list(marks)}
    elif tag == "img":
        names = ("src", "alt", "title")
        yield {"type": "image", "attrs": {n: element.get(n) for n in names}, "marks": list(marks)}
    elif tag == "raw":
        attributes = {"source": element.get("source")}
        yield {"type": "rawInline", "attrs": attributes, "marks": list(marks)}
    elif tag == "escaped":
        yield from text_nodes(element.get("sign"), (*marks, {"type": "escaped"}))
    elif tag == "a":
        attributes = {"href": element.get("href"), "title": element.get("title")}
        yield from inline_nodes(element, (*marks, {"type": "link", "attrs": attributes}))
    elif tag == "code":
        text = html.unescape(element.text or "")
        yield from text_nodes(text, (*marks, {"type": "code"}))
    elif tag in MARKS:
        mark: Json = {"type": MARKS[tag]}
        if tag in {"sub", "sup"}:
            mark["attrs"] = {"html": "html" in element.attrib}
        yield from inline_nodes(element, (*marks, mark))
    else:
        raise NotShownError


def keep_written(md: Converter, labels: set[str]) -> None:
    """Let a converter keep how it is written what the page shows otherwise."""
    patterns = md.inlinePatterns
    kinds: dict[str, type[Instead]] = dict.fromkeys(AS_WRITTEN, AsWritten)
    kinds |= {"line_end": WrittenBreak, "linebreak": WrittenBreak, "escape": WrittenEscape}
    kinds |= {f"letters_{n}": WrittenLetters for n in range(DEEPEST_LETTERS)}
    places = {pattern.name: pattern.priority for pattern in cast("Any", patterns)._priority}
    for name, kind in kinds.items():
        patterns.register(kind(patterns[name]), name, places[name])
    patterns.register(WrittenLink(LINK.pattern, md), "sheet_link", 185)
    patterns.register(WrittenMarker(md, labels), "marker", 175)
    md.choice = PatternChoice(md)


class Instead(InlineProcessor, ABC):
    """Matches as another pattern does, and makes an element of `kind` instead of its own."""

    def __init__(self, pattern: Any) -> None:
        super().__init__(pattern.pattern, pattern.md)
        self.compiled_re = getattr(pattern, "compiled_re", self.compiled_re)
        self.own = pattern

    def handleMatch(  # type: ignore[override]  # noqa: N802 (the library's name)
        self, match: re.Match[str], data: str
    ) -> tuple[Any, int | None, int | None]:
        """Return what stands for a match, where the other pattern takes it."""
        if hasattr(self.own, "handleMatch") and isinstance(self.own, InlineProcessor):
            found, start, end = self.own.handleMatch(match, data)
            if start is None or end is None:
                return None, None, None
        else:
            found, start, end = None, match.start(0), match.end(0)
        return self.element(found, match, data[start:end]), start, end

    @abstractmethod
    def element(self, found: Any, match: re.Match[str], source: str) -> Any:
        """Return the element for a match, of which the other pattern made `found`."""


class AsWritten(Instead):
    """Keeps what the editor shows as it is written: formulas, tags, entities."""

    def element(self, found: Any, match: re.Match[str], source: str) -> Element:
        """Return <raw>."""
        return Element("raw", {"source": source})


class WrittenBreak(Instead):
    """Keeps how a line is ended."""

    def element(self, found: Any, match: re.Match[str], source: str) -> Element:
        """Return <br> with its `markup`."""
        return Element("br", {"markup": source})


class WrittenLetters(Instead):
    """Tells letters that HTML lowers or raises from those that Markdown does."""

    def element(self, found: Any, match: re.Match[str], source: str) -> Element:
        """Return the element of the letters; <raw> for other tags."""
        if match[1] not in {"sub", "sup"} or not source.startswith(f"<{match[1]}>"):
            return Element("raw", {"source": source})
        found.set("html", "")
        return cast("Element", found)


class WrittenEscape(Instead):
    """Tells an escaped sign from one that needs no backslash."""

    def element(self, found: Any, match: re.Match[str], source: str) -> Any:
        """Return <escaped>, or what is no escape as it is."""
        if found is None or match[1] not in self.own.md.ESCAPED_CHARS:
            return found
        return Element("escaped", {"sign": match[1]})


class WrittenLink(InlineProcessor):
    """Turns `[[Titre|texte]]` into <wiki>."""

    def handleMatch(  # type: ignore[override]  # noqa: N802 (the library's name)
        self, match: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        attributes = {"title": match["title"], "shown": match["shown"] or ""}
        return Element("wiki", attributes), match.start(0), match.end(0)


class WrittenMarker(InlineProcessor):
    """Turns `[^3]` of a known footnote into <sup>."""

    def __init__(self, md: Any, labels: set[str]) -> None:
        super().__init__(MARKER.pattern, md)
        self.labels = labels

    def handleMatch(  # type: ignore[override]  # noqa: N802 (the library's name)
        self, match: re.Match[str], data: str
    ) -> tuple[Element | None, int | None, int | None]:
        if match[1] not in self.labels:
            return None, None, None
        return Element("sup", {"data-marker": match[1]}), match.start(0), match.end(0)
