"""Open PDFs with PDFium and extract their pages. Runs only in the child process."""

from __future__ import annotations

import re
from datetime import date

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.readers import ReadError, Remark
from ingestion.readers.pdf.figures import page_drawing
from ingestion.readers.pdf.forms import add_values, field_values, start_forms
from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.pdf.page_scan import PageScan
from ingestion.readers.pdf.turned_text import part_upright_lines, take_turned_tables
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.headings import Bookmark

_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x01\x03-\x08\x0e-\x1f\x7f-\x9f]")
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")

_ERRORS = {
    raw.FPDF_ERR_PASSWORD: "encrypted",
    raw.FPDF_ERR_SECURITY: "encrypted",
    raw.FPDF_ERR_SUCCESS: "no_pages",  # returned by PDFium for a valid file without pages
}


def open_document(path: str) -> pdfium.PdfDocument:
    """Open a PDF or raise `ReadError` (encrypted, unreadable)."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        code = _ERRORS.get(getattr(error, "err_code", None), "unreadable")
        raise ReadError(code, {"reason": str(error)}) from error
    start_forms(document)
    return document


def read_metadata(document: pdfium.PdfDocument) -> dict[str, str]:
    """Return title, author and ISO creation date as the file states them."""
    found = {
        key: repair_text(document.get_metadata_value(key))[:500] for key in ("Title", "Author")
    }
    return {
        "title": found["Title"],
        "author": found["Author"],
        "created": iso_date(document.get_metadata_value("CreationDate")),
    }


def iso_date(value: str) -> str:
    """Convert a date such as `D:20240105143139+01'00'` to `2024-01-05`, an invalid one to `""`."""
    match = _DATE.match(value)
    if match is None:
        return ""
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def read_outline(document: pdfium.PdfDocument, limit: int = 5_000) -> list[Bookmark]:
    """Return the bookmarks of a document that point to one of its pages, about `limit` at most."""
    found: list[Bookmark] = []
    for bookmark in document.get_toc(max_depth=8):
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            found.append(Bookmark(bookmark.level + 1, repair_text(bookmark.get_title()), page + 1))
        if len(found) >= limit:
            break
    return found


def draws_rows_in_one(document: pdfium.PdfDocument) -> bool:
    """Tell whether table rows are drawn by a single operation, as only TeX does."""
    return "tex" in document.get_metadata_value("Producer").lower()


def read_page(
    document: pdfium.PdfDocument, index: int, max_characters: int, *, rows_in_one: bool = False
) -> RawPage:
    """Extract a page; raise `ReadError` too_much_text above `max_characters`.

    A page that PDFium cannot load is returned without text, with width 0 and a remark.
    """
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return unread_page(index)
    try:
        frame = Frame.of(page)
        textpage = page.get_textpage()
    except pdfium.PdfiumError:
        page.close()
        return unread_page(index)
    try:
        if raw.FPDFText_CountChars(textpage) > max_characters:
            raise ReadError("too_much_text", {"page": index + 1})
        drawing = page_drawing(page, frame.to_display, frame.width, frame.height)
        scan = PageScan(textpage, frame, drawing.rules, rows_in_one=rows_in_one)
        hidden = scan.leave_out_hidden(page, drawing)
        scan.leave_out_doubles()
        found = scan.lines()
        turned_tables, found = take_turned_tables(scan, found)
        lines, remarks = part_upright_lines(found, drawing.rules)
        values = field_values(document, page, frame)
        if values:
            lines = tuple(add_values(lines, values, drawing.rules))
        if hidden:
            remarks = (Remark("hidden_text", hidden), *remarks)
        return RawPage(
            index + 1,
            frame.width,
            frame.height,
            lines,
            drawing.objects,
            drawing.figures,
            len(_UNKNOWN.findall(scan.text)),
            drawing.rules,
            remarks,
            turned_tables,
        )
    finally:
        textpage.close()
        page.close()


def unread_page(index: int) -> RawPage:
    """Return an empty page, of width 0, with the remark that it was not read."""
    return RawPage(index + 1, 0.0, 0.0, (), remarks=(Remark("object_unread", 1, "page"),))
