"""Make a PDF of a sheet. Nothing is fetched but the pictures of the wiki itself."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string

from sheets.models import Picture, Revision, Sheet
from sheets.page import Text
from sheets.pictures import ADDRESS
from wikico2.errors import WorkError

STYLE = Path(settings.BASE_DIR) / "static" / "css" / "pdf.css"
KEPT = "exports"
logger = logging.getLogger(__name__)


def pdf_of(sheet: Sheet, revision: Revision, text: Text) -> bytes:
    """Return a sheet as PDF; made once for each text and its head.

    Raises WorkError pdf_needs_libraries where the libraries of the system are missing.
    """
    page = render_to_string(
        "sheets/pdf.html",
        {
            "sheet": sheet,
            "revision": revision,
            "text": text,
            "SITE_URL": settings.SITE_URL,
        },
    )
    style = STYLE.read_text()
    digest = hashlib.sha256(f"{page}\0{style}".encode()).hexdigest()[:32]
    name = f"{KEPT}/{digest}.pdf"
    if default_storage.exists(name):
        with default_storage.open(name) as kept:
            return bytes(kept.read())
    content = made(page, style)
    default_storage.save(name, ContentFile(content))
    return content


def made(page: str, style: str) -> bytes:
    """Return a page as PDF; a picture that is not there leaves its words."""
    try:
        from weasyprint import CSS, HTML
        from weasyprint.urls import URLFetcher, URLFetcherResponse
    except OSError as error:  # it loads the libraries when it is imported
        logger.warning("WeasyPrint cannot start: %s", error)
        raise WorkError("pdf_needs_libraries") from error

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
