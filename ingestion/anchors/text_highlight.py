"""Find quotes in the text of a page and split it into runs that a template can highlight.

Quotes are compared by their letters and digits only, so that spaces, line ends, hyphens and the
bars of a table do not matter.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from wikico2.text.normalize import LETTERS

MIN_PIECE_LENGTH = 12
"""Minimum letters and digits of a piece of a quote to be searched for separately."""

MIN_LETTERS = 3
"""Minimum letters and digits of a quote; a shorter one is compared with its punctuation."""

# A run of blanks is matched from its first character only, so that time is linear.
_PIECE_ENDS = re.compile(r"\n+|(?:(?<!\s)\s++)?(?:\[…\]|\[\.\.\.\]|…)\s*|(?<=[.;:!?])\s+")
_BAR = re.compile(r"(?<!\\)\|")
_DELIMITER_ROW = re.compile(r"^(?=[\s:|]*+-)[\s:|-]*+$")
_PUNCTUATION = re.compile(r"[\W_]*")
_BULLET = re.compile(r"^\s*[•●○▪■◦‣⁃·–—*-]\s+")


class Span(NamedTuple):
    """A range of characters from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


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


def fold_with_positions(text: str) -> tuple[str, list[int]]:
    """Return the letters and digits of a text, lower case without accents, and their positions."""
    letters: list[str] = []
    positions: list[int] = []
    for position, char in enumerate(text):
        for letter in unicodedata.normalize("NFKD", char.translate(LETTERS)).casefold():
            if letter.isalnum():
                letters.append(letter)
                positions.append(position)
    return "".join(letters), positions


def quote_pieces(quote: str) -> list[str]:
    """Return the lines and sentences of a quote long enough to be searched for separately."""
    parts = [part for part in _PIECE_ENDS.split(quote) if part.strip()]
    if len(parts) < 2:
        return []
    return [part for part in parts if len(fold_with_positions(part)[0]) >= MIN_PIECE_LENGTH]


def find_quote_in_text(text: str, quotes: Iterable[str]) -> list[Span]:
    """Return the sorted spans of the quotes in the text, or of their pieces if not found whole."""
    letters, positions = fold_with_positions(text)
    found: list[Span] = []
    for quote in quotes:
        whole = _find_quote(text, letters, positions, quote, 0)
        if whole:
            found.append(whole)
            continue
        after = 0
        for piece in quote_pieces(quote):
            part = _find_quote(text, letters, positions, piece, after)
            if part:
                found.append(part)
                after = part.end
    return _merge_spans(found)


def _find_quote(
    text: str, letters: str, positions: list[int], quote: str, after: int
) -> Span | None:
    wanted = fold_with_positions(quote)[0]
    if len(wanted) < MIN_LETTERS:  # such as « 5 % »: too short to ignore punctuation
        letters, wanted, positions = text, quote.strip(), list(range(len(text)))
    at = letters.find(wanted) if wanted else -1
    while at >= 0:
        start, end = positions[at], positions[at + len(wanted) - 1] + 1
        if start >= after and _has_word_boundaries(text, start, end):
            return _include_punctuation(text, start, end, quote.strip())
        at = letters.find(wanted, at + 1)
    return None


def _include_punctuation(text: str, start: int, end: int, quote: str) -> Span:
    """Extend a span by the punctuation, such as « or ®, that also surrounds the quote."""
    head, tail = (_PUNCTUATION.match(read) for read in (quote, quote[::-1]))
    before, after = (match[0] if match else "" for match in (head, tail))
    if text.endswith(before, 0, start):
        start -= len(before)
    if text.startswith(after[::-1], end):
        end += len(after)
    return Span(start, end)


def _has_word_boundaries(text: str, start: int, end: int) -> bool:
    """Tell whether a span starts and ends at the boundaries of words or numbers."""
    return not ((start and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum()))


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
    blocks: Sequence[dict[str, Any]], text: str, quotes: Iterable[str]
) -> list[HighlightedBlock]:
    """Return the blocks of a page with the quotes highlighted.

    A page without blocks is split into paragraphs at empty lines.
    """
    if not blocks:
        blocks = [{"kind": "paragraph", "text": part} for part in re.split(r"\n{2,}", text) if part]
    whole = "\n\n".join(str(block.get("text", "")) for block in blocks)
    marked = find_quote_in_text(whole, quotes)
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
