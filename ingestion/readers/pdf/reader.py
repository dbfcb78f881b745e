"""Read PDFs: PDFium extracts characters and boxes, `layout` builds the structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError, Rect
from ingestion.readers.pdf import page_image, pdfium, xmp
from ingestion.readers.pdf.layout import build_structure
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.repair.characters import detect_language
from ingestion.readers.repair.headings import first_title, names_matter

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

SAMPLE = 40_000
"""Characters from which the language is detected."""

_FILE_NAME = re.compile(
    r"^microsoft word\b|\.(?:docx?|odt|indd|qxd|pdf|pptx?)$|^untitled|^sans titre", re.I
)


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the pages and return the metadata the file states."""
    document = pdfium.open_document(file)
    return DocumentInfo(_count_pages(document, limits), **_pdf_info(document, file))


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the lines of all pages, then build each page with statistics of the whole document."""
    document = pdfium.open_document(file)
    count = _count_pages(document, limits)
    raw_pages = _scan_pages(document, count, limits, progress)
    if all(page.width == 0 for page in raw_pages):
        raise ReadError("unreadable", {"broken": count})
    pages = build_structure(raw_pages, pdfium.read_outline(document))
    sample = _first_pages(pages, SAMPLE)
    metadata = _pdf_info(document, file)
    if not names_matter(metadata["title"]) or _FILE_NAME.search(metadata["title"]):
        metadata["title"] = first_title(sample)
    language = detect_language("\n".join(page.text for page in sample)[:SAMPLE])
    yield DocumentInfo(count, language=language, **metadata)
    yield from chain(sample, pages)


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Render a page with the position of each character."""
    return page_image.draw_page(pdfium.open_document(file), number, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Render the part of a page that a figure covers."""
    number, _, part = reference.partition(":")
    try:
        box = Rect(*map(float, part.split(",")))
        return page_image.draw_part(pdfium.open_document(file), int(number), box, max_width)
    except (TypeError, ValueError) as error:
        raise ReadError("not_drawn", {"reference": reference}) from error


def _pdf_info(document: PdfDocument, file: str) -> dict[str, str]:
    """Return the metadata of the file; XMP fills in what the document information lacks."""
    info = pdfium.read_metadata(document)
    for name, value in xmp.read_xmp(file).items():
        info[name] = info.get(name) or value
    return info


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
    characters_left = limits.characters
    rows_in_one = pdfium.draws_rows_in_one(document)
    for index in range(count):
        page = _scan_page(document, index, characters_left, rows_in_one=rows_in_one)
        characters_left -= sum(len(line.text) for line in page.lines)
        pages.append(page)
        progress(index + 1, count)
    return pages


def _scan_page(
    document: PdfDocument, index: int, max_characters: int, *, rows_in_one: bool
) -> RawPage:
    """Read a page; one that cannot be read is empty and says so, and the others are read."""
    try:
        return pdfium.read_page(document, index, max_characters, rows_in_one=rows_in_one)
    except (ReadError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 (whatever an untrusted page makes a library raise)
        return pdfium.unread_page(index)


def _first_pages(pages: Iterator[PageText], characters: int) -> list[PageText]:
    """Return the first pages, until they hold more than `characters` characters."""
    taken: list[PageText] = []
    for page in pages:
        taken.append(page)
        characters -= len(page.text)
        if characters < 0:
            break
    return taken
