"""Find tables without ruled lines, by the alignment of line segments separated by wide gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.readers.pdf.lines import LineSegment, TextLine

MAX_CELL_LENGTH = 240
"""Characters; a longer cell is a column of prose."""


@dataclass(slots=True)
class CellStack:
    """Vertically adjacent segments: a cell, or some lines of prose."""

    segments: list[LineSegment]
    lines: list[int]  # index of the line of each segment
    top: float
    bottom: float
    size: float
    leading: float = 0.0
    bold: bool = False

    @property
    def x0(self) -> float:
        return min(segment.x0 for segment in self.segments)

    @property
    def x1(self) -> float:
        return max(segment.x1 for segment in self.segments)


@dataclass(slots=True)
class StackRow:
    """Stacks side by side."""

    stacks: list[CellStack]
    top: float = field(init=False)
    bottom: float = field(init=False)

    def __post_init__(self) -> None:
        self.top = min(stack.top for stack in self.stacks)
        self.bottom = max(stack.bottom for stack in self.stacks)


@dataclass(frozen=True, slots=True)
class AlignedTable:
    """A table, which replaces the lines `first` to `last` of its page (indices, inclusive)."""

    first: int
    last: int
    rows: tuple[tuple[tuple[int, ...], ...], ...]  # for each row and cell, indices of its pieces
    pieces: tuple[tuple[LineSegment, bool], ...]  # a segment, and whether its end is cut

    def markdown(self, join: Callable[[Iterable[str]], str]) -> str:
        """Return the table in Markdown, with its first row as the header."""
        rows = []
        for row in self.rows:
            cells = (join(self._piece(i) for i in cell) for cell in row)
            rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
        rows.insert(1, "|" + " --- |" * len(self.rows[0]))
        return "\n".join(rows)

    def _piece(self, index: int) -> str:
        segment, cut = self.pieces[index]
        return segment.text + ("\x02" if cut else "")


def find_tables(lines: Sequence[TextLine]) -> list[AlignedTable]:
    """Return the tables of a page in the order of their lines."""
    if sum(len(line.segments) > 1 for line in lines) < 1 and not _jumps_up_and_right(lines):
        return []
    tables = []
    for run in _row_runs(_stack_rows(_stacks(lines))):
        table = _aligned_table(run, lines)
        if table is not None:
            tables.append(table)
    return tables


def _jumps_up_and_right(lines: Sequence[TextLine]) -> bool:
    """Tell whether some line starts to the right of the previous one, at its height or above."""
    return any(
        below.baseline < above.baseline + 1 and below.x0 > above.x0
        for above, below in pairwise(lines)
    )


def _stacks(lines: Sequence[TextLine]) -> list[CellStack]:
    stacks: list[CellStack] = []
    row: list[CellStack] = []  # the stacks of the previous line
    for index, line in enumerate(lines):
        current: list[CellStack] = []
        for segment in line.segments:
            stack_above = _continued_stack(row, line) if not current else None
            if stack_above is not None and _is_continuation(
                stack_above, segment, line, alone=len(row) == 1
            ):
                _append_segment(stack_above, segment, index, line)
                current.append(stack_above)
                continue
            stack = CellStack(
                [segment], [index], line.baseline - line.size, line.baseline, line.size
            )
            stack.bold = line.bold
            stacks.append(stack)
            current.append(stack)
        row = current
    return stacks


def _continued_stack(row: Sequence[CellStack], line: TextLine) -> CellStack | None:
    """Return the stack that the first segment of a line may continue, None if there is none.

    The first cell of a row may have begun on the previous line, if it ends left of the next cell.
    """
    if not row:
        return None
    if len(line.segments) == 1:
        return row[-1]
    same_weight = len(row) == 1 and row[0].bold == line.bold
    return row[0] if same_weight and row[0].x1 < line.segments[1].x0 else None


def _is_continuation(
    stack: CellStack, segment: LineSegment, line: TextLine, *, alone: bool
) -> bool:
    """Tell whether a segment of a line continues a stack of the previous line."""
    step = line.baseline - stack.bottom
    if not 0.3 * line.size < step <= 1.7 * line.size or abs(line.size - stack.size) > 0.6:
        return False
    if stack.leading and abs(step - stack.leading) > 0.3 * line.size:
        return False
    if alone:
        return segment.x0 < stack.x1 and segment.x1 > stack.x0
    return segment.x0 > stack.x0 - 2 * line.size and segment.x0 < stack.x1


def _append_segment(stack: CellStack, segment: LineSegment, index: int, line: TextLine) -> None:
    stack.leading = line.baseline - stack.bottom
    stack.segments.append(segment)
    stack.lines.append(index)
    stack.bottom = line.baseline


def _stack_rows(stacks: Sequence[CellStack]) -> list[StackRow]:
    rows: list[StackRow] = []
    for stack in stacks:
        beside = _rows_beside(rows, stack)
        if beside:
            merged = [part for row in rows[-beside:] for part in row.stacks]
            rows[-beside:] = [StackRow([*merged, stack])]
        else:
            rows.append(StackRow([stack]))
    return rows


def _rows_beside(rows: Sequence[StackRow], stack: CellStack) -> int:
    """Return how many of the last rows lie beside a stack, so that they form one row with it.

    A stack is beside a row if it starts above the row's bottom and to its right.
    """
    if not rows:
        return 0
    last = rows[-1]
    if len(last.stacks) > 1:
        right = stack.x0 > min(part.x0 for part in last.stacks)
        return 1 if right and _overlap(last, stack) else 0
    beside = 0
    for row in reversed(rows):
        left = len(row.stacks) == 1 and row.stacks[0].x1 <= stack.x0 + 1
        higher = stack.top < row.bottom - 0.2 * stack.size
        if not left or not higher or (beside and not _overlap(row, stack)):
            break
        beside += 1
    return beside


def _overlap(row: StackRow, stack: CellStack) -> bool:
    return stack.top < row.bottom - 0.2 * stack.size and stack.bottom > row.top + 0.2 * stack.size


def _row_runs(rows: Sequence[StackRow]) -> list[list[StackRow]]:
    """Group successive rows of at least two cells that lie close together."""
    runs: list[list[StackRow]] = []
    run: list[StackRow] = []
    for row in rows:
        below = not run or row.top >= run[-1].bottom - 0.5 * row.stacks[0].size
        near = not run or row.top - run[-1].bottom < 2.5 * row.stacks[0].size
        if len(row.stacks) > 1 and below and near:
            run.append(row)
            continue
        runs.append(run)
        run = [row] if len(row.stacks) > 1 else []
    runs.append(run)
    return [run for run in runs if len(run) >= 2]


def _aligned_table(run: Sequence[StackRow], lines: Sequence[TextLine]) -> AlignedTable | None:
    columns = _column_extents(run)
    if len(columns) < 2:
        return None
    pieces: list[tuple[LineSegment, bool]] = []
    rows: list[tuple[tuple[int, ...], ...]] = []
    for row in run:
        cells: list[list[int]] = [[] for _ in columns]
        for stack in row.stacks:
            cell = cells[_column_of(stack, columns)]
            for segment, line in zip(stack.segments, stack.lines, strict=True):
                last = lines[line].segments[-1] is segment
                cell.append(len(pieces))
                pieces.append((segment, last and lines[line].cut))
        rows.append(tuple(tuple(cell) for cell in cells))
    if not _looks_like_table(rows, pieces):
        return None
    indices = [index for row in run for stack in row.stacks for index in stack.lines]
    if set(range(min(indices), max(indices) + 1)) != set(indices):
        return None
    if _is_inside_prose(lines, min(indices)):
        return None
    return AlignedTable(min(indices), max(indices), tuple(rows), tuple(pieces))


def _is_inside_prose(lines: Sequence[TextLine], first: int) -> bool:
    """Tell whether a line continues the sentence of the full-width line above it.

    Words of justified text may be as far apart as cells.
    """
    line, above = lines[first], lines[first - 1] if first else None
    if above is None or not line.text[:1].islower() or abs(above.size - line.size) > 0.6:
        return False
    below = 0.3 * line.size < line.baseline - above.baseline <= 1.7 * line.size
    wide = abs(above.x0 - line.x0) < line.size and above.x1 >= line.x1 - line.size
    return below and wide and not above.text.rstrip().endswith((".", ":", ";"))


def _column_extents(run: Sequence[StackRow]) -> list[tuple[float, float]]:
    """Return the horizontal extent of each column, ignoring cells that span several columns."""
    cells = sorted((stack.x1 - stack.x0, stack.x0, stack.x1) for row in run for stack in row.stacks)
    columns: list[tuple[float, float]] = []
    for _, x0, x1 in cells:
        over = [column for column in columns if x0 < column[1] - 1 and x1 > column[0] + 1]
        if not over:
            columns.append((x0, x1))
        elif len(over) == 1:
            columns.remove(over[0])
            columns.append((min(x0, over[0][0]), max(x1, over[0][1])))
    return sorted(columns)


def _column_of(stack: CellStack, columns: Sequence[tuple[float, float]]) -> int:
    shared = [min(stack.x1, x1) - max(stack.x0, x0) for x0, x1 in columns]
    for index, width in enumerate(shared):
        if width > 1:
            return index
    return max(range(len(columns)), key=lambda index: shared[index])


def _looks_like_table(
    rows: Sequence[Sequence[Sequence[int]]], pieces: Sequence[tuple[LineSegment, bool]]
) -> bool:
    """Tell a table from prose in columns: its cells are short and mostly filled."""
    lengths = [sum(len(pieces[i][0].text) for i in cell) for row in rows for cell in row if cell]
    filled = sum(bool(cell) for row in rows for cell in row) / (len(rows) * len(rows[0]))
    return (
        max(lengths) < 3 * MAX_CELL_LENGTH
        and sum(lengths) / len(lengths) < MAX_CELL_LENGTH
        and filled > 0.4
    )
