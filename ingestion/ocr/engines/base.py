"""The interface of an OCR engine."""

from dataclasses import dataclass, field
from typing import Protocol

from ingestion.readers import Block, Char, PageImage
from wikico2.llm.client import RetryPolicy


@dataclass(frozen=True)
class OcrResult:
    """The text recognised in a picture, as Markdown; empty if there is none.

    `words` are the words of the text with their boxes, from engines that report positions.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    words: tuple[Char, ...] = field(default=(), repr=False)


class OcrEngine(Protocol):
    """Reads pages and describes figures. Its methods are called from several threads.

    They raise UserError; after its subclass TransientError, another attempt may succeed.
    """

    name: str  # under which results are cached and displayed
    describes: bool  # whether it describes the content of figures, not only their words
    at_once: int  # number of pictures it handles in parallel

    def read_page(self, image: PageImage, retry_policy: RetryPolicy) -> OcrResult:
        """Return the whole text of a page."""

    def describe(self, image: PageImage, context: str, retry_policy: RetryPolicy) -> OcrResult:
        """Return a description of a figure with its values; `context` is its caption."""

    def blocks(self, text: str) -> list[Block]:
        """Split the text of a recognised page into blocks."""
