"""Read PDFs: PDFium gives characters and boxes, `layout` makes their structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError, Rect
from ingestion.readers.pdf import pdfium, xmp
from ingestion.readers.pdf.layout import build_structure
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.repair.characters import detect_language
from ingestion.readers.repair.headings import first_title

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

SAMPLE = 40_000
"""Characters on which the language is counted."""

_FILE_NAME = re.compile(
    r"^microsoft word\b|\.(?:docx?|odt|indd|qxd|pdf|pptx?)$|^untitled|^sans titre", re.I
)


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the pages and say what the file states."""
    document = pdfium.open_document(file)
    return DocumentInfo(_count_pages(document, limits), **_pdf_info(document, file))


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read all the lines, then make the structure of each page with what all of them tell."""
    document = pdfium.open_document(file)
    count = _count_pages(document, limits)
    scanned = _scan_pages(document, count, limits, progress)
    if all(page.width == 0 for page in scanned):
        raise ReadError("unreadable", {"broken": count})
    pages = build_structure(scanned, pdfium.read_outline(document))
    sample = _first_pages(pages, SAMPLE)
    about = _pdf_info(document, file)
    if not about["title"] or _FILE_NAME.search(about["title"]):
        about["title"] = first_title(sample)
    language = detect_language("\n".join(page.text for page in sample)[:SAMPLE])
    yield DocumentInfo(count, language=language, **about)
    yield from chain(sample, pages)


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Draw a page with the place of each character."""
    return pdfium.draw_page(pdfium.open_document(file), number, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Draw the part of a page that a figure takes."""
    number, _, part = reference.partition(":")
    try:
        box = Rect(*map(float, part.split(",")))
        return pdfium.draw_part(pdfium.open_document(file), int(number), box, max_width)
    except (TypeError, ValueError) as error:
        raise ReadError("not_drawn", {"reference": reference}) from error


def _pdf_info(document: PdfDocument, file: str) -> dict[str, str]:
    """Return what the file states of itself; what XMP alone says is added to the rest."""
    stated = pdfium.read_metadata(document)
    for name, value in xmp.read_xmp(file).items():
        stated[name] = stated.get(name) or value
    return stated


def _count_pages(document: PdfDocument, limits: Limits) -> int:
    count = len(document)
    if count < 1:
        raise ReadError("no_pages")
    if count > limits.pages:
        raise ReadError("too_many_pages", {"pages": count, "limit": limits.pages})
    return count


def _scan_pages(
    document: PdfDocument, count: int, limits: Limits, progress: Progress
) -> list[RawPage]:
    pages: list[RawPage] = []
    room = limits.characters
    rows_in_one = pdfium.draws_rows_in_one(document)
    for index in range(count):
        page = pdfium.read_page(document, index, room, rows_in_one=rows_in_one)
        room -= sum(len(line.text) for line in page.lines)
        pages.append(page)
        progress(index + 1, count)
    return pages


def _first_pages(pages: Iterator[PageText], characters: int) -> list[PageText]:
    """Return the first pages that have so many characters together."""
    taken: list[PageText] = []
    for page in pages:
        taken.append(page)
        characters -= len(page.text)
        if characters < 0:
            break
    return taken
