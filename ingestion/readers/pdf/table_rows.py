"""Group the lines of a table into rows, whose cells may have several lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from ingestion.readers.pdf.table_cells import Grid, Piece, is_number, is_value

MAX_LIMITS = 12
"""Maximum number of distances between lines that are tried as the one between rows."""


def split_merged_rows(grid: Grid) -> None:
    """Divide the rows that hold several rows of values, where no rule stands between."""
    for row in range(grid.rows - 1, -1, -1):
        regions = [r for r in grid.row(row) if r.bottom == row + 1]
        cells = [group_by_line(region.pieces) for region in regions]
        if not (_are_values(cells) or _are_entries(cells)):
            continue
        columns = {piece: r.left for r in regions for piece in r.pieces}
        lines = group_by_line([piece for region in regions for piece in region.pieces])
        groups, certain = group_lines(lines, columns.__getitem__, len(regions))
        if not certain or len(groups) < 2 or regions[0].left > 0:
            grid.doubts.add("merged")
            continue
        _insert_rows(grid, row, len(groups) - 1)
        for region in regions:
            grid.regions.remove(region)
            for index, group in enumerate(groups):
                inside = [
                    piece for line in group for piece in line if columns[piece] == region.left
                ]
                part = replace(region, top=row + index, bottom=row + index + 1, pieces=inside)
                grid.regions.append(part)
        grid.rows += len(groups) - 1
    grid.index()


def group_by_line(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Group pieces on one baseline, from top to bottom and from left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.baseline, piece.x0)):
        if lines and piece.baseline - lines[-1][0].baseline < 0.45 * piece.size:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda piece: piece.x0)
    return lines


def _are_values(cells: Sequence[Sequence[Sequence[Piece]]]) -> bool:
    """Tell whether cells hold one number on each of several lines: two, or one of many lines."""
    counts = [
        len(lines)
        for lines in cells
        if len(lines) > 1 and all(is_value(" ".join(p.text for p in line)) for line in lines)
    ]
    return max(counts, default=0) > 2 or (len(counts) > 1 and len(set(counts)) == 1)


def _are_entries(cells: Sequence[Sequence[Sequence[Piece]]]) -> bool:
    """Tell whether two cells hold several short lines, at least three, that each begin anew."""
    several = [
        lines
        for lines in cells
        if len(lines) > 2
        and all(len(line[0].text) <= 40 and line[0].text[:1] != "(" for line in lines)
        and not any(line[0].text[:1].islower() for line in lines)
    ]
    return len(several) > 1


def group_lines(
    lines: Sequence[list[Piece]], column_of: Callable[[Piece], int], width: int
) -> tuple[list[list[list[Piece]]], bool]:
    """Group the lines of a table into rows, whose cells may have several lines.

    Lines of one row stand closer to each other than rows do. The distance that separates rows is
    the one that leaves the fewest rows with two numbers in a column, without a name or with few
    cells. Return the rows, and whether all of them are sound.
    """
    steps = [b[0].baseline - a[0].baseline for a, b in pairwise(lines)]
    limits = [0.0]
    for step in sorted(steps):
        if step > 1.08 * limits[-1] + 0.3:
            limits.append(step)
        else:
            limits[-1] = step
    best: tuple[float, list[list[list[Piece]]]] | None = None
    for limit in limits[:MAX_LIMITS]:
        groups = [[lines[0]]]
        for line, step in zip(lines[1:], steps, strict=True):
            if step <= limit + 0.1:
                groups[-1].append(line)
            else:
                groups.append([line])
        cost = sum(_cost(group, column_of, width) for group in groups)
        cost += 3.0 * (len(groups) == 1 < len(lines) - 1)
        if best is None or cost < best[0]:
            best = cost, groups
    assert best is not None
    return best[1], best[0] <= 0.12 * len(best[1]) + 0.5


def _cost(group: Sequence[Sequence[Piece]], column_of: Callable[[Piece], int], width: int) -> float:
    """Return how unlike one row of a table a group of lines is; 0 if it is like one."""
    pieces = [piece for line in group for piece in line]
    columns = {column_of(piece) for piece in pieces}
    numbers = Counter(column_of(piece) for piece in pieces if is_number(piece.text))
    repeated = sum(times - 1 for times in numbers.values())
    named = 0 in columns
    return 3.0 * repeated + 1.5 * (not named) + (len(columns) < 0.6 * width)


def _insert_rows(grid: Grid, row: int, count: int) -> None:
    """Move the rows below `row` down, and lengthen the cells that reach over it."""
    for region in grid.regions:
        if region.top > row:
            region.top += count
        if region.bottom > row + 1 or (region.top < row < region.bottom):
            region.bottom += count
