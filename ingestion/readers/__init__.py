"""What every reader gives back, whatever the format of the file.

A reader turns a file into one `DocumentInfo` followed by its `PageText`s, in order. It runs in a
child process with `Limits`, because a file is never to be trusted; whatever goes wrong inside
comes out as one `ReadError` whose code the interface turns into a sentence.

The way of a file: `media.identify` tells its type by its content, `formats.FORMATS` which reader
takes that type, and `reading` (check_document, read_document, render_page, read_picture) runs that
reader in the child. A new format is one module that follows `Reader` and one line of `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Protocol

Progress = Callable[[int, int], None]
"""Called with the number of pages looked at so far and the number of pages in all."""

ERROR_CODES = frozenset(
    {
        "unknown_format",
        "old_office",
        "empty_file",
        "truncated",
        "encrypted",
        "no_pages",
        "no_text",
        "too_many_pages",
        "too_much_memory",
        "too_slow",
        "too_much_text",
        "crashed",
        "unreadable",
        "not_drawn",
    }
)


STARVED = 1 / 3
"""A reading that fails with this share of its memory in use fails for want of it: what grows by
doubling asks for twice what it holds. Libraries then abort, or say that the file is damaged."""


class ReadError(Exception):
    """A file that cannot be read, with one of `ERROR_CODES` and what is known about it."""

    def __init__(self, code: str, details: dict[str, object] | None = None) -> None:
        self.code = code
        self.details = details or {}
        super().__init__(code, self.details)

    def __str__(self) -> str:
        return f"{self.code} {self.details}" if self.details else self.code


@dataclass(frozen=True)
class Limits:
    """What one reading may use before it is stopped."""

    memory_mb: int = 700  # address space of the child, its libraries included
    cpu_seconds: int = 300
    wall_seconds: float = 600.0  # time spent waiting for the child, not the caller's own
    pages: int = 5_000
    characters: int = 30_000_000  # of text, all pages together

    def starve(self, peak_mb: float) -> bool:
        """Tell whether a reading that has failed lacked memory, by what it used at most."""
        return peak_mb > STARVED * self.memory_mb


@dataclass(frozen=True)
class DocumentInfo:
    """What the file says about itself; empty when it does not."""

    page_count: int
    title: str = ""
    author: str = ""
    language: str = ""  # "fr", "en" or "", counted on the text
    created: str = ""  # ISO 8601 date
    publisher: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table, caption, footnote, figure or contents, in reading order.

    A list holds one item a line, a table is Markdown with its header row first. The text of a
    figure is what was read on it, by a machine or in its file; it may be empty.
    """

    kind: str
    text: str
    level: int = 0  # of a heading, 1 being the highest
    picture: str = ""  # of a figure: what `Reader.picture` knows it by
    digest: str = ""  # of a figure: the same picture has the same one
    by: str = ""  # the machine that has read the text where the file does not hold it

    def fields(self) -> dict[str, object]:
        """Return what makes the block again, for JSON: without the fields that it leaves empty."""
        return {name: v for name, v in asdict(self).items() if v or name in ("kind", "text")}


@dataclass(frozen=True)
class PageText:
    """The text of one page, numbered from 1; `text` is empty when the page has none.

    Formats without pages are cut into pages of some thousand characters, of width 0. `doubt` says
    why the text is not to be trusted: "no_text" (there is something to see and nothing to read) or
    "nonsense" (its characters make no words).
    """

    number: int
    text: str
    width: float = 0.0  # points
    height: float = 0.0
    blocks: tuple[Block, ...] = ()
    doubt: str = ""


class Char(NamedTuple):
    """A character and its box, in fractions of the page from its top left corner.

    Where characters were read on a picture, it is a whole word.
    """

    char: str
    x0: float
    y0: float
    x1: float
    y1: float


class Rect(NamedTuple):
    """A rectangle, in fractions of the page from its top left corner."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class PageImage:
    """A page as a picture, with the place of each of its characters."""

    data: bytes = field(repr=False)
    media_type: str
    width: int  # pixels
    height: int
    chars: tuple[Char, ...] = field(default=(), repr=False)


class Reader(Protocol):
    """Reads one format. A module of functions is one; all run in the child process.

    `file` is a path that can be opened and sought in, whose name says nothing. Each may raise
    `ReadError`; any other error counts as a damaged file.
    """

    def check(self, file: str, limits: Limits) -> DocumentInfo:
        """Say in seconds what the document is; `page_count` is 0 where only reading tells."""

    def read(
        self, file: str, limits: Limits, progress: Progress
    ) -> Iterator[DocumentInfo | PageText]:
        """Yield what the document is, then its pages in order."""

    def draw(self, file: str, number: int, max_width: int) -> PageImage:
        """Draw a page, numbered from 1; "not_drawn" where the format has no picture of it."""

    def picture(self, file: str, reference: str, max_width: int) -> PageImage:
        """Give the picture that a block refers to, at most `max_width` pixels wide."""
