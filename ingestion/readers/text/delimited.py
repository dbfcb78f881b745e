"""Recognise tables of delimited text, CSV and TSV, and split them into rows and cells. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

DELIMITERS = ";\t,"
"""In the order of preference: a comma is also the decimal sign of the French."""

MIN_ROWS = 3
MIN_ROWS_STATED = 2
"""Rows of a table; fewer are enough for delimiters that prose hardly has."""

MIN_CONSISTENT = 0.9
"""Share of the rows that have the usual number of cells."""

SAMPLE_ROWS = 200
MAX_PREAMBLE = 15
LONGEST_CELL = 60
"""Characters of a cell on average; the parts of sentences between commas are longer."""

MOST_LINES_IN_CELL = 60
MAX_FIELD = 10_000_000
_STATED = re.compile(r"sep=(.)[ \t]*\Z", re.IGNORECASE)
_NUMBER = re.compile(r"[+\-−(]?[€$]?[\s\xa0\u202f]?\d[\d\s\xa0\u202f.,'’]*\s?(?:[%€$)]|\w{1,4})?\Z")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_BULLET = re.compile(r"\s*[-*•–—]\s")
_DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T]\d{1,2}:\d\d(?::\d\d)?)?\Z")

csv.field_size_limit(MAX_FIELD)

Row = list[str]


@dataclass(frozen=True)
class Dialect:
    """How a text is divided: the delimiter, whether cells are quoted, the lines before the table.

    `skipped` counts lines that only name the delimiter, `preamble` those of text above the table.
    """

    delimiter: str
    quoted: bool
    width: int  # usual number of cells in a row
    skipped: int = 0
    preamble: int = 0


def find_dialect(text: str, *, complete: bool = True) -> Dialect | None:
    """Return how the text is divided into cells; None if it is no table.

    `complete` says that the text does not end in the middle of a row.
    """
    lines = text.split("\n", SAMPLE_ROWS * 4)
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    stated = _STATED.match(lines[skipped].strip("\r")) if skipped < len(lines) else None
    if stated:
        skipped += 1
    elif skipped:
        skipped = 0
    body = "\n".join(lines[skipped:])
    for delimiter in stated[1] if stated else DELIMITERS:
        for quoted in (True, False) if '"' in body else (True,):
            if delimiter in body and (
                found := _fit(body, Dialect(delimiter, quoted, 0, skipped), complete, bool(stated))
            ):
                return found
    return None


def _fit(text: str, tried: Dialect, complete: bool, stated: bool) -> Dialect | None:
    """Return the dialect, completed, if the text is a table in it."""
    delimiter, quoted = tried.delimiter, tried.quoted
    if quoted and not _quotes_hold(text, delimiter):
        return None
    try:
        rows = list(islice(_parse(text, delimiter, quoted=quoted), SAMPLE_ROWS + 1))
    except csv.Error:  # a cell of more than `MAX_FIELD` characters
        return None
    if not complete and rows:
        rows.pop()
    filled = [(index, row) for index, row in enumerate(rows) if any(map(str.strip, row))]
    preamble, table = _split_preamble(filled)
    if not table:
        return None
    width, usual = Counter(len(row) for row in table).most_common(1)[0]
    few = MIN_ROWS_STATED if stated or delimiter in ";\t" else MIN_ROWS
    if width < 2 or len(table) < few or usual < MIN_CONSISTENT * len(table):
        return None
    if not stated and not _is_like_data(table, delimiter):
        return None
    return replace(tried, width=width, preamble=preamble)


def _split_preamble(rows: Sequence[tuple[int, Row]]) -> tuple[int, list[Row]]:
    """Return how many rows of one cell, a title and notes, stand above the table, and the rest."""
    for place, (index, row) in enumerate(rows[: MAX_PREAMBLE + 1]):
        if sum(bool(cell.strip()) for cell in row) > 1:
            return index, [row for _, row in rows[place:]]
    return 0, []


def _is_like_data(rows: Sequence[Row], delimiter: str) -> bool:
    """Tell the cells of a table from the parts of sentences."""
    cells = [cell.strip() for row in rows for cell in row]
    filled = [cell for cell in cells if cell]
    full_rows = sum(sum(bool(cell.strip()) for cell in row) > 1 for row in rows)
    if full_rows < 0.8 * len(rows) or sum(map(len, filled)) > LONGEST_CELL * len(filled):
        return False
    if delimiter in ";\t" and len({len(row) for row in rows}) == 1 and len(rows[0]) > 2:
        return True
    if _is_list(rows) or (delimiter == "," and all(map(_has_decimal_comma, rows))):
        return False
    sentences = sum(row[-1].rstrip().endswith((".", "!", "?", ",", ";", ":")) for row in rows)
    if sentences > 0.1 * len(rows):
        return False
    return sum(map(is_value, filled)) >= 0.1 * len(filled) or _cells_are_short(filled)


def _is_list(rows: Sequence[Row]) -> bool:
    return sum(bool(_BULLET.match(row[0])) for row in rows) > len(rows) / 2


def _has_decimal_comma(row: Row) -> bool:
    """Tell whether a comma of the row stands inside a number that ends a text: "gaz : 45,2"."""
    return any(
        left[-1:].isdigit() and right[:1].isdigit() and not is_value(left)
        for left, right in pairwise(row)
    )


def _cells_are_short(cells: Sequence[str]) -> bool:
    return sum(len(cell.split()) <= 6 for cell in cells) >= 0.9 * len(cells)


def is_value(cell: str) -> bool:
    """Tell whether a cell holds a number or a date."""
    text = cell.strip()[:40]
    return bool(_NUMBER.match(text) or _DATE.match(text))


def _quotes_hold(text: str, delimiter: str) -> bool:
    """Tell whether quotes enclose cells: a stray one would swallow all that follows."""
    try:
        rows = list(islice(_parse(text, delimiter, quoted=True), SAMPLE_ROWS))
    except csv.Error:
        return False
    return all(cell.count("\n") <= MOST_LINES_IN_CELL for row in rows for cell in row)


def _parse(text: str, delimiter: str, *, quoted: bool) -> Iterator[Row]:
    lines = io.StringIO(text)
    if quoted:
        return csv.reader(lines, delimiter=delimiter)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def split_rows(text: str, dialect: Dialect) -> Iterator[Row]:
    """Yield the rows of a text, its preamble included; those without any text are empty."""
    body = text.split("\n", dialect.skipped)[-1]
    for row in _parse(body, dialect.delimiter, quoted=dialect.quoted):
        yield row if any(map(str.strip, row)) else []


def count_header_rows(rows: Sequence[Row]) -> int:
    """Return 1 if the first row names the columns, else 0.

    A first row with numbers names none, unless they are years above other numbers, or a sequence.
    """
    if len(rows) < 2:
        return 1
    head, body = rows[0], rows[1 : SAMPLE_ROWS + 1]
    values = [i for i, cell in enumerate(head) if is_value(cell)]
    if not values:
        return 1
    below = [row[i].strip() for row in body for i in values if i < len(row)]
    if all(_YEAR.match(head[i].strip()) for i in values):
        return int(not all(_YEAR.match(cell) for cell in below if cell))
    return int(_is_sequence([head[i].strip() for i in values]) and not is_value(head[0]))


def _is_sequence(cells: Sequence[str]) -> bool:
    """Tell whether cells count up one by one, as the hours of a day or the months do."""
    if len(cells) < 3 or not all(re.fullmatch(r"\d{1,4}", cell) for cell in cells):
        return False
    return all(int(after) == int(before) + 1 for before, after in pairwise(cells))


def continues_table(before: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Tell whether rows after a blank line go on with the table before it."""
    if not before or {len(row) for row in before[-2:]} != {len(rows[0])}:
        return False
    return sum(bool(cell.strip()) for cell in rows[0]) > 1 and any(map(is_value, rows[0]))
