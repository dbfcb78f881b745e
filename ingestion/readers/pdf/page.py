"""A page of a PDF as its text layer has it."""

from dataclasses import dataclass

from ingestion.readers.pdf.figures import Figure
from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.ruled_tables import Rules


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page as it was read, before anything is made of it."""

    number: int
    width: float
    height: float
    lines: tuple[TextLine, ...]
    objects: int = 0  # that the page is made of; none on a blank one
    figures: tuple[Figure, ...] = ()
    lost: int = 0  # characters that stand for nothing
    rules: Rules | None = None
