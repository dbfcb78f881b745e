"""Build tables and pages for formats that have no pages of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from ingestion.readers import Block, DocumentInfo, PageText, ReadError, Remark
from ingestion.readers.repair.characters import detect_language, repair_text
from ingestion.readers.repair.headings import first_title, names_matter

PAGE = 4_000
"""Target characters per page for a format without pages."""

MAX_PAPER = 12_000
"""Characters that a printed page may hold; a longer one shows that breaks are not recorded."""

MAX_REMARKS = 50
"""Remarks kept of one page; the last one counts all that follow."""

SAMPLE = 40_000
MAX_COLUMNS = 500
MAX_CELLS = 2_000_000
_PROGRAMS = frozenset({"openpyxl", "python-docx", "microsoft office user", "unknown", "user"})

Item = Block | Remark
"""What a walk through a document yields: a block, or a remark on what it left out there."""

NumberedItem = tuple[int, Item]
"""The number of the page on which an item begins, and the item."""


@dataclass(frozen=True, slots=True)
class PageLayout:
    """What a document records of its own pages."""

    is_recorded: bool = False  # its page breaks stand in the text
    width: float = 0.0  # points
    height: float = 0.0
    stated_pages: int = 0  # their number in its metadata, 0 if not stated


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


def merge_list_items(items: Iterable[Item]) -> Iterator[Item]:
    """Merge successive list items, and successive lines of a table of contents, into one block.

    Remarks between them follow the block.
    """
    lines: list[str] = []
    kind = ""
    remarks: list[Remark] = []
    for item in items:
        if isinstance(item, Remark):
            remarks.append(item)
            continue
        if lines and item.kind != kind:
            yield Block(kind, "\n".join(lines))
            lines = []
        if not lines:
            yield from remarks
            remarks = []
        kind = item.kind
        if kind in ("list", "contents"):
            lines.append(item.text)
        else:
            yield item
    if lines:
        yield Block(kind, "\n".join(lines))
    yield from remarks


def build_page(
    number: int, items: Iterable[Item], width: float = 0.0, height: float = 0.0
) -> PageText:
    """Build a page from blocks and remarks; a block with neither text nor picture is dropped."""
    found = list(merge_list_items(items))
    kept = tuple(item for item in found if isinstance(item, Block) and (item.text or item.picture))
    text = "\n\n".join(block.text for block in kept)
    pictured = any(block.picture for block in kept)
    doubt = "no_text" if pictured and not text.strip() else ""
    return PageText(number, text, width, height, kept, doubt, _sum_remarks(found))


def _sum_remarks(items: Iterable[Item]) -> tuple[Remark, ...]:
    """Return one remark of each code and detail, with the sum of their counts."""
    counts: Counter[tuple[str, str]] = Counter()
    for item in items:
        if isinstance(item, Remark):
            counts[item.code, item.detail] += item.count
    remarks = [Remark(code, count, detail) for (code, detail), count in counts.items()]
    if len(remarks) > MAX_REMARKS:
        rest = sum(remark.count for remark in remarks[MAX_REMARKS - 1 :])
        remarks = [*remarks[: MAX_REMARKS - 1], replace(remarks[MAX_REMARKS - 1], count=rest)]
    return tuple(remarks)


def build_pages(found: Iterable[NumberedItem], layout: PageLayout) -> Iterator[PageText]:
    """Build the pages of numbered blocks.

    They are the pages of the program that wrote the document where it recorded their breaks, with
    the width and height of its paper, and no page is longer than paper holds: a reader then finds
    "page 7" in the document. Else the document is cut into parts (width 0) of bounded length, at
    the breaks that its author set and at headings.
    """
    pages = [(number, [item for _, item in group]) for number, group in groupby(found, _number_of)]
    if layout.is_recorded and _fit_on_paper(pages) and _agrees(layout.stated_pages, pages):
        yield from _recorded_pages(pages, layout)
        return
    count = 0
    for _, items in pages:
        for part in paginate_blocks(items):
            if part.blocks or part.remarks:
                count += 1
                yield replace(part, number=count)
    if not count:
        yield PageText(1, "")


def _recorded_pages(
    pages: Iterable[tuple[int, list[Item]]], layout: PageLayout
) -> Iterator[PageText]:
    """Build the pages of a recorded layout, including empty ones where no block begins."""
    expected = 1
    for number, items in pages:
        for empty in range(expected, number):
            yield PageText(empty, "", layout.width, layout.height)
        yield build_page(number, items, layout.width, layout.height)
        expected = number + 1


def _number_of(item: NumberedItem) -> int:
    return item[0]


def _fit_on_paper(pages: Iterable[tuple[int, list[Item]]]) -> bool:
    return all(
        sum(len(item.text) for item in items if isinstance(item, Block)) <= MAX_PAPER
        for _, items in pages
    )


def _agrees(stated: int, pages: Sequence[tuple[int, list[Item]]]) -> bool:
    """Tell whether the breaks recorded make about as many pages as the document states."""
    return not stated or not pages or abs(pages[-1][0] - stated) <= 1 + stated // 50


def paginate_blocks(items: Iterable[Item], size: int = PAGE) -> Iterator[PageText]:
    """Split blocks into parts of about `size` characters, at a heading where one is near."""
    number = 1
    pending: list[Item] = []
    length = 0
    for item in merge_list_items(items):
        for part in _split_block(item, size) if isinstance(item, Block) else [item]:
            added = len(part.text) if isinstance(part, Block) else 0
            full = added and length + added > size
            at_heading = isinstance(part, Block) and part.kind == "heading" and length > size // 2
            if length and (full or at_heading):
                kept, pending = _split_trailing_headings(pending)
                yield build_page(number, kept)
                number += 1
                length = sum(len(other.text) for other in pending if isinstance(other, Block))
            pending.append(part)
            length += added
    yield build_page(number, pending)


def _split_trailing_headings(pending: list[Item]) -> tuple[list[Item], list[Item]]:
    """Split off trailing headings, which belong to the next page."""
    end = len(pending)
    while end > 1 and isinstance(last := pending[end - 1], Block) and last.kind == "heading":
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
            yield replace(block, text="\n".join([*header, *part]))
            part, length = [], 0
        part.append(line)
        length += len(line) + 1
    yield replace(block, text="\n".join([*header, *part]))


def _split_line(line: str, size: int) -> Iterator[str]:
    """Split a line longer than two pages at spaces."""
    start = 0
    while len(line) - start > 2 * size:
        end = line.rfind(" ", start + size // 2, start + size)
        end = end if end > 0 else start + size
        yield line[start:end].lstrip()
        start = end
    yield line[start:].lstrip() if start else line


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

    def _stated_title(self) -> str:
        """Return the title that the file states, if it says what the document is about."""
        stated = repair_text(self.title)[:500]
        return stated if names_matter(stated) else ""

    def document(self, pages: Iterable[PageText]) -> Iterator[DocumentInfo | PageText]:
        """Yield the metadata, then the pages; the text gives the language and a missing title."""
        self.pages = list(pages)
        sample = "\n".join(page.text for page in self.pages[:20])[:SAMPLE]
        yield DocumentInfo(
            page_count=len(self.pages),
            title=self._stated_title() or first_title(self.pages),
            author="" if self.author.lower() in _PROGRAMS else repair_text(self.author)[:500],
            language=detect_language(sample) or self.language[:2].lower(),
            created=self.created,
        )
        yield from self.pages
