"""The sentences, items and rows of passages, cut once for all who read them. Pure."""

from collections.abc import Iterator
from functools import lru_cache

from sheets.markdown.sentences import QuotableUnit, quotable_units

Place = tuple[int, int, int | None]
"""Where a unit stands: its passage's chunk id, its number there, that of its row in a table."""


@lru_cache(maxsize=4096)
def units_of(text: str) -> tuple[QuotableUnit, ...]:
    """Return the quotable units of a passage; cached, since every field reads them."""
    return tuple(quotable_units(text))


def rows_of(unit: QuotableUnit) -> Iterator[int | None]:
    """Yield the numbers of the rows of a table, or None once for a sentence or an item."""
    yield from range(len(unit.rows)) if unit.kind == "table" else (None,)


def unit_text(unit: QuotableUnit, row: int | None) -> str:
    """Return the text of a sentence, an item, or a row of a table."""
    return unit.text if row is None else " ".join(cell for cell in unit.rows[row] if cell)
