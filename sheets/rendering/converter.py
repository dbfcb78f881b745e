"""Python-Markdown for untrusted texts: its time is linear in their length.

Bounded are the nesting of quotes and lists, how often a block is read again, and how far the ends
of brackets and code spans are searched. Text beyond a bound is shown literally and listed in
`Converter.left_plain`, so that a form can refuse it with a sentence. Pure.
"""

import re
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, MutableSequence
from typing import Any, cast
from xml.etree import ElementTree

import markdown
from markdown.blockparser import BlockParser
from markdown.blockprocessors import (
    BlockQuoteProcessor,
    CodeBlockProcessor,
    EmptyBlockProcessor,
    HashHeaderProcessor,
    HRProcessor,
    ListIndentProcessor,
    OListProcessor,
    ParagraphProcessor,
    ReferenceProcessor,
    SetextHeaderProcessor,
)
from markdown.extensions import Extension
from markdown.extensions.sane_lists import SaneOListProcessor, SaneUListProcessor
from markdown.extensions.tables import TableProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

DEEPEST = 24
"""Most levels of nested blocks; a list in a list takes two."""
READS_PER_CHARACTER, FREE_READS = 40, 10_000
"""How often each character of a text may be read as part of a block, on average, and how many
characters may be read besides."""
SCANS_PER_CHARACTER, FREE_SCANS = 40, 4_000
"""How many characters may be scanned for the ends of brackets and code spans, for each character of
their paragraph, and besides."""
LONGEST_PARAGRAPH = 20_000
"""In characters; a longer paragraph is not parsed for inline Markdown."""

FREE_CELLS = 50
"""Cells that a table may have besides half of its characters."""

_MARKUP = re.compile(r"[\\`*_\[<&]|  \n")
_MARK = re.compile(r"[\[\]()'\"]|`+")
_IN_ROW = re.compile(r"\\\\|(?P<escaped>\\`+)|(?P<ticks>`+)|\\\||(?P<pipe>\|)")


class Converter(markdown.Markdown):
    """A converter with tables and without raw HTML, whose cost is bounded."""

    def __init__(self, *extensions: Extension) -> None:
        self.left_plain: list[str] = []
        super().__init__(extensions=list(extensions), output_format="html")
        self.preprocessors.deregister("html_block")
        self.inlinePatterns.deregister("html")
        self.treeprocessors.register(BoundInline(self), "bound_inline", 25)

    def build_parser(self) -> "Converter":
        """Build the bounded block parser."""
        super().build_parser()
        self.parser = BoundedParser(self)
        self.ESCAPED_CHARS = [*self.ESCAPED_CHARS, "|"]
        return self

    def leave_plain(self, text: str) -> AtomicString:
        """Record a text in `left_plain` and return it to be shown literally."""
        self.left_plain.append(text.strip())
        return AtomicString(text)


# --- Blocks ---------------------------------------------------------------------------------------


class Blocks(deque[str]):
    """A list of blocks whose `pop(0)` and `insert(0, …)` take constant time."""

    def pop(self, place: int = 0) -> str:
        return self.popleft()

    def insert(self, place: int, block: str) -> None:
        self.appendleft(block)


class BoundedParser(BlockParser):
    """A block parser with bounded depth and a bounded number of characters read."""

    def __init__(self, md: Converter) -> None:
        super().__init__(md)
        self.converter = md
        self.depth = self.room = 0
        for priority, name, processor in (
            (100, "empty", EmptyBlockProcessor(self)),
            (90, "indent", ListIndentProcessor(self)),
            (80, "code", CodeBlockProcessor(self)),
            (75, "table", Table(self)),
            (70, "hashheader", HashHeaderProcessor(self)),
            (60, "setextheader", SetextHeaderProcessor(self)),
            (50, "hr", HRProcessor(self)),
            (40, "olist", OrderedList(self)),
            (30, "ulist", PlainList(self)),
            (20, "quote", BlockQuoteProcessor(self)),
            (15, "reference", Reference(self)),
            (10, "paragraph", ParagraphProcessor(self)),
        ):
            self.blockprocessors.register(processor, name, priority)

    def parseDocument(self, lines: Any) -> Any:  # noqa: N802 (the library's name)
        lines = list(lines)
        self.depth = 0
        self.room = FREE_READS + READS_PER_CHARACTER * sum(len(line) + 1 for line in lines)
        return super().parseDocument(lines)

    def parseChunk(self, parent: ElementTree.Element, text: str) -> None:  # noqa: N802
        self.parseBlocks(parent, cast("list[str]", Blocks(text.split("\n\n"))))

    def parseBlocks(self, parent: ElementTree.Element, blocks: Any) -> None:  # noqa: N802
        """Parse the blocks; those beyond a bound become literal paragraphs."""
        self.depth += 1
        while blocks:
            self.room -= len(blocks[0]) + 1
            if self.depth > DEEPEST or self.room < 0:
                self.leave_plain(parent, blocks)
                break
            for processor in self.blockprocessors:
                if processor.test(parent, blocks[0]) and processor.run(parent, blocks) is not False:
                    break
        self.depth -= 1

    def leave_plain(self, parent: ElementTree.Element, blocks: MutableSequence[str]) -> None:
        for block in blocks:
            if block.strip():
                paragraph = ElementTree.SubElement(parent, "p")
                paragraph.text = self.converter.leave_plain(block)
        blocks.clear()


class _Items(OListProcessor):
    """Collects the lines of list items in linear time."""

    def get_items(self, block: str) -> list[str]:
        items: list[list[str]] = []
        step = " " * self.tab_length
        for line in block.split("\n"):
            if child := self.CHILD_RE.match(line):
                if not items and self.TAG == "ol":
                    setattr(self, "STARTSWITH", child[1].rstrip("."))  # noqa: B010 (of the class)
                items.append([child[3]])
            elif self.INDENT_RE.match(line) and not items[-1][0].startswith(step):
                items.append([line])
            else:
                items[-1].append(line)
        return ["\n".join(lines) for lines in items]


class OrderedList(_Items, SaneOListProcessor):
    """Numbered lists."""


class PlainList(_Items, SaneUListProcessor):
    """Bulleted lists."""


class Reference(ReferenceProcessor):
    """Link definitions, matched in linear time."""

    RE = re.compile(
        r"^[ ]{0,3}\[([^\[\]]*)\]:[ ]*+(?:\n[ ]*+)?+(\S++)[ ]*+(?:\n[ ]*+)?"
        r"((?P<quote>[\"'])([^\n]*)(?P=quote)[ ]*|\(([^\n]*)\)[ ]*)?$",
        re.MULTILINE,
    )


class Table(TableProcessor):
    """Tables, whose rows are split in linear time and whose cells are bounded.

    The library fills each row up to the columns of the header. A table of more cells than half of
    its characters is made of empty ones, and stays plain text.
    """

    def __init__(self, parser: BlockParser) -> None:
        super().__init__(parser, {"use_align_attribute": False})

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> None:
        """Build the table, or leave it plain."""
        rows = blocks[0].count("\n")  # with the header, without the row of delimiters
        if rows * len(self.separator) > len(blocks[0]) // 2 + FREE_CELLS:
            cast("BoundedParser", self.parser).leave_plain(parent, [blocks.pop(0)])
        else:
            super().run(parent, blocks)

    def _split(self, row: str) -> list[str]:
        """Return the cells of a row; bars that are escaped or in code do not separate cells."""
        cells: list[str] = []
        start = 0
        for bar in _bars(row):
            cells.append(row[start:bar])
            start = bar + 1
        return [*cells, row[start:]]


def _bars(row: str) -> Iterator[int]:
    """Yield the positions of the bars that separate cells."""
    found = list(_IN_ROW.finditer(row))
    ticks = [match for match in found if match["ticks"] or match["escaped"]]
    starts: defaultdict[int, list[int]] = defaultdict(list)  # of the closing runs, by length
    for match in ticks:
        starts[len(match[0].lstrip("\\"))].append(match.start())
    ends = {match.start(): match.end() for match in ticks}
    code_ends = 0
    for match in found:
        if match.start() < code_ends:
            continue
        if match["pipe"]:
            yield match.start()
        elif match["ticks"] or match["escaped"]:  # an escaped mark opens one mark later
            size = len(match["ticks"] or match["escaped"][2:])
            closing = starts.get(size, [])
            place = bisect_right(closing, match.start())
            if place < len(closing):
                code_ends = ends[closing[place]]


# --- Within a paragraph ---------------------------------------------------------------------------


class BoundInline(Treeprocessor):
    """Marks as literal the texts whose brackets or code spans would take too long."""

    def run(self, root: ElementTree.Element) -> None:
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


def left_plain(*texts: str) -> list[str]:
    """Return the pieces of the texts beyond a bound, which would be shown literally."""
    converter = Converter()
    lines = "\n\n".join(texts).split("\n")
    for preprocessor in converter.preprocessors:
        lines = preprocessor.run(lines)
    root = converter.parser.parseDocument(lines).getroot()
    assert root is not None  # parseDocument always makes one
    BoundInline(converter).run(root)
    return converter.left_plain
