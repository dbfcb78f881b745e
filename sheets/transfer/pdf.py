"""Make a PDF of a sheet. Nothing is fetched but the pictures of the wiki itself."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string

from sheets.links.reader_text import LocalizedText
from sheets.models import Picture, Revision, Sheet
from sheets.rendering.images import ADDRESS
from wikico2.errors import UserError

STYLE = Path(settings.BASE_DIR) / "static" / "css" / "pdf.css"
KEPT = "exports"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SheetPdf:
    """A PDF: the name that it is kept under, and the page that it is made from."""

    name: str
    page: str


def pdf_of(sheet: Sheet, revision: Revision, text: LocalizedText) -> SheetPdf:
    """Return the PDF of a sheet; each text and its head have one of their own."""
    page = render_to_string(
        "sheets/pdf.html",
        {
            "sheet": sheet,
            "revision": revision,
            "text": text,
            "SITE_URL": settings.SITE_URL,
        },
    )
    return SheetPdf(hashlib.sha256(f"{page}\0{STYLE.read_text()}".encode()).hexdigest()[:32], page)


def stored_pdf(name: str) -> bytes | None:
    """Return the PDF of that name, if it has been made."""
    try:
        with default_storage.open(pdf_path(name)) as kept:
            return bytes(kept.read())
    except FileNotFoundError:
        return None


def store_pdf(pdf: SheetPdf) -> None:
    """Make a PDF, and keep it.

    Raises UserError pdf_needs_libraries where the libraries of the system are missing.
    """
    if not default_storage.exists(pdf_path(pdf.name)):
        content = render_pdf(pdf.page, STYLE.read_text())
        default_storage.save(pdf_path(pdf.name), ContentFile(content))


def pdf_path(name: str) -> str:
    return f"{KEPT}/{name}.pdf"


def render_pdf(page: str, style: str) -> bytes:
    """Return a page as PDF; a picture that is not there leaves its words."""
    try:
        from weasyprint import CSS, HTML
        from weasyprint.urls import URLFetcher, URLFetcherResponse
    except OSError as error:  # it loads the libraries when it is imported
        logger.warning("WeasyPrint cannot start: %s", error)
        raise UserError("pdf_needs_libraries") from error

    class Pictures(URLFetcher):  # type: ignore[misc]  # the library has no types
        """Gives nothing but the pictures of this wiki."""

        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            return URLFetcherResponse(url, picture_at(url), {"Content-Type": "image/webp"})

    pictures = Pictures()
    document = HTML(string=page, base_url=settings.SITE_URL, url_fetcher=pictures)
    return bytes(document.write_pdf(stylesheets=[CSS(string=style, url_fetcher=pictures)]))


def picture_at(url: str) -> bytes:
    """Return a picture of ours; raises ValueError for any other address."""
    match = ADDRESS.search(url) if url.startswith(f"{settings.SITE_URL}/") else None
    picture = Picture.objects.filter(name=match[1]).first() if match else None
    if picture is None:
        raise ValueError(url)
    with picture.file.open("rb") as kept:
        return bytes(kept.read())
