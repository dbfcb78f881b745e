"""Find tables without ruled lines, by the alignment of pieces of text that wide gaps separate.

Only positions count, so that the order in which the cells were drawn does not matter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from statistics import median

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.rules import Rules
from ingestion.readers.pdf.table_cells import (
    CellArea,
    Grid,
    Piece,
    background,
    is_number,
    is_year,
    pieces_of,
)
from ingestion.readers.pdf.table_rows import group_by_line, group_lines
from ingestion.readers.pdf.tables import PageTable, tables_of

MIN_PROSE_LINES = 6
"""Lines below each other, of the width of a column of prose, that are no cell of a table."""

MIN_PROSE_LENGTH = 28
MAX_RUNS, MAX_COLUMNS = 200, 60
"""Bounds of the work on a page."""

MAX_STEP = 3.2
"""Maximum distance of two rows of a table, in multiples of the font size."""

MAX_CELL_LENGTH = 160
"""Maximum mean number of characters of a cell."""

MAX_OFFSET = 4.0
"""Distance in points within which the cells of a column are aligned."""

MAX_HEADING, MAX_HEADING_LINES = 40, 6
"""Maximum number of characters of a line of a heading, and of lines of headings."""

MAX_OVERHANG = 40.0
"""Distance in points by which the heading of a group may extend beyond the last column."""

MAX_GROUP_OFFSET = 12.0
"""Distance in points of the middle of a group of columns from that of its heading."""

Row = list[Piece]
Extent = tuple[float, float]
"""Left and right of a column, in points."""


def find_tables(lines: Sequence[TextLine], rules: Rules | None = None) -> list[PageTable]:
    """Return the tables without rules among the lines of a page, from top to bottom."""
    if not any(len(line.segments) > 1 for line in lines) and not _jumps_up_and_right(lines):
        return []
    rows = group_by_line(_without_prose(list(pieces_of(lines))))
    tables: list[PageTable] = []
    for first, run in islice(_runs(rows), MAX_RUNS):
        above = rows[max(first - MAX_HEADING_LINES, 0) : first]
        grid = _grid(above, run, rules or Rules())
        if grid is not None:
            tables += (table for table in tables_of(grid) if _is_wanted(table, lines))
    return tables


def _jumps_up_and_right(lines: Sequence[TextLine]) -> bool:
    """Tell whether some line starts to the right of the previous one, at its height or above."""
    return any(
        below.baseline < above.baseline + 1 and below.x0 > above.x0
        for above, below in pairwise(lines)
    )


def _is_wanted(table: PageTable, lines: Sequence[TextLine]) -> bool:
    """Tell whether a table takes whole lines and does not continue the sentence above it."""
    taken = sum(len(lines[i].segments) for i in table.lines)
    pieces = {
        (p.line, p.x0) for row in (table.header, *table.rows) for c in row for q in c for p in q
    }
    return taken == len(pieces) and not _is_inside_prose(lines, min(table.lines))


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


def _without_prose(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out columns of prose: many long pieces of text below each other."""
    prose: set[int] = set()
    stack: list[int] = []
    order = sorted(range(len(pieces)), key=lambda i: (round(pieces[i].x0 / 3), pieces[i].baseline))
    for i in [*order, -1]:
        if i >= 0 and _goes_on([pieces[j] for j in stack[-2:]], pieces[i]):
            stack.append(i)
            continue
        if len(stack) >= MIN_PROSE_LINES:
            lengths = [len(pieces[j].text) for j in stack]
            if median(lengths) >= MIN_PROSE_LENGTH:
                prose.update(stack)
        stack = [i]
    return [piece for i, piece in enumerate(pieces) if i not in prose]


def _goes_on(above: Sequence[Piece], piece: Piece) -> bool:
    """Tell whether a piece is the next line below others, as far from them as they are apart."""
    if not above or abs(piece.x0 - above[-1].x0) >= 4:
        return False
    step = piece.baseline - above[-1].baseline
    even = len(above) < 2 or abs(step - (above[-1].baseline - above[0].baseline)) < 0.12 * step
    return even and 0.5 * piece.size < step < 1.8 * piece.size


def _runs(rows: Sequence[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Yield successive rows that may form a table, with the index of the first one."""
    run: list[Row] = []
    wide: Row = []  # the last row of several pieces in the run
    for index, row in enumerate([*rows, []]):
        near = bool(run and row) and _step(run[-1], row) <= MAX_STEP
        if near and (len(row) > 1 or _fits(row[0], wide)):
            run.append(row)
        else:
            if sum(len(other) > 1 for other in run) >= 2:
                yield index - len(run), _trimmed(run)
            run = [row] if len(row) > 1 else []
        wide = row if len(row) > 1 else wide


def _step(above: Row, row: Row) -> float:
    return (row[0].baseline - above[0].baseline) / max(row[0].size, 1.0)


def _fits(piece: Piece, wide: Row) -> bool:
    """Tell whether a piece lies within one column of the row above it, however wide that is."""
    over = [other for other in wide if piece.x0 < other.x1 and piece.x1 > other.x0]
    right = min((other.x0 for other in wide if other.x0 > piece.x0 + 1), default=1e9)
    return len(over) < 2 and piece.x1 < right


def _trimmed(run: list[Row]) -> list[Row]:
    """Leave out last rows of a single piece that stand apart."""
    while len(run[-1]) == 1 and _step(run[-2], run[-1]) > 1.6:
        run = run[:-1]
    return run


def _grid(above: Sequence[Row], run: Sequence[Row], rules: Rules) -> Grid | None:
    """Assign the pieces of a run of rows to columns; None if they form no table.

    `above` holds the rows above the run, among which the first lines of its headings may be.
    """
    columns = _body_extents(run)
    if not 2 <= len(columns) <= MAX_COLUMNS:
        return None
    doubts: set[str] = set()
    heights = _dividing_heights(rules, columns)
    last = max(row[0].middle for row in run if len(row) > 1)
    while len(heights) > 2 and last < heights[-1] < run[-1][0].middle:
        run = run[:-1]
    lines = [*_headings_above(above, run, columns, doubts), *run]
    lines = _over_their_columns(lines, columns, doubts)
    found, headed = _group_headings(lines, columns)
    body = lines[headed:]
    if not body:
        return None
    groups, certain = _rows(body, columns, heights)
    if not certain:
        doubts.add("rows")
    top = 2 if headed else 0
    if top + len(groups) < 2:
        return None
    regions: dict[tuple[int, int, int], CellArea] = {}
    for number, group in enumerate(groups, top):
        for piece in (piece for row in group for piece in row):
            left, right = _columns_of(piece, columns)
            key = (number, left, right)
            region = regions.setdefault(key, CellArea(number, number + 1, left, right))
            region.pieces.append(piece)
    found += regions.values()
    if any(1 < r.right - r.left < len(columns) for r in regions.values()):
        doubts.add("crossing")
    for region in found if rules.fills else ():
        region.colour = background(region.pieces[0], rules.fills)
    if not _looks_like_table(found, top + len(groups), len(columns)):
        return None
    if not all(_is_aligned([r for r in found if r.left == i]) for i in range(len(columns))):
        doubts.add("alignment")
    edges = [columns[0][0], *((a[1] + b[0]) / 2 for a, b in pairwise(columns)), columns[-1][1]]
    return Grid(found, edges, doubts, ruled=False)


def _headings_above(
    above: Sequence[Row], run: Sequence[Row], columns: Sequence[Extent], doubts: set[str]
) -> list[Row]:
    """Return the rows above a run that belong to its headings: each piece lies over columns.

    A piece over the first column belongs to them only if the first row has none there. Add a doubt
    if the next row looks like a heading, but stands apart.
    """
    taken: list[Row] = []
    named = _columns_of(run[0][0], columns)[0] == 0
    for row in reversed(above):
        step = _step(row, taken[0] if taken else run[0])
        spans = [_columns_of(piece, columns) for piece in row]
        over = all(_is_over(piece, columns) and len(piece.text) <= MAX_HEADING for piece in row)
        first = [span for span in spans if span[0] == 0]
        if not over or step > 2.2 or (first and (named or first != [(0, 1)])):
            if step <= 1.5 and not first:
                doubts.add("header")
            break
        if step > 1.5:
            doubts.add("header")
            break
        named = named or bool(first)
        taken.insert(0, row)
    return taken


def _is_over(piece: Piece, columns: Sequence[Extent]) -> bool:
    """Tell whether a piece stands over the columns, or begins where the last one does."""
    last = columns[-1]
    begins = columns[0][0] - 2 <= piece.x0
    return begins and (piece.x1 <= last[1] + MAX_OVERHANG or abs(piece.x0 - last[0]) <= MAX_OFFSET)


def _group_headings(lines: Sequence[Row], columns: Sequence[Extent]) -> tuple[list[CellArea], int]:
    """Return the headings of groups and of their columns, and how many lines they take.

    A group is centred over its columns, or begins where the first of them begins; the heading of
    the first column stands beside either line or between them. Return none if there are no groups.
    """
    head: list[Row] = []
    for row in lines[:MAX_HEADING_LINES]:
        if any(is_number(piece.text) and not is_year(piece.text) for piece in row):
            break
        head.append(row)
    names: list[Piece] = []
    groups: list[Piece] = []
    for number, row in enumerate(head, 1):
        names += [piece for piece in row if _columns_of(piece, columns) == (0, 1)]
        rest = [piece for piece in row if _columns_of(piece, columns)[0] > 0]
        if len(rest) == len(columns) - 1:
            spans = _spans_of(groups, rest, columns)
            if not spans:
                break
            regions = [
                CellArea(0, 1, left, right, [piece])
                for piece, (left, right) in zip(groups, spans, strict=True)
            ]
            regions += [CellArea(1, 2, i, i + 1, [piece]) for i, piece in enumerate(rest, 1)]
            regions += [CellArea(0, 2, 0, 1, names)] if names else []
            return regions, number
        if rest and groups:
            break
        groups = groups or rest
    return [], 0


def _spans_of(
    groups: Sequence[Piece], headings: Sequence[Piece], columns: Sequence[Extent]
) -> list[tuple[int, int]]:
    """Return the columns of each group, as many for each; none if the headings do not fit them.

    Headings of groups that begin with their first column might as well be the first lines of single
    headings, unless what stands below each group is the same.
    """
    count = len(columns) - 1
    if not 0 < len(groups) < count or count % len(groups):
        return []
    share = count // len(groups)
    texts = [piece.text for piece in headings]
    repeated = len(groups) > 1 and texts == texts[:share] * len(groups)
    spans = [(1 + i * share, 1 + (i + 1) * share) for i in range(len(groups))]
    for piece, (left, right) in zip(groups, spans, strict=True):
        start, end = columns[left][0], columns[right - 1][1]
        centred = abs((piece.x0 + piece.x1) / 2 - (start + end) / 2) <= MAX_GROUP_OFFSET
        if not (centred or (repeated and abs(piece.x0 - start) <= MAX_OFFSET)):
            return []
    return spans


def _dividing_heights(rules: Rules, columns: Sequence[Extent]) -> list[float]:
    """Return the heights of the rules, and edges of backgrounds, that cross most of the columns."""
    left, right = columns[0][0], columns[-1][1]
    covered: dict[float, float] = defaultdict(float)
    for rule in rules.horizontal:
        covered[rule.at] += max(0.0, min(rule.end, right) - max(rule.start, left))
    return sorted(at for at, width in covered.items() if width >= 0.8 * (right - left))


def _body_extents(run: Sequence[Row]) -> list[Extent]:
    """Return the extents of the columns, of the rows with numbers if there are some.

    Headings may stand aside of their column, and one segment may hold the headings of two.
    """
    body = run[_head_length(run) :]
    return _column_extents(body if len(body) > 1 else run)


def _head_length(lines: Sequence[Row]) -> int:
    """Return the number of lines before the first with a number other than a year."""
    for number, row in enumerate(lines[:MAX_HEADING_LINES]):
        if any(is_number(piece.text) and not is_year(piece.text) for piece in row):
            return number
    return 0


def _over_their_columns(
    lines: Sequence[Row], columns: Sequence[Extent], doubts: set[str]
) -> list[Row]:
    """Move headings that stand aside of their column over it, if there is one for each column.

    Add a doubt if there are more headings than columns, or too few.
    """
    count = _head_length(lines)
    own = _extents_of(lines[:count])
    if len(own) != len(columns):
        if count and not len(columns) - 1 <= len(own) <= len(columns):
            doubts.add("header")
        return list(lines)
    moved: list[Row] = []
    for row in lines[:count]:
        moved.append([])
        for piece in row:
            first, last = _columns_of(piece, own)
            left, right = columns[first][0], columns[last - 1][1]
            aside = piece.x1 <= left + 1 or piece.x0 >= right - 1 or last - first > 1
            moved[-1].append(replace(piece, x0=left, x1=right) if aside else piece)
    return [*moved, *lines[count:]]


def _column_extents(run: Sequence[Row]) -> list[Extent]:
    """Return the horizontal extent of each column.

    Cells over several columns, and rows of few cells, such as headings of groups, do not count.
    """
    most = max(map(len, run))
    if most > MAX_COLUMNS:
        return []
    return _extents_of([row for row in run if len(row) >= 0.6 * most])


def _extents_of(rows: Sequence[Row]) -> list[Extent]:
    """Return the parts of the width that pieces cover; a piece over several of them is left out."""
    columns: list[Extent] = []
    cells = sorted((piece.x1 - piece.x0, piece.x0, piece.x1) for row in rows for piece in row)
    for _, x0, x1 in cells:
        over = [column for column in columns if x0 < column[1] - 1 and x1 > column[0] + 1]
        if not over:
            columns.append((x0, x1))
        elif len(over) == 1:
            columns.remove(over[0])
            columns.append((min(x0, over[0][0]), max(x1, over[0][1])))
    return sorted(columns)


def _columns_of(piece: Piece, columns: Sequence[Extent]) -> tuple[int, int]:
    """Return the first column of a piece and the one after its last."""
    over = [i for i, (x0, x1) in enumerate(columns) if min(piece.x1, x1) - max(piece.x0, x0) > 1]
    if not over:
        middle = (piece.x0 + piece.x1) / 2
        over = [min(range(len(columns)), key=lambda i: abs(sum(columns[i]) / 2 - middle))]
    return over[0], over[-1] + 1


def _rows(
    run: Sequence[Row], columns: Sequence[Extent], heights: Sequence[float]
) -> tuple[list[list[Row]], bool]:
    """Group the lines of a run into rows of the table, by rules between them if there are."""
    extent = columns[0][0], columns[-1][1]
    bands: list[list[Row]] = []
    edge = -1
    for row in run:
        below = bisect_right(heights, row[0].middle)
        if not bands or below != edge:
            bands.append([])
            edge = below
        bands[-1].append(row)
    if extent and len(bands) > 2 and len(bands) >= 0.3 * len(run):
        return bands, True
    return group_lines(run, lambda piece: _columns_of(piece, columns)[0], len(columns))


def _looks_like_table(regions: Sequence[CellArea], rows: int, columns: int) -> bool:
    """Tell a table from prose in columns, legends, axes and diagrams."""
    texts = [region.text for region in regions]
    if sum(map(len, texts)) / len(texts) > MAX_CELL_LENGTH:
        return False
    if len(regions) <= 0.4 * rows * columns:
        return False
    names = [region.text for region in regions if region.left == 0]
    if not names or all(is_number(name) and not is_year(name) for name in names):
        return False
    for column in range(1, columns):
        values = [region for region in regions if region.left == column and region.top > 0]
        numbers = sum(is_number(region.text) for region in values)
        if numbers >= 0.5 * len(values) and numbers >= min(2, rows - 1):
            return True
    top = [region for region in regions if region.top == 0]
    rest = [region for region in regions if region.top > 0]
    if len(top) == columns and all(r.bold for r in top) and not all(r.bold for r in rest):
        return rows > 2
    return (
        rows > 2
        and len(regions) >= 0.9 * rows * columns
        and all(len(text) < 40 and text[:1].isupper() for text in texts)
    )


def _is_aligned(column: Sequence[CellArea]) -> bool:
    """Tell whether the cells of a column share their left or right edge or their middle."""
    values = [region for region in column if region.right - region.left == 1]
    if len(values) < 3:
        return True
    lefts = [min(p.x0 for p in region.pieces) for region in values]
    rights = [max(p.x1 for p in region.pieces) for region in values]
    middles = [(a + b) / 2 for a, b in zip(lefts, rights, strict=True)]
    return any(_is_steady(positions) for positions in (lefts, rights, middles))


def _is_steady(positions: Sequence[float]) -> bool:
    centre = median(positions)
    near = sum(abs(position - centre) <= MAX_OFFSET for position in positions)
    return near >= 0.75 * len(positions)
