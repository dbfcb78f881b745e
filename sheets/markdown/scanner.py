"""Read the blocks of a Markdown text, with their lines. Pure.

This is the only place that tells headings, lists, tables, code and footnotes from plain text: the
page, its sections, the editor, the merge, the comparison and search all read these blocks. The
dialect is CommonMark with GitHub's tables, and

- footnote definitions (`[^a]: …`) at the left margin; lines indented by four spaces belong to them,
- definition lists (a line, then `: …`), captions of tables (a paragraph `Table: …` next to one),
- the bullets that word processors copy (`•`, `–`, `o` and a tab),
- `{#anchor}` at the end of a heading.

Each line is looked at once, and blocks stand in at most `DEEPEST` others, so that the time is
linear in the length of the text.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Any

DEEPEST = 24
"""Most containers around a block; a list and its item are two."""
FREE_CELLS = 50
"""Cells that a table may have besides half of its characters: short rows are filled with empty
ones."""

LINES = re.compile(r"[^\n\r]*+(?:\r\n|\n|\r)|[^\n\r]++")
BULLETS = "•●○◦▪■□‣⁃·–—\uf0b7\uf0a7\uf02d"
"""The signs that word processors copy in front of a list item."""
_RANKS = dict.fromkeys("–—⁃\uf02d", 1) | dict.fromkeys("○◦", 2) | dict.fromkeys("▪■□\uf0a7", 3)
_COPIED_O = re.compile(r"([ \t]*)o(?=\t)")
_ITEM = re.compile(rf"(?:(?P<bullet>[-+*{BULLETS}])|(?P<number>\d{{1,9}})(?P<stop>[.)]))(?: +|$)")
_HEADING = re.compile(r"(#{1,6})(?=[ \t]|$)")
_CLOSING = re.compile(r"(?:(?<=[ \t])|^)#+[ \t]*$")
HEADING_ANCHOR = re.compile(r"(?<![ \t])[ \t]*+\{#([\w-]{1,100})\}$")
_SETEXT = re.compile(r"(?:=+|-+) *$")
_RULE = re.compile(r"(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_NOTE = re.compile(r"\[\^([^\[\]\s]+)\]:[ ]*")
REFERENCE = re.compile(
    r"\[(?!\^)(?P<label>(?:[^\[\]\\]|\\.)+)\]:[ ]*(?P<address><[^<>]*>|[^\s<]\S*)"
    r"(?:[ ]+(?P<title>\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ ]*$"
)
_DEFINITION = re.compile(r":(?: +)(?=\S)")
_TASK = re.compile(r"\[([ xX])\](?= +\S)")
_DELIMITER = re.compile(r"[ |:-]*-[ |:-]*$")
_DELIMITER_CELL = re.compile(r" *:?-+:? *$")
_BLOCK_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details"
    "|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head"
    "|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p"
    "|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_HTML = (
    (re.compile(r"(?i)<(?:script|pre|style|textarea)(?:\s|>|$)"),
     re.compile(r"(?i)</(?:script|pre|style|textarea)>")),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(rf"(?i)</?(?:{_BLOCK_TAGS})(?:\s|/?>|$)"), None),
)  # fmt: skip
TAG = (
    r"</?+[a-zA-Z][a-zA-Z0-9-]*+"
    r"(?:\s++[a-zA-Z_:][\w:.-]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'=<>`]++))?+)*+\s*+/?>"
)
_ALONE = re.compile(rf"{TAG} *$")
LINK = re.compile(
    r"(?<!\\)\[\[(?P<title>[^\[\]|\\\n]{1,200}?)(?:\\?\|(?P<shown>[^\[\]\n]{1,200}?))?\]\]"
)
_IN_ROW = re.compile(
    rf"{LINK.pattern}|\]\([^\s()]*\)|\\\\|(?P<escaped>\\`+)|(?P<ticks>`+)|\\\||(?P<bar>\|)"
)

CONTAINERS = {"document", "quote", "list", "item", "note", "definitions", "definition"}
NO_BLOCKS: list[Any] = []  # one empty list for all blocks without children
_PROTECTED = re.compile(r"[\\`]|\[\[|\]\(")  # where a bar may be part of a cell


class ScannedBlock:
    """One block: its kind, its lines `start`..`end` (excluded), and what stands in it.

    Containers are quote, list, item, note, definitions, definition; they have `children`. The other
    kinds are heading, text, code, table, html, rule, term, caption, reference; `lines` are their
    lines without the marks of their containers.
    """

    level = 0  # of a heading; the number of a list's first item, -1 without one
    marker = ""  # of a list or fence; a note's label; the {#anchor} of a heading
    info = ""  # what stands behind the marks that open a fence
    width = 0  # how far the further lines of an item, note or definition are indented
    indent = 0  # of a fence, in its container
    closed = False  # whether a fence has its end
    checked: bool | None = None  # the box of an item, if it has one
    plain = False  # beyond a bound: shown to the letter

    def __init__(self, kind: str, start: int, parent: "ScannedBlock | None" = None) -> None:
        self.kind, self.start, self.end, self.parent = kind, start, start + 1, parent
        self.children: list[ScannedBlock] = [] if kind in CONTAINERS else NO_BLOCKS
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        """Return the lines as one text, with `\\n` between them."""
        return "\n".join(self.lines)

    @property
    def heading(self) -> str:
        """Return the text of a heading with its anchor."""
        return f"{self.lines[0]} {{#{self.marker}}}" if self.marker else self.lines[0]

    @property
    def opens_item(self) -> bool:
        """Tell whether the block is the first paragraph of a list item."""
        around = self.parent
        return around is not None and around.kind == "item" and around.children[0] is self

    @property
    def is_open(self) -> bool:
        """Tell whether the block is code or HTML without the mark that ends it."""
        if self.kind == "html":
            end = _HTML[self.level][1] if self.level < len(_HTML) else None
            return end is not None and not end.search(self.lines[-1])
        return self.kind == "code" and bool(self.marker) and not self.closed

    @property
    def is_top(self) -> bool:
        """Tell whether the block stands in no other."""
        return self.parent is not None and self.parent.kind == "document"

    def walk(self) -> Iterator["ScannedBlock"]:
        """Yield the blocks below in the order of their lines, containers before what is in them."""
        for child in self.children:
            yield child
            if child.children:
                yield from child.walk()


class ScannedText:
    """The blocks of a text. `lines` are its lines as written, `starts` their offsets."""

    def __init__(self, text: str) -> None:
        self.written = text
        self.lines: list[str] = split_lines(text)
        self.starts = [0, *accumulate(map(len, self.lines))]
        self.root = _Scanner().scan(self.lines)
        self.blocks = self.root.children  # those that stand in no other
        self.leaves = [block for block in self.root.walk() if block.kind not in CONTAINERS]
        self.notes = [block for block in self.blocks if block.kind == "note"]

    def blocks_in(self, start: int, end: int) -> list[ScannedBlock]:
        """Return the top blocks that begin in the lines `start`..`end` (excluded)."""
        first = bisect_left(self.blocks, start, key=attrgetter("start"))
        return self.blocks[first : bisect_left(self.blocks, end, key=attrgetter("start"))]

    @property
    def open_block(self) -> ScannedBlock | None:
        """Return the last block if it would swallow what follows: code or HTML without an end."""
        last = self.leaves[-1] if self.leaves else None
        return last if last is not None and last.is_open else None

    def source(self, start: int, end: int) -> str:
        """Return the lines `start`..`end` (excluded) as written."""
        return self.written[self.starts[start] : self.starts[end]]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; only \\n, \\r\\n and \\r end a line."""
    if "\r" in text:
        return LINES.findall(text)
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + [last] * bool(last)


@lru_cache(maxsize=32)  # when a text is saved, it is read to check, render, compare and index it
def scan(text: str) -> ScannedText:
    """Return the blocks of a text."""
    return ScannedText(text)


class _Scanner:
    """Reads a text line by line: `stack` are the open containers, `leaf` is the open block.

    In the methods, `depth` is the number of open containers that the line continues, `at` the index
    in the line of what follows their marks, `mark` that of the first sign that is no space.
    """

    def __init__(self) -> None:
        self.root = ScannedBlock("document", 0)
        self.stack = [self.root]
        self.leaf: ScannedBlock | None = None
        self.number = 0  # of the line
        self.refused = False  # whether the line has a container beyond the bound

    def scan(self, lines: list[str]) -> ScannedBlock:
        """Return the document of the lines."""
        stack = self.stack
        for self.number, line in enumerate(lines):
            leaf = self.leaf
            if len(stack) == 1 and (leaf is None or leaf.kind == "text"):
                if line == "\n":
                    self.end_leaf()
                    continue
                if line[0].isalpha() and "\t" not in line:
                    self.add_text(line.rstrip("\r\n"), 1)
                    continue
            self.read_line(line.rstrip("\r\n"))
        self.end_leaf()
        self.root.end = len(lines)
        return self.root

    def read_line(self, raw: str) -> None:
        line = raw
        if "\t" in line:
            line = _COPIED_O.sub(r"\1◦", line, count=1) if "o\t" in line else line
            line = line.expandtabs(4)
        leaf = self.leaf
        self.refused = False
        depth, at = self.match_containers(line)
        inside = depth == len(self.stack)
        if leaf is not None and inside and self.continue_leaf(leaf, line, at, raw):
            return
        if line[at:].strip():
            self.open_blocks(line, depth, at)
        elif inside:
            self.end_leaf()
        else:  # the end of a quote, or of an item without text, whose list goes on
            self.close_to(depth + (self.stack[depth].kind == "list"))

    # --- Open blocks ---

    def match_containers(self, line: str) -> tuple[int, int]:
        """Return (depth, at) of the line."""
        at, depth = 0, 1
        is_blank = not line.strip()
        for block in self.stack[1:]:
            kind = block.kind
            if kind == "quote":
                mark = at + indent_of(line, at)
                if mark - at > 3 or line[mark : mark + 1] != ">":
                    break
                at = mark + (2 if line[mark + 1 : mark + 2] == " " else 1)
                is_blank = not line[at:].strip()
            elif kind in {"item", "note", "definition"}:
                if is_blank:
                    if not block.children:
                        break
                    at = min(at + block.width, len(line))
                elif indent_of(line, at) >= block.width:
                    at += block.width
                elif not (kind == "item" and is_subordinate(line, at, block)):
                    break
            depth += 1
        while self.stack[depth - 1].kind in {"list", "definitions"}:
            depth -= 1
        return depth, at

    def continue_leaf(self, leaf: ScannedBlock, line: str, at: int, raw: str) -> bool:
        """Add the line to the open code or HTML; return whether it belongs there."""
        content = line[at:]
        if leaf.kind == "html":
            end = _HTML[leaf.level][1] if leaf.level < len(_HTML) else None
            if end is None and not content.strip():
                return False
            self.extend(leaf, content)
            if end is not None and end.search(content):
                self.end_leaf()
            return True
        if leaf.kind != "code":
            return False
        indent = indent_of(content, 0)
        if leaf.marker:
            if indent <= 3 and is_closing(content.strip(), leaf.marker):
                leaf.closed = True
                self.reach(leaf)
                self.leaf = None
            else:
                content = content if at else raw
                self.extend(leaf, content[min(indent, leaf.indent) :])
            return True
        if indent < 4 and content.strip():
            return False
        if content.strip():
            self.extend(leaf, content[4:])
        else:  # belongs to the code if more of it follows
            leaf.lines.append(content[4:])
        return True

    def extend(self, leaf: ScannedBlock, line: str) -> None:
        leaf.lines.append(line)
        self.reach(leaf)

    def reach(self, block: ScannedBlock | None) -> None:
        """Let a block and its containers end with this line."""
        end = self.number + 1
        while block is not None and block.end < end:
            block.end = end
            block = block.parent

    def close_to(self, depth: int) -> None:
        """Close the open block and the containers but for the first `depth`."""
        self.end_leaf()
        del self.stack[depth:]

    def end_leaf(self) -> None:
        leaf, self.leaf = self.leaf, None
        if leaf is None:
            return
        if leaf.kind == "text":
            take_caption(leaf)
        elif leaf.kind == "code" and not leaf.marker:
            while not leaf.lines[-1].strip():
                leaf.lines.pop()
        elif leaf.kind == "table":
            columns = len(split_row(leaf.lines[1]))
            size = sum(map(len, leaf.lines)) + len(leaf.lines)
            if columns * (len(leaf.lines) - 1) > size // 2 + FREE_CELLS:
                leaf.kind, leaf.plain = "text", True

    # --- New blocks ---

    def add(self, kind: str, depth: int) -> ScannedBlock:
        """Append a block to the container at `depth`, closing what is open below it."""
        self.close_to(depth)
        parent = self.stack[-1]
        block = ScannedBlock(kind, self.number, parent)
        parent.children.append(block)
        self.reach(parent)
        return block

    def push(self, kind: str, depth: int) -> ScannedBlock:
        """Open a container within the one at `depth`."""
        block = self.add(kind, depth)
        self.stack.append(block)
        return block

    def open_blocks(self, line: str, depth: int, at: int) -> None:
        """Open the containers and the block that begin on the line, or extend a paragraph."""
        while line[at:].strip():
            leaf = self.leaf
            in_text = leaf is not None and leaf.kind == "text"  # also with a mark left out
            mark = at + indent_of(line, at)
            if mark - at > 3:
                if not in_text:
                    self.leaf = self.add("code", depth)
                    self.leaf.lines.append(line[at + 4 :])
                    return
                break
            if line[mark].isalpha():
                break
            paragraph = leaf if in_text and depth == len(self.stack) else None
            if paragraph and line[mark] in "|:-" and self.open_table(paragraph, line[mark:]):
                return
            content = self.open_container(line, mark, depth, at, paragraph)
            if content < 0:
                if self.open_leaf(line[mark:], mark - at, depth, paragraph):
                    return
                break
            at, depth = content, len(self.stack)
        else:
            return
        self.add_text(line[mark:], depth)

    def add_text(self, line: str, depth: int) -> None:
        """Extend the open paragraph or table, or begin a paragraph."""
        leaf = self.leaf
        if leaf is not None and (
            leaf.kind == "text" or (leaf.kind == "table" and depth == len(self.stack))
        ):
            leaf.lines.append(line)
            self.reach(leaf)
            return
        is_reference = line[0] == "[" and REFERENCE.match(line)
        block = self.add("reference" if is_reference else "text", depth)
        block.lines.append(line)
        if self.refused:
            block.plain = True
        self.leaf = None if is_reference else block
        self.refused = False

    def open_container(
        self, line: str, mark: int, depth: int, at: int, paragraph: ScannedBlock | None
    ) -> int:
        """Open a quote, item, note or definition; return where its content begins, or -1."""
        sign = line[mark]
        if sign == ">":
            if not self.has_room(depth + 1):
                return -1
            self.push("quote", depth)
            return mark + (2 if line[mark + 1 : mark + 2] == " " else 1)
        if sign == "[" and depth == 1 and (match := _NOTE.match(line, mark)):
            note = self.push("note", depth)
            note.marker, note.width = match[1], 4
            return match.end()
        if sign == ":" and (match := _DEFINITION.match(line, mark)):
            return self.open_definition(match, depth, mark - at)
        if not (sign in "-+*" or sign.isdecimal() or sign in BULLETS):
            return -1
        match = _ITEM.match(line, mark)
        if match is None or _RULE.match(line, mark) or not self.has_room(depth + 2):
            return -1
        is_empty = not line[match.end() :].strip()
        if paragraph and (is_empty or match["number"] not in {None, "1"}):
            return -1
        return self.open_item(line, match, depth, mark - at)

    def has_room(self, depth: int) -> bool:
        """Tell whether containers may be opened down to this depth; note it if not."""
        self.refused |= depth > DEEPEST
        return depth <= DEEPEST

    def open_item(self, line: str, match: re.Match[str], depth: int, indent: int) -> int:
        """Open an item of the open list, or of a new one; return where its content begins."""
        marker = match["bullet"] or match["stop"]
        if marker in BULLETS:  # signs of one rank are one list
            marker = "•–◦▪"[_RANKS.get(marker, 0)]
        around = self.stack[depth] if depth < len(self.stack) else None
        if around is None or around.kind != "list" or around.marker != marker:
            around = self.push("list", depth)
            around.marker, around.level = marker, int(match["number"] or -1)
        item = self.push("item", self.stack.index(around) + 1)
        mark = match.start()
        size = len(match[0].rstrip())
        space = match.end() - mark - size
        if match.end() == len(line) or space > 4:  # an empty item, or code
            space = 1
        item.width, item.marker = indent + size + space, marker
        start = min(mark + size + space, len(line))
        if task := _TASK.match(line, start):
            item.checked = task[1] != " "
            start = task.end()
        return start

    def open_definition(self, match: re.Match[str], depth: int, indent: int) -> int:
        """Open a definition of the line of text before it, or one more of its term."""
        around = self.stack[depth] if depth < len(self.stack) else None
        if around is not None and around.kind != "definitions":
            return -1
        if around is None:
            self.end_leaf()
            around = self.take_term(depth)
            if around is None:
                return -1
        if not self.has_room(depth + 2):
            return -1
        self.close_to(depth)
        self.stack.append(around)
        definition = self.push("definition", depth + 1)
        space = match.end() - match.start() - 1
        definition.width = indent + 1 + (space if space <= 4 else 1)
        return match.start() + definition.width - indent

    def take_term(self, depth: int) -> ScannedBlock | None:
        """Make the line of text before a definition its term; return the list of definitions."""
        siblings = self.stack[depth - 1].children
        text = siblings[-1] if siblings else None
        if text is None or text.kind != "text" or self.number - text.end > 1:
            return None
        if len(text.lines) == 1:
            siblings.pop()
        if len(text.lines) == 1 and siblings and siblings[-1].kind == "definitions":
            around = siblings[-1]
        else:
            around = ScannedBlock("definitions", text.end - 1, self.stack[depth - 1])
            siblings.append(around)
        term = ScannedBlock("term", text.end - 1, around)
        term.lines.append(text.lines.pop())
        around.children.append(term)
        text.end -= 1
        self.reach(around)
        return around

    def open_leaf(self, line: str, indent: int, depth: int, paragraph: ScannedBlock | None) -> bool:
        """Open the heading, code, rule or HTML that the line begins; return whether it does."""
        sign = line[0]
        if sign == "#" and (match := _HEADING.match(line)):
            heading = self.add("heading", depth)
            heading.level = len(match[1])
            set_heading(heading, _CLOSING.sub("", line[match.end() :].strip(" ")).strip(" "))
            return True
        if sign in "`~" and (match := _FENCE.match(line)):
            self.leaf = fence = self.add("code", depth)
            fence.marker, fence.indent = match[1] or match[3], indent
            fence.info = (match[2] or match[4] or "").strip()
            return True
        if sign in "=-" and paragraph and _SETEXT.match(line):
            paragraph.kind, paragraph.level = "heading", 1 if sign == "=" else 2
            self.reach(paragraph)
            set_heading(paragraph, " ".join(part.strip() for part in paragraph.lines))
            self.leaf = None
            return True
        if sign in "-*_" and _RULE.match(line):
            self.add("rule", depth)
            return True
        return sign == "<" and self.open_html(line, depth)

    def open_html(self, line: str, depth: int) -> bool:
        kind = next((n for n, (begin, _end) in enumerate(_HTML) if begin.match(line)), len(_HTML))
        in_text = self.leaf is not None and self.leaf.kind == "text"
        if kind == len(_HTML) and (in_text or not _ALONE.match(line)):
            return False
        end = _HTML[kind][1] if kind < len(_HTML) else None
        self.leaf = block = self.add("html", depth)
        block.level = kind
        block.lines.append(line)
        if end is not None and end.search(line, 2):
            self.end_leaf()
        return True

    def open_table(self, paragraph: ScannedBlock, line: str) -> bool:
        """Make the last line of the paragraph the header of a table, if this line is its rule."""
        header = paragraph.lines[-1]
        if not _DELIMITER.match(line) or "|" not in header + line:
            return False
        columns = delimiter_cells(line)
        if columns != len(split_row(header)) or (columns == 1 and "|" not in line):
            return False
        paragraph.lines.pop()
        paragraph.end -= 1
        siblings = self.stack[-1].children
        if not paragraph.lines:
            siblings.pop()
            self.leaf = None
        self.leaf = table = self.add("table", len(self.stack))
        table.start -= 1
        table.lines = [header, line]
        before = siblings[-2] if len(siblings) > 1 else None
        if before and before.kind == "text" and table.start - before.end <= 1:
            name_caption(before, r"Table ?: ")
        return True


def take_caption(text: ScannedBlock) -> None:
    """Make a line behind a table its caption, if it is written as one."""
    siblings = text.parent.children if text.parent else []
    table = siblings[-2] if len(siblings) > 1 else None
    if table and table.kind == "table" and text.start - table.end <= 1:
        name_caption(text, r"(?:Table ?)?: ")


def name_caption(text: ScannedBlock, mark: str) -> None:
    if len(text.lines) == 1 and (match := re.match(mark, text.lines[0])):
        text.kind, text.lines = "caption", [text.lines[0][match.end() :].strip()]


def is_closing(line: str, fence: str) -> bool:
    """Tell whether a line without its spaces ends a fence."""
    return line.startswith(fence) and not line.strip(fence[0])


def indent_of(line: str, at: int) -> int:
    """Return the number of spaces from an index on."""
    end = at
    size = len(line)
    while end < size and line[end] == " ":
        end += 1
    return end - at


def is_subordinate(line: str, at: int, item: ScannedBlock) -> bool:
    """Tell whether a copied bullet of a lower rank than the item's begins here."""
    mark = at + indent_of(line, at)
    sign = line[mark : mark + 1]
    return (
        item.marker in BULLETS
        and sign in _RANKS
        and _RANKS[sign] > _RANKS.get(item.marker, 0)
        and _ITEM.match(line, mark) is not None
    )


def set_heading(heading: ScannedBlock, text: str) -> None:
    """Set the text of a heading and its anchor."""
    if match := HEADING_ANCHOR.search(text):
        heading.marker = match[1]
        text = text[: match.start()]
    heading.lines = [text]


def delimiter_cells(line: str) -> int:
    """Return the number of columns of a table's row of delimiters; 0 if it is none."""
    cells = split_row(line)
    return len(cells) if all(_DELIMITER_CELL.match(cell) for cell in cells) else 0


def split_row(line: str) -> list[str]:
    """Return the cells of a row of a table, without the spaces around them and with plain bars.

    A bar that is escaped, in code, in `[[…|…]]` or in the address of a link does not separate.
    """
    line = line.strip()
    if not _PROTECTED.search(line):
        line = line.removeprefix("|").removesuffix("|")
        return [cell.strip() for cell in line.split("|")]
    cells: list[str] = []
    start = 1 if line.startswith("|") else 0
    for bar in (bar for bar in _bars(line) if bar >= start):
        cells.append(line[start:bar])
        start = bar + 1
    if start < len(line) or not cells:
        cells.append(line[start:])
    return [cell.strip().replace("\\|", "|") for cell in cells]


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
        if match["bar"]:
            yield match.start()
        elif match["ticks"] or match["escaped"]:  # an escaped mark opens one mark later
            size = len(match["ticks"] or match["escaped"][2:])
            closing = starts.get(size, [])
            place = bisect_right(closing, match.start())
            if place < len(closing):
                code_ends = ends[closing[place]]
