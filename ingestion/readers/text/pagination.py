"""Build tables and pages for formats that have no pages of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ingestion.readers import Block, DocumentInfo, PageText, ReadError
from ingestion.readers.repair.characters import detect_language, repair_text
from ingestion.readers.repair.headings import first_title

PAGE = 4_000
"""Target characters per page for a format without pages."""

SAMPLE = 40_000
MAX_COLUMNS = 500
MAX_CELLS = 2_000_000
_PROGRAMS = frozenset({"openpyxl", "python-docx", "microsoft office user", "unknown", "user"})


def build_table(rows: Sequence[Sequence[str]], headers: int = 1) -> Block | None:
    """Build a Markdown table from rows of cells; None if it is empty.

    The first `headers` rows are merged into one, joining the cells of a column from top to bottom.
    Columns and rows without text are dropped. Raises `ReadError` for too many cells.
    """
    clean = [[_cell(text) for text in row[:MAX_COLUMNS]] for row in rows]
    width = max(map(len, clean), default=0)
    if width * len(clean) > MAX_CELLS:
        raise ReadError("too_much_text", {"cells": width * len(clean)})
    clean = [row + [""] * (width - len(row)) for row in clean]
    kept = [i for i in range(width) if any(row[i] for row in clean)]
    clean = [[row[i] for i in kept] for row in clean]
    head = [_join_header_cells(column) for column in zip(*clean[:headers], strict=True)]
    body = [row for row in clean[headers:] if any(row)]
    if not kept or not (body or any(head)):
        return None
    lines = [
        _table_row(head or [""] * len(kept)),
        "|" + " --- |" * len(kept),
        *map(_table_row, body),
    ]
    return Block("table", "\n".join(lines))


def _cell(text: str) -> str:
    return " ".join(repair_text(text).split()).replace("|", r"\|")


def _join_header_cells(cells: Iterable[str]) -> str:
    return " – ".join(dict.fromkeys(filter(None, cells)))


def _table_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def merge_list_items(blocks: Iterable[Block]) -> Iterator[Block]:
    """Merge successive list items, and successive lines of a table of contents, into one block."""
    for kind, group in groupby(blocks, key=lambda block: block.kind):
        if kind in ("list", "contents"):
            yield Block(kind, "\n".join(block.text for block in group))
        else:
            yield from group


def build_page(
    number: int, blocks: Iterable[Block], width: float = 0.0, height: float = 0.0
) -> PageText:
    """Build a page from blocks; a block with neither text nor picture is dropped."""
    kept = tuple(block for block in merge_list_items(blocks) if block.text or block.picture)
    text = "\n\n".join(block.text for block in kept)
    pictured = any(block.picture for block in kept)
    doubt = "no_text" if pictured and not text.strip() else ""
    return PageText(number, text, width, height, kept, doubt)


def build_pages(found: Iterable[tuple[int, Block]]) -> Iterator[PageText]:
    """Build the pages of numbered blocks, including empty ones where no block begins."""
    expected = 1
    for number, group in groupby(found, key=lambda item: item[0]):
        for empty in range(expected, number):
            yield PageText(empty, "")
        yield build_page(number, (block for _, block in group))
        expected = number + 1


def paginate_blocks(blocks: Iterable[Block], size: int = PAGE) -> Iterator[PageText]:
    """Split blocks into pages of about `size` characters, at a heading where one is near."""
    number = 1
    pending: list[Block] = []
    length = 0
    for block in merge_list_items(blocks):
        for part in _split_block(block, size):
            full = length + len(part.text) > size
            at_heading = part.kind == "heading" and length > size // 2
            if pending and (full or at_heading):
                kept, pending = _split_trailing_headings(pending)
                yield build_page(number, kept)
                number += 1
                length = sum(len(other.text) for other in pending)
            pending.append(part)
            length += len(part.text)
    yield build_page(number, pending)


def _split_trailing_headings(pending: list[Block]) -> tuple[list[Block], list[Block]]:
    """Split off trailing headings, which belong to the next page."""
    end = len(pending)
    while end > 1 and pending[end - 1].kind == "heading":
        end -= 1
    return pending[:end], pending[end:]


def _split_block(block: Block, size: int) -> Iterator[Block]:
    """Split a block longer than two pages at its lines; a table repeats its header."""
    if len(block.text) <= 2 * size:
        yield block
        return
    lines = [part for line in block.text.split("\n") for part in _split_line(line, size)]
    header = lines[:2] if block.kind == "table" else []
    if sum(map(len, header)) > size:
        header = []
    part: list[str] = []
    length = 0
    for line in lines[len(header) :]:
        if part and length + len(line) > size:
            yield Block(block.kind, "\n".join([*header, *part]), block.level)
            part, length = [], 0
        part.append(line)
        length += len(line) + 1
    yield Block(block.kind, "\n".join([*header, *part]), block.level)


def _split_line(line: str, size: int) -> Iterator[str]:
    """Split a line longer than two pages at spaces."""
    while len(line) > 2 * size:
        at = line.rfind(" ", size // 2, size)
        at = at if at > 0 else size
        yield line[:at]
        line = line[at:].lstrip()
    yield line


@dataclass(slots=True)
class DocumentSummary:
    """The metadata that a document states, completed from its text."""

    title: str = ""
    author: str = ""
    language: str = ""
    created: str = ""
    pages: list[PageText] = field(default_factory=list)

    def info(self, page_count: int = 0) -> DocumentInfo:
        """Return the metadata stated in the file, before its text is read."""
        return DocumentInfo(page_count, self.title, self.author, self.language, self.created)

    def document(self, pages: Iterable[PageText]) -> Iterator[DocumentInfo | PageText]:
        """Yield the metadata, then the pages; the text gives the language and a missing title."""
        self.pages = list(pages)
        sample = "\n".join(page.text for page in self.pages[:20])[:SAMPLE]
        yield DocumentInfo(
            page_count=len(self.pages),
            title=repair_text(self.title)[:500] or first_title(self.pages),
            author="" if self.author.lower() in _PROGRAMS else repair_text(self.author)[:500],
            language=detect_language(sample) or self.language[:2].lower(),
            created=self.created,
        )
        yield from self.pages
