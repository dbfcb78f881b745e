"""What every reader gives back, whatever the format of the file.

A reader turns a file into one `DocumentInfo` followed by its `PageText`s, in order. It runs in a
child process with `Limits`, because a file is never to be trusted; whatever goes wrong inside
comes out as one `ReadError` whose code the interface turns into a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

Progress = Callable[[int, int], None]
"""Called with the number of pages looked at so far and the number of pages in all."""

ERROR_CODES = frozenset(
    {
        "not_a_pdf",
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
    }
)


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

    memory_mb: int = 1024  # address space of the child, its libraries included
    cpu_seconds: int = 300
    wall_seconds: float = 600.0  # time spent waiting for the child, not the caller's own
    pages: int = 5_000
    characters: int = 30_000_000  # of text, all pages together


@dataclass(frozen=True)
class DocumentInfo:
    """What the file says about itself; empty when it does not."""

    page_count: int
    title: str = ""
    author: str = ""
    language: str = ""  # "fr", "en" or "", counted on the text
    created: str = ""  # ISO 8601 date


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table, caption or figure, in reading order.

    A list holds one item a line, a table is Markdown with its header row first.
    """

    kind: str
    text: str
    level: int = 0  # of a heading, 1 being the highest


@dataclass(frozen=True)
class PageText:
    """The text of one page, numbered from 1; `text` is empty when the page has none."""

    number: int
    text: str
    width: float  # points
    height: float
    blocks: tuple[Block, ...] = ()


class Char(NamedTuple):
    """A character and its box, in fractions of the page from its top left corner."""

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
    """Reads one format: the document first, then its pages."""

    def __call__(
        self, path: Path, limits: Limits, *, progress: Progress | None = None
    ) -> Iterator[DocumentInfo | PageText]: ...
