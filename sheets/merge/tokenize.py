"""Split Markdown into blocks, losslessly, and blocks into words. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sheets.markdown.parse import is_in_note
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
    kind: str  # heading, text, item, row, rule, code, html
    before: str = ""


def cut_blocks(text: str) -> tuple[list[MarkdownBlock], str]:
    """Return the blocks of a text and the whitespace after the last one.

    The gaps and texts joined are the text again. The indent of a block is part of its gap.
    """
    return cut_spans(scan(text), ())


def cut_body(body: str) -> tuple[list[MarkdownBlock], str]:
    """Return the same of a body without its footnote definitions."""
    document = scan(body)
    return cut_spans(document, document.notes)


def cut_spans(
    document: ScannedText, notes: Sequence[ScannedBlock]
) -> tuple[list[MarkdownBlock], str]:
    """Return the blocks of a text but for `notes`, and the whitespace after the last one."""
    text, starts = document.written, document.starts
    found: list[MarkdownBlock] = []
    skipped = iter([*((starts[n.start], starts[n.end]) for n in notes), (len(text), len(text))])
    out, behind = next(skipped)
    end = 0
    before = gap = ""
    for kind, first, last in block_lines(document, notes):
        written = document.source(first, last)
        while out < starts[first]:
            gap, end = with_line_end(gap + text[end:out]), behind
            out, behind = next(skipped)
        body = written.strip()
        start = starts[first] + len(written) - len(written.lstrip())
        found.append(MarkdownBlock(gap + text[end:start], body, kind, before))
        end, before, gap = start + len(body), body, ""
    while out < len(text):
        gap, end = with_line_end(gap + text[end:out]), behind
        out, behind = next(skipped)
    return found, gap + text[end:]


def with_line_end(gap: str) -> str:
    """Return the gap before a definition that is left out, so that it parts two paragraphs."""
    return gap if not gap or gap.endswith(("\n\n", "\n\r\n")) else gap + "\n"


def block_lines(
    document: ScannedText, notes: Sequence[ScannedBlock]
) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, first line, line after the last) of each block, and of each row of a table.

    What follows a paragraph or an item without a blank line, such as the lines of a quote or the
    definition of a term, belongs to it.
    """
    kind, start, end = "", 0, 0
    for own, first, last in line_spans(document, notes):
        if kind in {"text", "item"} and own == "text" and first == end:
            end = last
            continue
        if kind:
            yield kind, start, end
        kind, start, end = own, first, last
    if kind:
        yield kind, start, end


def line_spans(
    document: ScannedText, notes: Sequence[ScannedBlock]
) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, first line, line after the last) of what stands in the lines."""
    at = 0
    for leaf in document.leaves:
        if notes and is_in_note(leaf):
            at = leaf.end
            continue
        if at < leaf.start:
            yield from marks_alone(document, at, leaf.start)
        if leaf.kind == "table" or (leaf.kind == "text" and leaf.lines[0].startswith("|")):
            for line in range(leaf.start, leaf.end):  # also of a table that lacks its second line
                yield "row", line, line + 1
        else:
            yield block_kind(leaf), leaf.start, leaf.end
        at = leaf.end
    yield from marks_alone(document, at, len(document.lines))


def marks_alone(document: ScannedText, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield the lines with nothing but the mark of a quote or an item."""
    for line in range(start, end):
        if mark := document.lines[line].strip():
            yield ("text" if mark.startswith(">") else "item"), line, line + 1


def block_kind(leaf: ScannedBlock) -> str:
    """Return the kind of a block for merge and comparison."""
    if leaf.kind in {"html", "reference"}:
        return "html"
    if leaf.kind == "code":
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
