"""Cut the pages of a document into passages. Pure.

A passage never crosses a heading of the first two levels. Within such a section text is cut at
headings, paragraphs, lines, sentences and words, in this order of preference, by
langchain-text-splitters; a table stays whole, or is cut between rows with its header repeated.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ingestion.readers import Block, PageText

SECTION_LEVEL = 2
TINY = 0.25
"""A passage of less than this share of the size joins a neighbour of its section."""

_SEPARATORS = (
    r"\n\n",
    r"\n",
    r"(?<=[.!?…])[»”)]?\s+(?=[A-ZÀ-ÖØ-ÞŒ«“(\d-])",
    r"(?<=[;:])\s+",
    r"(?<=,)\s+",
    r"\s+(?!\d{3}(?!\d)|[%€°]|(?:[kMGT]?Wh|t|kg|g|m[²³23]?|km|kW|MW|GW|ha|bar|ans?)\b)",
    r"\s+",
    "",
)
_CELL_END = re.compile(r"(?<!\\)\|")
_UNFINISHED = re.compile(r"[^\W_](?:[,»”)\]]|-)?$")


@dataclass(frozen=True)
class ChunkDraft:
    """A passage, with its pages and headings."""

    position: int  # from 0, in reading order
    text: str
    page_start: int
    page_end: int
    headings: tuple[str, ...]  # from the highest level down to where the passage begins
    kind: str  # "text", "table" or "figure"
    doubt: str = ""  # why it is not quoted, as in `Block.doubt`

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of headings and text: the key under which a vector is cached."""
        return hashlib.sha256("\x1f".join((*self.headings, self.text)).encode()).hexdigest()


def chunk_pages(pages: Iterable[PageText], *, size: int, overlap: int) -> list[ChunkDraft]:
    """Cut pages into passages of at most `size` characters, cut text overlapping by `overlap`.

    Every word of the pages is in a passage. Only a table that has to be cut may exceed the size,
    by its repeated header.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than size {size}")
    cutter = _Cutter(size, overlap)
    pieces = [piece for section in _split_sections(pages) for piece in cutter.cut(section)]
    return [
        ChunkDraft(
            position,
            piece.text,
            piece.first,
            piece.last,
            piece.headings,
            piece.kind,
            piece.doubt,
        )
        for position, piece in enumerate(pieces)
    ]


@dataclass(slots=True)
class _Part:
    """A block, or a paragraph joined over a page break."""

    text: str
    pages: list[tuple[int, int]]  # (offset in the text, number of the page that begins there)
    kind: str
    trail: tuple[str, ...]
    doubt: str = ""

    def page_at(self, offset: int) -> int:
        starts = [start for start, _ in self.pages]
        return self.pages[max(bisect_right(starts, offset) - 1, 0)][1]


@dataclass(slots=True)
class _ChunkPiece:
    text: str
    first: int
    last: int
    headings: tuple[str, ...]
    kind: str
    doubt: str = ""


@dataclass(slots=True)
class _HeadingTrail:
    """The headings above the current position in the document."""

    levels: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, title: str) -> None:
        while self.levels and self.levels[-1][0] >= level:
            self.levels.pop()
        self.levels.append((level, title))

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(title for _, title in self.levels)


def _split_sections(pages: Iterable[PageText]) -> Iterator[list[_Part]]:
    """Split the document at its headings of the first levels; consecutive ones stay together."""
    trail = _HeadingTrail()
    section: list[_Part] = []
    only_headings = True
    for number, block in _iterate_parts(pages):
        text = block.text.strip()
        if not text:
            continue
        if block.kind == "heading":
            if block.level <= SECTION_LEVEL and not only_headings:
                yield section
                section, only_headings = [], True
            trail.enter(block.level, " ".join(text.split()))
        elif (
            (before := _last_of_text(section))
            and before.doubt == block.doubt
            and _continues(before, block)
        ):
            before.pages.append((len(before.text) + 1, number))
            before.text += " " + text
            continue
        else:
            only_headings = False
        if block.doubt and block.kind == "table":
            text = _table_lines(text)
        section.append(_Part(text, [(0, number)], block.kind, trail.titles, block.doubt))
    if section:
        yield section


def _iterate_parts(pages: Iterable[PageText]) -> Iterator[tuple[int, Block]]:
    for page in pages:
        blocks = page.blocks or (Block("paragraph", page.text),)
        yield from ((page.number, block) for block in blocks)


def _last_of_text(section: Sequence[_Part]) -> _Part | None:
    """Return the last part of a section that is not a footnote."""
    return next((part for part in reversed(section) if part.kind != "footnote"), None)


LAST_LETTERS = 20
"""Characters at the end of a text that are searched for its end; bounds the cost of the search."""


def _continues(part: _Part, block: Block) -> bool:
    """Tell whether a block is the rest of a paragraph that a page break has cut."""
    return (
        part.kind in {"paragraph", "list"}
        and block.kind == "paragraph"
        and block.text[:1].islower()
        and _UNFINISHED.search(part.text[-LAST_LETTERS:]) is not None
    )


class _Cutter:
    def __init__(self, size: int, overlap: int) -> None:
        self.size = size
        # imported here: it takes a second, which most processes never need
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        self.splitter = RecursiveCharacterTextSplitter(
            separators=list(_SEPARATORS),
            is_separator_regex=True,
            keep_separator="end",
            chunk_size=size,
            chunk_overlap=overlap,
        )

    def cut(self, section: Sequence[_Part]) -> list[_ChunkPiece]:
        """Cut one section into pieces, the tiny ones joined to a neighbour."""
        pieces: list[_ChunkPiece] = []
        for run in _split_runs(section, self.size):
            if run[0].doubt:
                kind = run[0].kind if run[0].kind in ("table", "figure") else "text"
                pieces += (replace(piece, doubt=run[0].doubt) for piece in self._text(run, kind))
            elif run[0].kind == "figure":
                pieces += self._text(run, "figure")
            elif run[-1].kind == "table":
                pieces += self._table(run)
            else:
                pieces += self._text(run, "text")
        return self._join_tiny(pieces)

    def _text(self, parts: Sequence[_Part], kind: str) -> Iterator[_ChunkPiece]:
        text, parts_by_start = _join_parts(parts)
        starts = [start for start, _ in parts_by_start]

        def part_at(offset: int) -> tuple[int, _Part]:
            return parts_by_start[max(bisect_right(starts, offset) - 1, 0)]

        search_from = 0
        for piece in self.splitter.split_text(text):
            offset = text.find(piece, search_from)
            offset = offset if offset >= 0 else search_from
            last_offset = offset + len(piece) - 1
            first_start, first = part_at(offset)
            last_start, last = part_at(last_offset)
            yield _ChunkPiece(
                piece,
                first.page_at(offset - first_start),
                last.page_at(last_offset - last_start),
                first.trail,
                kind,
            )
            search_from = offset + 1

    def _table(self, parts: Sequence[_Part]) -> Iterator[_ChunkPiece]:
        """Cut a table between its rows; its introduction stays with its first rows if they fit."""
        table = parts[-1]
        intro = "\n\n".join(part.text for part in parts[:-1])
        header, rows = _header(table.text)
        page, first_page = table.page_at(0), parts[0].page_at(0)
        whole = f"{intro}\n\n{table.text}" if intro else table.text
        if len(whole) <= self.size:
            yield _ChunkPiece(whole, first_page, page, parts[0].trail, "table")
            return
        if intro:
            yield from self._text(parts[:-1], "text")
        if len(table.text) <= self.size:
            yield _ChunkPiece(table.text, page, page, table.trail, "table")
            return
        for text in self._rows(header, rows):
            yield _ChunkPiece(text, page, page, table.trail, "table")

    def _rows(self, header: str, rows: Sequence[str]) -> Iterator[str]:
        """Group rows under a repeated header; a row longer than the size is cut as text."""
        room = self.size - len(header) - 1
        group: list[str] = []
        used = 0
        for row in rows:
            if group and used + len(row) + 1 > room:
                yield "\n".join([header, *group])
                group, used = [], 0
            if len(row) > max(room, self.size // 2):
                yield from (f"{header}\n{part}" for part in self.splitter.split_text(row))
                continue
            group.append(row)
            used += len(row) + 1
        if group or not rows:
            yield "\n".join([header, *group])

    def _join_tiny(self, pieces: Sequence[_ChunkPiece]) -> list[_ChunkPiece]:
        joined: list[_ChunkPiece] = []
        for piece in pieces:
            before = joined[-1] if joined else None
            if before is not None and self._joins(before, piece):
                joined[-1] = _ChunkPiece(
                    f"{before.text}\n\n{piece.text}",
                    before.first,
                    max(before.last, piece.last),
                    before.headings,
                    before.kind,
                )
            else:
                joined.append(piece)
        return joined

    def _joins(self, before: _ChunkPiece, piece: _ChunkPiece) -> bool:
        tiny = min(len(before.text), len(piece.text)) < TINY * self.size
        fits = len(before.text) + 2 + len(piece.text) <= self.size
        doubtful = before.doubt or piece.doubt
        return tiny and fits and not doubtful and before.kind == piece.kind == "text"


def _split_runs(section: Sequence[_Part], size: int) -> Iterator[list[_Part]]:
    """Split a section into runs of text, tables and figures, each with its introduction.

    A sub-heading begins a new run once the current one is half a passage long.
    """
    run: list[_Part] = []
    length = 0
    for part in section:
        if part.doubt:  # it stands alone, so that what is near it can be quoted
            if run:
                yield run
            yield [part]
            run, length = [], 0
            continue
        if part.kind in {"table", "figure"}:
            intro = _introduction(run, size)
            if run[: len(run) - len(intro)]:
                yield run[: len(run) - len(intro)]
            if part.kind == "table":
                yield [*intro, part]
            else:
                if intro:
                    yield intro
                yield [part]
            run, length = [], 0
            continue
        if part.kind == "heading" and run and run[-1].kind != "heading" and length > size // 2:
            yield run
            run, length = [], 0
        run.append(part)
        length += len(part.text)
    if run:
        yield run


def _introduction(run: Sequence[_Part], size: int) -> list[_Part]:
    """Return the heading and caption right before a table, or all of a tiny run."""
    if sum(len(part.text) for part in run) < TINY * size:
        return list(run)
    start = len(run)
    while start and run[start - 1].kind in {"heading", "caption"}:
        start -= 1
    return list(run[start:])


def _join_parts(parts: Sequence[_Part]) -> tuple[str, list[tuple[int, _Part]]]:
    """Join parts into one text, no blank line after a heading; return it and (offset, part)s."""
    text = ""
    parts_by_start: list[tuple[int, _Part]] = []
    for part in parts:
        if text:
            text += "\n" if parts_by_start[-1][1].kind == "heading" else "\n\n"
        parts_by_start.append((len(text), part))
        text += part.text
    return text, parts_by_start


def _table_lines(table: str) -> str:
    """Return a table whose cells are doubtful as lines of text, without the bars between cells."""
    rows = [line for line in table.split("\n") if not set(line) <= set("|-: ")]
    cells = ([cell.strip() for cell in _CELL_END.split(row)] for row in rows)
    return "\n".join(" · ".join(filter(None, row)) for row in cells).replace(r"\|", "|")


def _header(table: str) -> tuple[str, list[str]]:
    """Return the header of a Markdown table, with its delimiter row, and its other rows."""
    lines = table.split("\n")
    if len(lines) > 1 and set(lines[1]) <= set("|-: "):
        return "\n".join(lines[:2]), lines[2:]
    return lines[0], lines[1:]
