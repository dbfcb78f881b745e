"""Find quotes in the text of a page and part it into runs that a template can mark.

Text in, values out. Quotes are compared by their letters and digits, so that spaces, line ends,
hyphens and the bars of a table do not matter.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from wikico2.text.normalize import LETTERS

MIN_PIECE_LENGTH = 12
"""Letters and digits that part of a quote needs, to be looked for on its own."""

FEWEST = 3
"""Letters and digits below which the signs between them count too."""

_ENDS = re.compile(r"\n+|\s*(?:\[…\]|\[\.\.\.\]|…)\s*|(?<=[.;:!?])\s+")
_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*$")
_SIGNS_BEFORE = re.compile(r"[\W_]+")
_SIGNS_AFTER = re.compile(r"[\W_]+$")
_BULLET = re.compile(r"^\s*[•●○▪■◦‣⁃·–—*-]\s+")


class Span(NamedTuple):
    """From `start` to before `end`, in characters."""

    start: int
    end: int


class TextRun(NamedTuple):
    """A stretch of text, marked or not."""

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
    by: str = ""  # the machine that has read it
    picture: int | None = None  # of a figure: its index among the blocks of the page

    @property
    def marked(self) -> bool:
        """Tell whether any of it is marked."""
        cells = [*self.lines, *(cell for row in self.rows for cell in row)]
        return any(run.marked for line in cells for run in line)


def fold_with_positions(text: str) -> tuple[str, list[int]]:
    """Return the letters and digits of a text, small and without accents, and where each stood."""
    letters: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for letter in unicodedata.normalize("NFKD", char.translate(LETTERS)).casefold():
            if letter.isalnum():
                letters.append(letter)
                places.append(place)
    return "".join(letters), places


def quote_pieces(quote: str) -> list[str]:
    """Return the lines and sentences of a quote that are long enough to be looked for alone."""
    parts = [part for part in _ENDS.split(quote) if part]
    if len(parts) < 2:
        return []
    return [part for part in parts if len(fold_with_positions(part)[0]) >= MIN_PIECE_LENGTH]


def find_quote_in_text(text: str, quotes: Iterable[str]) -> list[Span]:
    """Return where the quotes stand in the text, or those of their pieces that do; in order."""
    letters, places = fold_with_positions(text)
    found: list[Span] = []
    for quote in quotes:
        whole = _find_quote(text, letters, places, quote, 0)
        if whole:
            found.append(whole)
            continue
        after = 0
        for piece in quote_pieces(quote):
            part = _find_quote(text, letters, places, piece, after)
            if part:
                found.append(part)
                after = part.end
    return _merge_spans(found)


def _find_quote(text: str, letters: str, places: list[int], quote: str, after: int) -> Span | None:
    wanted = fold_with_positions(quote)[0]
    if len(wanted) < FEWEST:  # « 5 % » has too few letters to go by: its signs count too
        letters, wanted, places = text, quote.strip(), list(range(len(text)))
    at = letters.find(wanted) if wanted else -1
    while at >= 0:
        start, end = places[at], places[at + len(wanted) - 1] + 1
        if start >= after and _is_whole(text, start, end):
            return _with_signs(text, start, end, quote.strip())
        at = letters.find(wanted, at + 1)
    return None


def _with_signs(text: str, start: int, end: int, quote: str) -> Span:
    """Take in the signs, say « or ®, with which both the quote and the text begin and end."""
    head = _SIGNS_BEFORE.match(quote)
    tail = _SIGNS_AFTER.search(quote)
    if head and text[:start].endswith(head[0]):
        start -= len(head[0])
    if tail and text.startswith(tail[0], end):
        end += len(tail[0])
    return Span(start, end)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Tell whether a span neither begins nor ends inside a word or number."""
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
    """Part the text between `start` and `end` into runs."""
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
    """Return the blocks of a page with the quotes marked; a page without blocks is paragraphs."""
    if not blocks:
        blocks = [{"kind": "paragraph", "text": part} for part in re.split(r"\n{2,}", text) if part]
    whole = "\n\n".join(str(block.get("text", "")) for block in blocks)
    marked = find_quote_in_text(whole, quotes)
    made: list[HighlightedBlock] = []
    start = 0
    for index, block in enumerate(blocks):
        end = start + len(str(block.get("text", "")))
        made.append(_highlight_block(block, whole, marked, start, end))
        made[-1].picture = index if block.get("picture") else None
        start = end + 2
    return made


def _highlight_block(
    block: dict[str, Any], whole: str, marked: list[Span], start: int, end: int
) -> HighlightedBlock:
    kind = str(block.get("kind", "paragraph"))
    made = HighlightedBlock(kind, int(block.get("level") or 0), by=str(block.get("by", "")))
    lines = list(_line_spans(whole, start, end))
    if kind == "table" and all("|" in whole[a:b] for a, b in lines):
        made.rows = [
            [_unescaped(split_runs(whole, marked, a, b)) for a, b in _cell_spans(whole, *line)]
            for line in lines
            if not _RULE.match(whole[line.start : line.end])
        ]
    elif kind == "list":
        texts = [whole[a:b] for a, b in lines]
        made.bulleted = all(_BULLET.match(item) for item in texts)
        for a, b in lines:
            bullet = _BULLET.match(whole[a:b]) if made.bulleted else None
            made.lines.append(split_runs(whole, marked, a + (bullet.end() if bullet else 0), b))
    else:
        made.lines = [split_runs(whole, marked, a, b) for a, b in lines]
    return made


def _line_spans(whole: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for line in whole[start:end].split("\n"):
        if line.strip():
            yield Span(at, at + len(line))
        at += len(line) + 1


def _unescaped(cell: HighlightedLine) -> HighlightedLine:
    return [TextRun(run.text.replace("\\|", "|"), run.marked) for run in cell]


def _cell_spans(whole: str, start: int, end: int) -> Iterator[Span]:
    """Yield the cells of a Markdown row, empty ones too, without the spaces around them."""
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
