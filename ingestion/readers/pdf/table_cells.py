"""The cells of a table of a PDF page, in rows and columns."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.raised_marks import without_marks
from ingestion.readers.pdf.rules import Fill

MIN_COLUMN = 20.0
"""Minimum width in points of a column in which no cell stands alone."""

NUMBER = re.compile(
    r"(?:env(?:iron)?\.? )?[<>≤≥~≈±+\-−–]?\s?\d(?:[\d\s.,]*\d)?"
    r"(?:\s?[^\W\d]\S{0,9}|\s?[%€‰°]\S{0,9})?(?:\s?/\s?\S{1,12})?\Z"
)

_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[-/–]\s?(?:19|20)?\d\d)?\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text on one line of a cell; lengths in points. Raised and lowered text is marked."""

    marked: str
    x0: float
    x1: float
    baseline: float
    size: float
    bold: bool = False
    cut: bool = False  # ends with a hyphen that may split a word
    line: int = 0  # index of its line on the page

    @property
    def text(self) -> str:
        return without_marks(self.marked)

    @property
    def middle(self) -> float:
        """The height of the middle of its small letters."""
        return self.baseline - 0.35 * self.size


def pieces_of(lines: Sequence[TextLine]) -> Iterator[Piece]:
    """Yield the segments of lines as pieces of cells."""
    for index, line in enumerate(lines):
        for part in line.segments:
            cut = line.cut and part is line.segments[-1]
            yield Piece(
                part.text, part.x0, part.x1, line.baseline, line.size, line.bold, cut, index
            )


def background(piece: Piece, fills: Iterable[Fill]) -> int:
    """Return the colour of the last filled rectangle under a piece; -1 if there is none."""
    x, y, colour = (piece.x0 + piece.x1) / 2, piece.middle, -1
    for (x0, y0, x1, y1), filled in fills:
        if x0 <= x <= x1 and y0 <= y <= y1:
            colour = filled
    return colour


Cell = tuple[tuple[Piece, ...], ...]
"""The parts of a cell: one, or the headings of a group and of its column."""


@dataclass(slots=True)
class CellArea:
    """A cell, which covers rows `top` to `bottom` and columns `left` to `right` (exclusive)."""

    top: int
    bottom: int
    left: int
    right: int
    pieces: list[Piece] = field(default_factory=list)
    colour: int = -1  # of its background; -1 if it has none

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def bold(self) -> bool:
        return all(piece.bold for piece in self.pieces)


@dataclass(slots=True)
class Grid:
    """Cells of a table as found on the page, in rows and columns."""

    regions: list[CellArea]
    edges: list[float]  # of the columns
    doubts: set[str] = field(default_factory=set)
    ruled: bool = True
    rows: int = 0
    _begun: dict[int, list[CellArea]] = field(default_factory=dict)  # the cells of each row

    def __post_init__(self) -> None:
        self.compact()

    @property
    def width(self) -> int:
        return len(self.edges) - 1

    def compact(self) -> None:
        """Drop the rows and columns in which no cell begins, and the narrow ones without text."""
        filled = [region for region in self.regions if region.pieces]
        tops = sorted({region.top for region in filled})
        alone = {r.left for r in filled if r.right == r.left + 1}
        wide = {r.left for r in self.regions if r.right == r.left + 1}
        wide = {i for i in wide if self.edges[i + 1] - self.edges[i] >= MIN_COLUMN}
        lefts = sorted(alone | wide | {region.left for region in filled})
        lefts = [
            left
            for left, right in pairwise([*lefts, len(self.edges) - 1])
            if left in alone or self.edges[right] - self.edges[left] >= MIN_COLUMN
        ]
        for region in self.regions:
            region.bottom = bisect_left(tops, region.bottom)
            region.top = bisect_left(tops, region.top)
            region.right = bisect_left(lefts, region.right)
            region.left = bisect_left(lefts, region.left)
            if region.pieces and region.left == region.right:
                region.left -= region.left == len(lefts)
                region.right = region.left + 1
        self.regions = [r for r in self.regions if r.top < r.bottom and r.left < r.right]
        self.edges = [self.edges[left] for left in lefts] + self.edges[-1:]
        self.rows = len(tops)
        self.index()

    def begun(self, number: int) -> list[CellArea]:
        """Return the cells that begin in a row, from left to right, empty ones as well."""
        return self._begun.get(number, [])

    def row(self, number: int) -> list[CellArea]:
        """Return the cells with text that begin in a row, from left to right."""
        return [region for region in self.begun(number) if region.pieces]

    def index(self) -> None:
        """Look the cells of each row up anew, after they have changed."""
        self._begun = defaultdict(list)
        for region in sorted(self.regions, key=lambda region: region.left):
            self._begun[region.top].append(region)

    def part(self, first: int, last: int) -> Grid:
        """Return the rows from `first` to `last` (exclusive)."""
        regions = [
            replace(region, top=region.top - first, bottom=min(region.bottom, last) - first)
            for region in self.regions
            if first <= region.top < last
        ]
        return Grid(regions, list(self.edges), set(self.doubts), self.ruled)


def is_number(text: str) -> bool:
    """Tell whether the text of a cell is a number, with or without a unit."""
    return NUMBER.match(text.strip()) is not None


def is_value(text: str) -> bool:
    """Tell whether the text of a cell is a number, or says that there is none."""
    return is_number(text) or text.strip().casefold() in {*"-–—/", "nc", "n.c.", "nd", "n.d."}


def is_year(text: str) -> bool:
    return _YEAR.match(text.strip()) is not None


def share_of(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
