"""The types that all readers share, whatever the format of the file.

A reader yields one `DocumentInfo`, then the `PageText`s in order. Files are untrusted, so a reader
runs in a child process under `Limits`. Any failure becomes one `ReadError`, whose code the
interface turns into a sentence.

`media_type.identify_path` detects the type from the content, `registry.FORMATS` maps the type to a
reader, and `api` (check_document, read_document, render_page, read_picture) runs the reader in the
child. To add a format, write one module that implements `Reader` and add one line to `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Protocol

Progress = Callable[[int, int], None]
"""Called with the number of pages read so far and the total number of pages."""

ERROR_CODES = frozenset(
    {
        "unknown_format",
        "old_office",
        "data_file",
        "mail_box",
        "empty_file",
        "truncated",
        "encrypted",
        "no_pages",
        "no_text",
        "no_words",
        "too_many_pages",
        "too_much_memory",
        "too_slow",
        "too_much_text",
        "crashed",
        "unreadable",
        "not_drawn",
    }
)


OUT_OF_MEMORY_SHARE = 1 / 3
"""A read that fails while it uses more than this share of its memory limit counts as out of memory:
a buffer that doubles asks for twice its size at once. Libraries then abort or report a damaged
file."""


class ReadError(Exception):
    """A file that cannot be read: one of `ERROR_CODES`, and details."""

    def __init__(self, code: str, details: dict[str, object] | None = None) -> None:
        self.code = code
        self.details = details or {}
        super().__init__(code, self.details)

    def __str__(self) -> str:
        return f"{self.code} {self.details}" if self.details else self.code


@dataclass(frozen=True)
class Limits:
    """Resource limits of one read, enforced on the child process."""

    memory_mb: int = 700  # address space of the child, its libraries included
    cpu_seconds: int = 300
    wall_seconds: float = (
        600.0  # spent waiting for the child; time spent in the caller does not count
    )
    pages: int = 5_000
    characters: int = 30_000_000  # of text, over all pages

    def is_out_of_memory(self, peak_mb: float) -> bool:
        """Tell whether a failed read ran out of memory, given its peak memory use."""
        return peak_mb > OUT_OF_MEMORY_SHARE * self.memory_mb


@dataclass(frozen=True)
class DocumentInfo:
    """Metadata stated in the file; a field that the file does not state is empty."""

    page_count: int
    title: str = ""
    author: str = ""
    language: str = ""  # "fr", "en" or "", detected from the text
    created: str = ""  # ISO 8601 date
    publisher: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table, caption, footnote, figure or contents, in reading order.

    A list has one item per line; a table is Markdown with its header row first. The text of a
    figure comes from OCR or from the file (its alternative text); it may be empty.
    """

    kind: str
    text: str
    level: int = 0  # of a heading; 1 is the highest
    picture: str = ""  # of a figure: the reference to pass to `Reader.picture`
    digest: str = ""  # of a figure: identical pictures have identical digests
    by: str = ""  # the OCR engine that produced the text; empty when the file states it
    note: str = ""  # of a footnote: its number or sign, as its calls show it ("2015 [1]": "1")
    doubt: str = ""  # one of `DOUBTS`: why the block may be shown but not quoted

    def fields(self) -> dict[str, object]:
        """Return the fields for JSON, leaving out empty ones other than kind and text."""
        return {name: v for name, v in asdict(self).items() if v or name in ("kind", "text")}


DOUBTS = frozenset({"layout", "characters"})
"""Why a block is not quoted: the cells of a table cannot be told apart with certainty, or its
characters cannot. Doubt about a single raised character is marked in the text (`raised`)."""

REMARKS = frozenset(
    {
        "hidden_text",
        "deleted_text",
        "watermark",
        "side_text",
        "object_unread",
        "formula_without_value",
        "attachment_unread",
    }
)
"""What a reader leaves out of a page, or could not read."""


@dataclass(frozen=True)
class Remark:
    """What was left out of a page or not read: one of `REMARKS`, how often, and details.

    `detail` names an object that was not read ("chart 3"); it is empty for text left out.
    """

    code: str
    count: int = 1
    detail: str = ""


@dataclass(frozen=True)
class PageText:
    """The text of one page, numbered from 1; `text` is empty when the page has none.

    Formats without pages are split into pages of a few thousand characters, with width 0. `doubt`
    says why the text is unreliable: "no_text" (the page has content but no text) or "nonsense" (the
    characters do not form words).
    """

    number: int
    text: str
    width: float = 0.0  # points
    height: float = 0.0
    blocks: tuple[Block, ...] = ()
    doubt: str = ""
    remarks: tuple[Remark, ...] = ()


class Char(NamedTuple):
    """A character and its box, in fractions of the page size from the top left corner.

    On a page read by OCR it is a whole word.
    """

    char: str
    x0: float
    y0: float
    x1: float
    y1: float


class Rect(NamedTuple):
    """A rectangle, in fractions of the page size from the top left corner."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class PageImage:
    """A page rendered as a picture, with the position of each character."""

    data: bytes = field(repr=False)
    media_type: str
    width: int  # pixels
    height: int
    chars: tuple[Char, ...] = field(default=(), repr=False)


class Reader(Protocol):
    """The interface of a reader of one format, implemented by a module of functions.

    All functions run in the child process. `file` is the path of a seekable file; its name carries
    no information. Each function may raise `ReadError`; any other error counts as a damaged file.
    """

    def check(self, file: str, limits: Limits) -> DocumentInfo:
        """Return the metadata within seconds; `page_count` is 0 when only a full read can count."""

    def read(
        self, file: str, limits: Limits, progress: Progress
    ) -> Iterator[DocumentInfo | PageText]:
        """Yield the metadata, then the pages in order."""

    def draw(self, file: str, number: int, max_width: int) -> PageImage:
        """Render a page, numbered from 1; raise "not_drawn" if the format has no page layout."""

    def picture(self, file: str, reference: str, max_width: int) -> PageImage:
        """Return the picture that a block refers to, at most `max_width` pixels wide."""


class AttachingReader(Protocol):
    """What the reader of a format whose files carry others implements besides `Reader`."""

    def attachments(self, file: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the content of each attached file."""
