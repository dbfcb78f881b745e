"""The content of a PDF page as extracted, before its structure is built."""

from dataclasses import dataclass

from ingestion.readers import Remark
from ingestion.readers.pdf.figures import Figure
from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.rules import Rules
from ingestion.readers.pdf.tables import PageTable


@dataclass(frozen=True, slots=True)
class TurnedTable:
    """A table that is drawn turned by 90°; its box is that on the page as displayed."""

    table: PageTable
    lines: tuple[TextLine, ...]  # placed as on the turned page


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page as extracted; width and height in points."""

    number: int
    width: float
    height: float
    lines: tuple[TextLine, ...]
    objects: int = 0  # number of page objects; 0 on a blank page
    figures: tuple[Figure, ...] = ()
    lost: int = 0  # characters without meaning (private, control, U+FFFD)
    rules: Rules | None = None
    remarks: tuple[Remark, ...] = ()
    turned_tables: tuple[TurnedTable, ...] = ()
