"""Tell the headings of a table from its values, by style, numbers and spans."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from ingestion.readers.pdf.table_cells import (
    Cell,
    CellArea,
    Grid,
    Piece,
    is_number,
    is_value,
    is_year,
    share_of,
)

MAX_HEADER_ROWS = 4
MAX_HEADING_SHARE = 0.34
"""Maximum share of the rows of a table that have the style of its headings."""

MAX_PLAIN_HEADING = 30
"""Maximum number of characters of a heading that neither style nor numbers tell from values."""

MIN_NUMERIC = 0.6
"""Minimum share of numbers among the cells of a column that counts as numeric."""

Style = tuple[bool, int, float]
"""Bold, colour of the background, font size: what tells headings from values."""


def _style(row: Sequence[CellArea]) -> Style:
    """Return the style of a row, its first column left out if there are others."""
    cells = [region for region in row if region.left > 0] or list(row)
    colour = Counter(region.colour for region in cells).most_common(1)[0][0]
    size = median(piece.size for region in cells for piece in region.pieces)
    return all(region.bold for region in cells), colour, round(size)


def _has_numbers(row: Sequence[CellArea]) -> bool:
    """Tell whether a row has numbers other than years, its first column left out."""
    texts = [region.text for region in row if region.left > 0]
    return any(is_number(text) and not is_year(text) for text in texts)


def spans_table(grid: Grid, number: int) -> bool:
    """Tell whether a row is a single cell over all columns."""
    row = grid.row(number)
    return len(row) == 1 and row[0].right - row[0].left == grid.width > 1


def dividing_rows(grid: Grid) -> list[int]:
    """Return the rows, other than the first, in which the heading of another table begins."""
    rows = [grid.row(number) for number in range(grid.rows)]
    styles = Counter(_style(row) for row in rows if len(row) > 1)
    if styles.total() < 3:
        return []
    usual = styles.most_common(1)[0]
    if usual[1] <= styles.total() / 2:
        return []
    headings = [
        len(row) > 1
        and _is_marked(_style(row), usual[0])
        and styles[_style(row)] <= MAX_HEADING_SHARE * styles.total()
        and all(re.search(r"[^\W\d_]", region.text) for region in row)
        and not _has_numbers(row)
        for row in rows
    ]
    whole = [
        headings[i] and sum(r.right - r.left for r in rows[i]) >= max(2, grid.width - 1)
        for i in range(grid.rows)
    ]
    begins = [i for i in range(1, grid.rows) if whole[i] and not headings[i - 1]]
    begins = [i - 1 if i > 1 and spans_table(grid, i - 1) else i for i in begins]
    colours = {_style(rows[i])[1] for i in range(grid.rows) if headings[i]} - {usual[0][1]}
    lone = [i for i in range(1, grid.rows) if _is_lone_heading(grid, i, colours)]
    return sorted({*begins, *lone})


def _is_lone_heading(grid: Grid, number: int, colours: set[int]) -> bool:
    """Tell whether a row in the colour of the headings has a text in its first column only."""
    row = grid.row(number)
    if len(row) != 1 or row[0].colour not in colours:
        return False
    return row[0].right < grid.width < 2 * len(grid.begun(number))


def _is_marked(style: Style, usual: Style) -> bool:
    """Tell whether a style sets a heading off from the usual style of the cells."""
    bolder = style[0] and not usual[0]
    coloured = style[1] != usual[1] and style[1] not in {-1, 0xFFFFFF}
    return bolder or coloured or style[2] > usual[2]


def count_header_rows(grid: Grid, unit: bool) -> tuple[int, bool, bool]:
    """Return how many rows are headings, whether that is certain, and whether style marks them."""
    top = grid.row(0)
    rest = [row for number in range(1, grid.rows) if len(row := grid.row(number)) > 1]
    style, styles = _style(top), [_style(row) for row in rest]
    if not rest:
        marked = style[0] or style[1] not in {-1, 0xFFFFFF}
        marked = marked and len(top) > 1 and not _has_numbers(top)
        return int(marked), True, marked
    usual = Counter(styles).most_common(1)[0][0]
    marked = unit or (
        _is_marked(style, usual) and styles.count(style) <= MAX_HEADING_SHARE * len(styles)
    )
    if not unit and (len(top) < 2 or (not style[0] and _has_numbers(top))):
        marked = False
    count, certain = (1, True) if marked else _header_by_numbers(grid)
    coloured = style[1] not in {-1, 0xFFFFFF}
    if not certain and coloured and all(other == style for other in styles):
        count, certain = 0, True  # colours that set no first row off: there are no headings
    while 0 < count < min(grid.rows - 1, MAX_HEADER_ROWS):
        row, before = grid.row(count), grid.row(count - 1)
        spanned = any(r.top < count < r.bottom for r in grid.regions if r.pieces)
        grouped = any(r.right - r.left > 1 for r in before)
        same = marked and _style(row) == style
        if not (grouped or spanned or same) or (_has_numbers(row) and not (same and grouped)):
            break
        count += 1
    return count, certain, marked


def _header_by_numbers(grid: Grid) -> tuple[int, bool]:
    """Tell from the columns of numbers whether the first row holds headings."""
    columns = texts_by_column(grid)
    numeric = [
        texts
        for texts in columns[1:]
        if share_of(map(is_number, filter(None, texts[1:]))) >= MIN_NUMERIC
    ]
    heads = [texts[0] for texts in numeric]
    if any(head and is_value(head) and not is_year(head) for head in heads):
        return 0, True
    if numeric and sum(map(bool, heads)) >= 0.5 * len(heads):
        years = [head for head in heads if is_year(head)]
        values = [text for texts in numeric for text in texts[1:] if text]
        return 1, not (years and all(map(is_year, values)))
    first = [texts[0] for texts in columns]
    others = [sum(map(len, row)) for row in list(zip(*columns, strict=True))[1:]]
    short = (
        all(first)
        and max(map(len, first)) <= MAX_PLAIN_HEADING
        and sum(map(len, first)) < mean(others)
    )
    return int(short), short


def texts_by_column(grid: Grid) -> list[list[str]]:
    """Return the texts of each column, from top to bottom; merged cells are repeated downwards."""
    columns = [[""] * grid.rows for _ in range(grid.width)]
    for region in grid.regions:
        for row in range(region.top, region.bottom):
            columns[region.left][row] = region.text
    return columns


def header_cells(grid: Grid, count: int) -> tuple[Cell, ...]:
    """Return the headings of the columns; that of a group stands before those of its columns."""
    cells: list[list[list[Piece]]] = [[] for _ in range(grid.width)]
    grouped = [False] * grid.width
    for region in sorted(grid.regions, key=lambda region: region.top):
        if region.top >= count or not region.pieces:
            continue
        whole = region.right - region.left == grid.width
        for column in range(region.left + whole, region.right):
            if cells[column] and not grouped[column]:
                cells[column][-1] += region.pieces
            else:
                cells[column].append(list(region.pieces))
            grouped[column] = region.right - region.left > 1
    return tuple(tuple(map(tuple, cell)) for cell in cells) if count else ()
