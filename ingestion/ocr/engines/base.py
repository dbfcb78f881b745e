"""The contract of an OCR engine."""

from dataclasses import dataclass, field
from typing import Protocol

from ingestion.readers import Block, Char, PageImage
from wikico2.llm.client import RetryPolicy


@dataclass(frozen=True)
class OcrResult:
    """What a machine has read on a picture, as Markdown; no text when there is none to read.

    `words` are those of the text with their boxes, from machines that tell where they stand.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    words: tuple[Char, ...] = field(default=(), repr=False)


class OcrEngine(Protocol):
    """Reads pages and describes figures. Its methods are called from several threads.

    They raise UserError; a TransientError is worth another try.
    """

    name: str  # under which what it has seen is kept and shown
    describes: bool  # whether it tells what a figure shows, beyond its words
    at_once: int  # how many pictures it takes at the same time

    def read_page(self, image: PageImage, patience: RetryPolicy) -> OcrResult:
        """Return all the text of a page."""

    def describe(self, image: PageImage, context: str, patience: RetryPolicy) -> OcrResult:
        """Return what a figure shows, its values included; `context` is its caption."""

    def blocks(self, text: str) -> list[Block]:
        """Return the blocks of a page that was read."""
