"""Split Markdown into blocks, losslessly, and blocks into words. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sheets.markdown.scanner import ScannedBlock, ScannedText, scan

WORD = re.compile(
    r"""(\s*)(
        \[\^[^\[\]\s]+\]            # a footnote marker
      | `[^`\n]+`                   # code
      | \]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)   # the address of a link
      | https?://[^\s)>\]]+
      | \\\S
      | \*\*|__|\#+|-{2,}|`+
      | \w+(?:[.,\u00a0\u202f]\d+|[-\u2011]\w+)*['’]?
      | \S
    )""",
    re.VERBOSE,
)


class MarkdownBlock(NamedTuple):
    """A heading, paragraph, list item, table row or code fence, and the whitespace before it.

    `before` is the text of the block before it, "" for the first.
    """

    gap: str
    text: str
    kind: str  # heading, text, item, row, rule, code
    before: str = ""


def cut_blocks(text: str) -> tuple[list[MarkdownBlock], str]:
    """Return the blocks of a text and the whitespace after the last one.

    The gaps and texts joined are the text again. The indent of a block is part of its gap.
    """
    found: list[MarkdownBlock] = []
    end = 0
    before = ""
    document = scan(text)
    for kind, first, last in block_lines(document):
        written = document.source(first, last)
        body = written.strip()
        if not body:  # of no-break spaces or the like
            continue
        start = document.starts[first] + len(written) - len(written.lstrip())
        found.append(MarkdownBlock(text[end:start], body, kind, before))
        end, before = start + len(body), body
    return found, text[end:]


def block_lines(document: ScannedText) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, first line, line after the last) of each block, and of each row of a table.

    A line with nothing but the mark of an item or a quote is a block too.
    """
    at = 0
    for leaf in document.leaves:
        for line in range(at, leaf.start):
            if document.lines[line].strip():
                yield "item", line, line + 1
        if leaf.kind == "table" or (leaf.kind == "text" and leaf.lines[0].startswith("|")):
            for line in range(leaf.start, leaf.end):  # also of a table that lacks its second line
                yield "row", line, line + 1
        else:
            yield block_kind(leaf), leaf.start, leaf.end
        at = leaf.end
    for line in range(at, len(document.lines)):
        if document.lines[line].strip():
            yield "item", line, line + 1


def block_kind(leaf: ScannedBlock) -> str:
    """Return the kind of a block for merge and comparison."""
    if leaf.kind in {"code", "html", "reference"}:
        return "code"
    if leaf.kind == "rule" or (leaf.kind == "heading" and leaf.is_top):
        return leaf.kind
    return "item" if leaf.opens_item else "text"


def cut_words(text: str) -> tuple[list[str], list[str]]:
    """Return the words and punctuation of a block, and the whitespace before each."""
    found = WORD.findall(text.rstrip())
    return [word for _gap, word in found], [gap for gap, _word in found]


def split_gap(text: str) -> tuple[str, str]:
    """Return the leading whitespace of a text, and the rest."""
    rest = text.lstrip()
    return text[: len(text) - len(rest)], rest


def gap_indent(gap: str) -> str:
    """Return the indent of a block: the whitespace of its gap after the last line end."""
    return gap.rpartition("\n")[2]


def widen_gap(gap: str, other: str) -> str:
    """Return the gap, extended to as many line ends as `other` has, at most two."""
    wanted = min(other.count("\n"), 2)
    return gap if gap.count("\n") >= wanted else "\n" * wanted + gap_indent(gap)
