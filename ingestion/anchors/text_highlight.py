"""Find quotes in the text of a page and split it into runs that a template can highlight."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from wikico2.text.quotes import Span, find_quote

_BAR = re.compile(r"(?<!\\)\|")
_DELIMITER_ROW = re.compile(r"^(?=[\s:|]*+-)[\s:|-]*+$")
_BULLET = re.compile(r"^\s*[•●○▪■◦‣⁃·–—*-]\s+")


class TextRun(NamedTuple):
    """A piece of text, highlighted or not."""

    text: str
    marked: bool


HighlightedLine = list[TextRun]


@dataclass
class HighlightedBlock:
    """A paragraph, heading, list or table of a page; `rows` only for a table."""

    kind: str
    level: int = 0
    lines: list[HighlightedLine] = field(default_factory=list)
    rows: list[list[HighlightedLine]] = field(default_factory=list)
    bulleted: bool = False
    by: str = ""  # the OCR engine that produced it; empty if it comes from the file
    picture: int | None = None  # of a figure: its index among the blocks of the page
    doubt: str = ""  # why it is not quoted, as in `readers.Block`; a table then has lines only

    @property
    def marked(self) -> bool:
        """Tell whether any of the block is highlighted."""
        cells = [*self.lines, *(cell for row in self.rows for cell in row)]
        return any(run.marked for line in cells for run in line)


def find_quote_in_text(text: str, quotes: Iterable[str], *, in_parts: bool = False) -> list[Span]:
    """Return the sorted spans of the quotes in the text (`find_quote`); overlapping ones as one."""
    return _merge_spans(
        [span for quote in quotes for span in find_quote(text, quote, in_parts=in_parts)]
    )


def _merge_spans(found: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(found):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def split_runs(text: str, marked: Sequence[Span], start: int, end: int) -> HighlightedLine:
    """Split the text between `start` and `end` into highlighted and other runs."""
    line: HighlightedLine = []
    at = start
    for span in marked:
        left, right = max(span.start, at), min(span.end, end)
        if left >= right:
            continue
        if left > at:
            line.append(TextRun(text[at:left], False))
        line.append(TextRun(text[left:right], True))
        at = right
    if at < end:
        line.append(TextRun(text[at:end], False))
    return line


def highlight_blocks(
    blocks: Sequence[dict[str, Any]], text: str, quotes: Iterable[str], *, in_parts: bool = False
) -> list[HighlightedBlock]:
    """Return the blocks of a page with the quotes highlighted (`find_quote`).

    A page without blocks is split into paragraphs at empty lines.
    """
    if not blocks:
        blocks = [{"kind": "paragraph", "text": part} for part in re.split(r"\n{2,}", text) if part]
    whole = "\n\n".join(str(block.get("text", "")) for block in blocks)
    marked = find_quote_in_text(whole, quotes, in_parts=in_parts)
    result: list[HighlightedBlock] = []
    start = 0
    for index, block in enumerate(blocks):
        end = start + len(str(block.get("text", "")))
        result.append(_highlight_block(block, whole, marked, start, end))
        result[-1].picture = index if block.get("picture") else None
        start = end + 2
    return result


def _highlight_block(
    block: dict[str, Any], whole: str, marked: list[Span], start: int, end: int
) -> HighlightedBlock:
    kind = str(block.get("kind", "paragraph"))
    result = HighlightedBlock(
        kind,
        int(block.get("level") or 0),
        by=str(block.get("by", "")),
        doubt=str(block.get("doubt", "")),
    )
    lines = list(_line_spans(whole, start, end))
    if kind == "table" and result.doubt:
        result.lines = [
            _spaced(split_runs(whole, marked, a, b))
            for a, b in lines
            if not _DELIMITER_ROW.match(whole[a:b])
        ]
    elif kind == "table" and all("|" in whole[a:b] for a, b in lines):
        result.rows = [
            [_unescaped(split_runs(whole, marked, a, b)) for a, b in _cell_spans(whole, *line)]
            for line in lines
            if not _DELIMITER_ROW.match(whole[line.start : line.end])
        ]
    elif kind == "list":
        texts = [whole[a:b] for a, b in lines]
        result.bulleted = all(_BULLET.match(item) for item in texts)
        for a, b in lines:
            bullet = _BULLET.match(whole[a:b]) if result.bulleted else None
            result.lines.append(split_runs(whole, marked, a + (bullet.end() if bullet else 0), b))
    else:
        result.lines = [split_runs(whole, marked, a, b) for a, b in lines]
    return result


def _line_spans(whole: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for line in whole[start:end].split("\n"):
        if line.strip():
            yield Span(at, at + len(line))
        at += len(line) + 1


def _spaced(line: HighlightedLine) -> HighlightedLine:
    """Return a row with dots for the bars between its cells."""
    runs = [TextRun(_BAR.sub("·", run.text).replace("\\|", "|"), run.marked) for run in line]
    runs[0] = runs[0]._replace(text=runs[0].text.lstrip(" ·"))
    runs[-1] = runs[-1]._replace(text=runs[-1].text.rstrip(" ·"))
    return runs


def _unescaped(cell: HighlightedLine) -> HighlightedLine:
    return [TextRun(run.text.replace("\\|", "|"), run.marked) for run in cell]


def _cell_spans(whole: str, start: int, end: int) -> Iterator[Span]:
    """Yield the spans of the cells of a Markdown row, empty ones too, without outer spaces."""
    row = whole[start:end].rstrip()
    edges = [bar.start() for bar in _BAR.finditer(row)]
    if not row.lstrip().startswith("|"):
        edges.insert(0, -1)
    if not edges or edges[-1] < len(row) - 1:
        edges.append(len(row))
    for before, after in pairwise(edges):
        cell = row[before + 1 : after]
        left = start + before + 1 + len(cell) - len(cell.lstrip())
        yield Span(left, left + len(cell.strip()))
