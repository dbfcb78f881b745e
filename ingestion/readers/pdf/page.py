"""The content of a PDF page as extracted, before its structure is built."""

from dataclasses import dataclass

from ingestion.readers import Remark
from ingestion.readers.pdf.figures import Figure
from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.rules import Rules


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
