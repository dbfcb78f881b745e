"""Read plain text: paragraphs between blank lines, pages between form feeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.pagination import DocumentSummary, build_page, paginate_blocks

_BULLET = re.compile(r"\s*[-*•–—]\s+(?=\S)")


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the paragraphs; form feeds, if any, separate the pages."""
    text = decode_text(Path(file).read_bytes())
    sections = text.split("\f")
    pages: Iterator[PageText]
    if len(sections) > 1:
        pages = (
            build_page(number, text_blocks(section)) for number, section in enumerate(sections, 1)
        )
    else:
        pages = paginate_blocks(text_blocks(text))
    yield from DocumentSummary().document(pages)


def text_blocks(text: str) -> Iterator[Block]:
    """Yield the paragraphs and lists of a text; line breaks in a paragraph are kept."""
    for part in re.split(r"\n[ \t]*\n", text):
        lines = [line for line in (repair_text(line) for line in part.split("\n")) if line]
        if not lines:
            continue
        if all(_BULLET.match(line) for line in lines):
            yield Block("list", "\n".join("- " + _BULLET.sub("", line, count=1) for line in lines))
        else:
            yield Block("paragraph", "\n".join(lines))


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")
