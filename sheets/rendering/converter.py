"""Python-Markdown for untrusted texts: its time is linear in their length.

`sheets.markdown.scanner` reads the blocks, so that the page has those which everything else that
reads the text sees too; Python-Markdown reads what stands within a paragraph. Bounded are the
nesting of blocks and the cells of tables (by the scanner), and how far the ends of brackets and
code spans are searched. Text beyond a bound is shown literally and listed in
`Converter.left_plain`, so that a form can refuse it with a sentence. Pure.
"""

import re
from collections.abc import Iterable
from typing import Any, cast
from xml.etree.ElementTree import Element, ElementTree, SubElement

import markdown
from markdown.blockparser import BlockParser
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import ETX, STX, AtomicString

from sheets.markdown.html_tags import without_html
from sheets.markdown.scanner import BULLETS, REFERENCE, ScannedBlock, scan, split_row
from sheets.rendering.inline import PatternChoice, add_patterns

SCANS_PER_CHARACTER, FREE_SCANS = 40, 4_000
"""How many characters may be scanned for the ends of brackets and code spans, for each character of
their paragraph, and besides."""
LONGEST_PARAGRAPH = 20_000
"""In characters; a longer paragraph is not parsed for inline Markdown."""

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_MARKUP = re.compile(r"[\\`*_\[<&~^$@\v\u2028]|://|www\.|  \n")
_MARK = re.compile(r"[\[\]()'\"]|`+")
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_CONTROLS = str.maketrans("", "", STX + ETX)


class Converter(markdown.Markdown):
    """A converter with the scanner's blocks and without raw HTML, whose cost is bounded."""

    def __init__(self, *extensions: Extension) -> None:
        self.left_plain: list[str] = []
        super().__init__(extensions=list(extensions), output_format="html")
        for name in ("normalize_whitespace", "html_block"):
            self.preprocessors.deregister(name)
        add_patterns(self)
        self.treeprocessors.register(BoundInline(self), "bound_inline", 25)
        self.choice = PatternChoice(self)

    def convert(self, source: str) -> str:
        """Return the HTML of a text."""
        self.choice.choose(source)
        return super().convert(source)

    def build_parser(self) -> "Converter":
        """Set the parser that takes the scanner's blocks."""
        super().build_parser()
        self.parser = ScannedBlocks(self)
        self.ESCAPED_CHARS = [*PUNCTUATION, *BULLETS]
        return self

    def leave_plain(self, text: str) -> AtomicString:
        """Record a text in `left_plain` and return it to be shown literally."""
        self.left_plain.append(text.strip())
        return AtomicString(text)


# --- Blocks ---------------------------------------------------------------------------------------


class ScannedBlocks(BlockParser):
    """Makes elements of the scanner's blocks; a heading's `data-line` is that of the heading."""

    def __init__(self, md: Converter) -> None:
        super().__init__(md)
        self.converter = md

    def parseDocument(self, lines: Iterable[str]) -> Any:  # noqa: N802 (the library's name)
        """Return the element tree of the lines."""
        self.root = Element(self.md.doc_tag)
        self.add_blocks(self.root, scan("\n".join(lines)).blocks)
        return ElementTree(self.root)

    def add_blocks(self, parent: Element, blocks: Iterable[ScannedBlock]) -> None:
        table = None
        for block in blocks:
            if block.kind == "table":
                table = self.add_table(parent, block)
            elif block.kind == "caption":
                self.add_caption(parent, table, block)
            elif block.kind != "note":
                self.add_block(parent, block)

    def add_block(self, parent: Element, block: ScannedBlock) -> None:
        """Append the element of a block, unless the page does not show it."""
        kind = block.kind
        if kind == "text":
            self.set_text(SubElement(parent, "p"), block)
        elif kind == "heading":
            heading = SubElement(parent, f"h{block.level}", {"data-line": str(block.start)})
            heading.text = clean(block.text)
        elif kind == "list":
            self.add_list(parent, block)
        elif kind == "quote":
            self.add_blocks(SubElement(parent, "blockquote"), block.children)
        elif kind == "code":
            self.add_code(parent, block)
        elif kind == "rule":
            SubElement(parent, "hr")
        elif kind == "html":
            text = clean(block.text).strip()
            if without_html(text).strip():
                SubElement(parent, "p", {"class": "raw-html"}).text = text
        elif kind == "definitions":
            self.add_definitions(parent, block)
        elif kind == "reference":
            self.add_reference(block)

    def set_text(self, element: Element, block: ScannedBlock) -> None:
        text = "\n".join(clean(line) for line in block.lines).rstrip(" ")
        element.text = self.converter.leave_plain(text) if block.plain else text

    def add_list(self, parent: Element, block: ScannedBlock) -> None:
        """Append a list. Blank lines between items make no difference."""
        items = SubElement(parent, "ol" if block.level >= 0 else "ul")
        if block.level not in {-1, 1}:
            items.set("start", str(block.level))
        for item in block.children:
            element = SubElement(items, "li")
            if item.checked is not None:
                element.set("class", "task")
                box = SubElement(element, "input", {"type": "checkbox", "disabled": ""})
                box.tail = " "
                if item.checked:
                    box.set("checked", "")
            self.add_children(element, item.children)

    def add_children(self, element: Element, blocks: list[ScannedBlock]) -> None:
        """Append the blocks of an item or definition, the first paragraph without a <p>."""
        if blocks and blocks[0].kind == "text":
            if len(element):
                self.set_text(SubElement(element, "span"), blocks[0])
            else:
                self.set_text(element, blocks[0])
            blocks = blocks[1:]
        self.add_blocks(element, blocks)

    def add_code(self, parent: Element, block: ScannedBlock) -> None:
        code = SubElement(SubElement(parent, "pre"), "code")
        if language := _LANGUAGE.match(block.info):
            code.set("class", f"language-{language[0]}")
        code.text = AtomicString(clean(block.text) + "\n")

    def add_table(self, parent: Element, block: ScannedBlock) -> Element:
        """Append a table and return it; its rows have as many cells as its head."""
        table = SubElement(parent, "table")
        head, rule, *rows = (split_row(clean(line)) for line in block.lines)
        sides = [(cell.startswith(":"), cell.endswith(":")) for cell in rule]
        aligned = {(1, 0): "left", (0, 1): "right", (1, 1): "center", (0, 0): ""}
        body = None
        for row in (head, *rows):
            if body is None:
                line, tag = SubElement(SubElement(table, "thead"), "tr"), "th"
                body = SubElement(table, "tbody")
            else:
                line, tag = SubElement(body, "tr"), "td"
            for index, side in enumerate(sides):
                cell = SubElement(line, tag)
                cell.text = row[index] if index < len(row) else ""
                if align := aligned[side]:
                    cell.set("align", align)
        return table

    def add_caption(self, parent: Element, table: Element | None, block: ScannedBlock) -> None:
        """Add a caption to the table before it, or to the one that follows."""
        caption = Element("caption")
        caption.text = clean(block.text)
        if table is not None and len(parent) and parent[-1] is table:
            table.insert(0, caption)
        else:
            parent.append(caption)

    def add_definitions(self, parent: Element, block: ScannedBlock) -> None:
        terms = SubElement(parent, "dl")
        for child in block.children:
            if child.kind == "term":
                SubElement(terms, "dt").text = clean(child.text)
            else:
                self.add_children(SubElement(terms, "dd"), child.children)

    def add_reference(self, block: ScannedBlock) -> None:
        """Note the address that a link names by a label."""
        match = REFERENCE.match(block.text)
        if match:
            label = " ".join(match["label"].split()).lower()
            address, title = match["address"].strip("<>"), match["title"]
            self.md.references.setdefault(label, (address, title[1:-1] if title else ""))


def clean(text: str) -> str:
    """Return the text without the signs that the library uses for itself."""
    return text.translate(_CONTROLS)


# --- Within a paragraph ---------------------------------------------------------------------------


class BoundInline(Treeprocessor):
    """Marks as literal the texts whose brackets or code spans would take too long."""

    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.text and not isinstance(element.text, AtomicString):
                element.text = self.bound(element.text)
            if element.tail:
                element.tail = self.bound(element.tail)

    def bound(self, text: str) -> str:
        """Return the text; as AtomicString, left unparsed, if it has no markup or is too dense."""
        if not _MARKUP.search(text):
            return AtomicString(text)
        return cast("Converter", self.md).leave_plain(text) if is_dense(text) else text


def is_dense(text: str) -> bool:
    """Tell whether parsing the brackets and code spans of a paragraph would scan too much."""
    if len(text) > LONGEST_PARAGRAPH:
        return True
    openers = text.count("[") + text.count("`")
    return openers > SCANS_PER_CHARACTER and scanned_characters(
        text
    ) > FREE_SCANS + SCANS_PER_CHARACTER * len(text)


def scanned_characters(text: str) -> int:
    """Return how many characters are scanned for the ends of brackets and code spans.

    A bracket scans to its closing bracket, a link address to its parenthesis, a code span to as
    many backticks; what is not closed scans to the end of the text.
    """
    total = 0
    brackets: list[int] = []
    parentheses: list[int] = []
    addresses: list[int] = []  # the parentheses that open the address of a link
    ticks: dict[int, int] = {}
    closed = -1  # the position of the last closing bracket
    for match in _MARK.finditer(text):
        sign, at = match[0], match.start()
        if sign == "[":
            brackets.append(at)
        elif sign == "]":
            if brackets:
                total += at - brackets.pop()
                closed = at
        elif sign == "(":
            parentheses.append(at)
            if at == closed + 1:
                addresses.append(at)
        elif sign == ")":
            if parentheses and [parentheses.pop()] == addresses[-1:]:
                total += at - addresses.pop()
        elif sign[0] == "`":
            total += at - ticks.pop(len(sign), at)
            ticks[len(sign)] = at
        else:  # an address with a quotation mark may be scanned beyond its parenthesis
            total += sum(len(text) - opened for opened in addresses)
            addresses.clear()
    ends = [*brackets, *addresses, *ticks.values()]
    return total + sum(len(text) - at for at in ends)


def left_plain(body: str) -> list[str]:
    """Return the pieces of a text beyond a bound, which would be shown literally."""
    converter = Converter()
    root = Element("div")
    document = scan(body)
    cast("ScannedBlocks", converter.parser).add_blocks(root, document.blocks)
    for note in document.notes:
        cast("ScannedBlocks", converter.parser).add_blocks(root, note.children)
    BoundInline(converter).run(root)
    return converter.left_plain
