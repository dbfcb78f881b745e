"""The ruled lines of a page, collected from what is drawn on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

MAX_THICKNESS = 2.5
"""Maximum thickness of a rule, in points."""

TOLERANCE = 3.0
"""Distance in points within which two rules coincide or touch."""

MIN_LENGTH = 6.0
MAX_GAP = 8.0
"""Maximum distance in points between the backgrounds of neighbouring cells."""

MAX_BOXES = 5_000
MAX_FILLS = 1_000
MAX_RULES = 400

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in points from the top left corner."""


class Fill(NamedTuple):
    """A filled rectangle: the background of a cell, of a table or of text."""

    box: Box
    colour: int  # 0xRRGGBB


@dataclass(frozen=True, slots=True)
class Rule:
    """A vertical or horizontal line: its position `at` on the other axis, its start and end."""

    at: float
    start: float
    end: float

    def covers(self, position: float) -> bool:
        return self.start - TOLERANCE <= position <= self.end + TOLERANCE


@dataclass(slots=True)
class Rules:
    """The vertical and horizontal ruled lines of a page, and its filled rectangles."""

    vertical: list[Rule] = field(default_factory=list)
    horizontal: list[Rule] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[Box], fills: Iterable[Fill] = ()) -> Rules:
        """Collect the rules of a page from its drawn lines and filled rectangles.

        A filled rectangle counts with its edges where it is the background of a cell, and as a line
        where it is thin. The background of a paragraph within a cell has no part in it.
        """
        filled = list(dict.fromkeys(fills))
        thin = [fill.box for fill in filled if _is_thin(fill.box)]
        broad = [fill for fill in filled if not _is_thin(fill.box)][:MAX_FILLS]
        vertical, horizontal = _drawn_rules([*lines, *thin])
        vertical, horizontal = _merge_rules(vertical), _merge_rules(horizontal)
        for left, top, right, bottom in _cell_backgrounds(broad, vertical):
            horizontal += [Rule(top, left, right), Rule(bottom, left, right)]
            vertical += [Rule(left, top, bottom), Rule(right, top, bottom)]
        rules = cls(_merge_rules(vertical), _merge_rules(horizontal), broad)
        rules.vertical = [rule for rule in rules.vertical if rule.end - rule.start >= MIN_LENGTH]
        rules.horizontal = [r for r in rules.horizontal if r.end - r.start >= MIN_LENGTH]
        if max(len(rules.vertical), len(rules.horizontal)) > MAX_RULES:
            return cls(fills=broad)
        return rules

    def turned(self, angle: int, width: float, height: float) -> Rules:
        """Return the rules of a page of this size when it is turned clockwise by 90 or 270°."""
        if angle == 90:
            vertical = [Rule(height - rule.at, rule.start, rule.end) for rule in self.horizontal]
            across = [Rule(r.at, height - r.end, height - r.start) for r in self.vertical]
        else:
            vertical = [Rule(r.at, width - r.end, width - r.start) for r in self.horizontal]
            across = [Rule(width - rule.at, rule.start, rule.end) for rule in self.vertical]
        fills = [Fill(turn_box(fill.box, angle, width, height), fill.colour) for fill in self.fills]
        return Rules(vertical, across, fills)

    def between(self, left: float, right: float, height: float) -> bool:
        """Tell whether a vertical rule separates two words at this height."""
        return any(
            left - 1 <= rule.at <= right + 1 and rule.start <= height <= rule.end
            for rule in self.vertical
        )


def turn_box(box: Box, angle: int, width: float, height: float) -> Box:
    """Return a box of a page of this size when the page is turned clockwise by 90 or 270°."""
    left, top, right, bottom = box
    if angle == 90:
        return height - bottom, left, height - top, right
    return top, width - right, bottom, width - left


def _is_thin(box: Box) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) <= MAX_THICKNESS


def _drawn_rules(lines: Sequence[Box]) -> tuple[list[Rule], list[Rule]]:
    """Return the vertical and horizontal rules among thin boxes; a dot may belong to either."""
    vertical: list[Rule] = []
    horizontal: list[Rule] = []
    for x0, y0, x1, y1 in lines[:MAX_BOXES]:
        wide, high = x1 - x0, y1 - y0
        if high <= MAX_THICKNESS and wide >= 0.5:
            horizontal.append(Rule((y0 + y1) / 2, x0, x1))
        if wide <= MAX_THICKNESS and high >= 0.5:
            vertical.append(Rule((x0 + x1) / 2, y0, y1))
    return vertical, horizontal


def _merge_rules(rules: Sequence[Rule]) -> list[Rule]:
    """Merge rules that overlap or continue each other on one line."""
    rows: list[list[Rule]] = []
    first = -1e9
    for rule in sorted(rules, key=lambda rule: rule.at):
        if rule.at - first > TOLERANCE:
            rows.append([])
            first = rule.at
        rows[-1].append(rule)
    merged: list[Rule] = []
    for row in rows:
        at = row[len(row) // 2].at
        row.sort(key=lambda rule: rule.start)
        start, end = row[0].start, row[0].end
        for rule in row:
            if rule.start > end + TOLERANCE:
                merged.append(Rule(at, start, end))
                start = rule.start
            end = max(end, rule.end) if rule.start <= end + TOLERANCE else rule.end
        merged.append(Rule(at, start, end))
    return merged


def _cell_backgrounds(fills: Sequence[Fill], vertical: Sequence[Rule]) -> list[Box]:
    """Return the filled rectangles that are backgrounds of cells or of rows.

    A word processor also fills the background of a paragraph or of some words: such a rectangle
    lies within a cell that lines enclose, or alone within another rectangle.
    """
    boxes = [
        fill.box
        for fill in fills
        if fill.box[2] - fill.box[0] >= MIN_LENGTH and fill.box[3] - fill.box[1] >= MIN_LENGTH
    ]
    inner = [box for box in boxes if not _is_within_cell(box, vertical)]
    kept = _close_gaps([box for box in inner if not _is_alone_within(box, inner)])
    return [box for box in kept if _recurs(box, kept, vertical)]


def _is_within_cell(box: Box, vertical: Sequence[Rule]) -> bool:
    """Tell whether vertical lines form columns at the height of a rectangle and it ends at none."""
    middle = (box[1] + box[3]) / 2
    lines = [rule.at for rule in vertical if rule.start <= middle <= rule.end]
    if len(lines) < 3 or not lines[0] - TOLERANCE <= box[0] <= box[2] <= lines[-1] + TOLERANCE:
        return False
    return not all(any(abs(at - edge) <= TOLERANCE for at in lines) for edge in (box[0], box[2]))


def _is_alone_within(box: Box, boxes: Sequence[Box]) -> bool:
    """Tell whether a rectangle lies within another one, the smallest, that has none beside it."""
    left, top, right, bottom = box
    around = [
        other
        for other in boxes
        if other[0] - 1 <= left
        and right <= other[2] + 1
        and other[1] - 1 <= top
        and bottom <= other[3] + 1
        and (other[2] - other[0]) - (right - left) > TOLERANCE
    ]
    if not around:
        return False
    outer = min(around, key=lambda other: (other[2] - other[0]) * (other[3] - other[1]))
    return not any(
        outer[0] - 1 <= x0
        and x1 <= outer[2] + 1
        and (x1 <= left + 1 or x0 >= right - 1)
        and min(y1, bottom) - max(y0, top) > 0.5 * (bottom - top)
        for x0, y0, x1, y1 in boxes
    )


def _close_gaps(boxes: Sequence[Box]) -> list[Box]:
    """Extend the backgrounds of neighbouring cells until they meet."""
    edges = [list(box) for box in boxes]
    for low, high, other_low, other_high in ((0, 2, 1, 3), (1, 3, 0, 2)):
        groups: dict[tuple[int, int], list[list[float]]] = defaultdict(list)
        for box in edges:
            groups[round(box[other_low] / 2), round(box[other_high] / 2)].append(box)
        for group in groups.values():
            group.sort(key=lambda box: box[low])
            for before, after in pairwise(group):
                if 0 < after[low] - before[high] <= MAX_GAP:
                    before[high] = after[low] = (before[high] + after[low]) / 2
    return [(box[0], box[1], box[2], box[3]) for box in edges]


def _recurs(box: Box, boxes: Sequence[Box], vertical: Sequence[Rule]) -> bool:
    """Tell whether both side edges of a rectangle recur at another height, or follow lines."""
    return all(
        any(abs(rule.at - box[side]) <= TOLERANCE for rule in vertical)
        or any(
            abs(other[edge] - box[side]) <= TOLERANCE
            and (other[3] <= box[1] + TOLERANCE or other[1] >= box[3] - TOLERANCE)
            for other in boxes
            for edge in (0, 2)
        )
        for side in (0, 2)
    )
