"""Find the rows of a table that a quote repeats, with their headings. Pure."""

import re

from sheets.markdown.scanner import split_row

GAPS = re.compile(r"[\s|·]+")
RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
MOST_COLUMNS = 16

Rows = tuple[tuple[str, ...], ...]


def quoted_rows(quote: str, passage: str) -> Rows:
    """Return the column headings and the rows whose cells, one after the other, make the quote.

    () if the passage has no such rows below headings. Rows stand as lines of Markdown in the
    passage. The time is linear in the passage for each row that begins like the quote.
    """
    wanted = _letters(quote)
    head: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    tables: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = []
    for line in passage.split("\n"):
        if not line.strip().startswith("|"):
            last = ()
        elif RULE.fullmatch(line):
            head, rows = last, []
            tables.append((head, rows))
        else:
            last = tuple(split_row(line))
            rows.append(last)
    for names, below in tables:
        found = _rows_that_make(wanted, below)
        if found and any(names) and len(names) <= MOST_COLUMNS:
            return (names, *found)
    return ()


def _letters(text: str) -> str:
    return GAPS.sub("", text).casefold()


def _rows_that_make(wanted: str, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows, one after the other, whose cells make the text; [] if there are none."""
    for start in range(len(rows)):
        at = 0
        for end in range(start, len(rows)):
            letters = _letters("".join(rows[end]))
            if not letters or not wanted.startswith(letters, at):
                break
            at += len(letters)
            if at == len(wanted):
                return rows[start : end + 1]
    return []
