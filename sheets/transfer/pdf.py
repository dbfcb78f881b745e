"""Render a sheet as PDF. No address is fetched except the wiki's own pictures."""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from sheets.links.localized_text import LocalizedText
from sheets.models import Revision, RevisionCheck, Sheet
from sheets.models.level_reasons import level_name
from sheets.rendering.heading_icons import with_heading_icons
from sheets.rendering.html import UNCHECKED
from sheets.rendering.images import picture_of
from sheets.revisions.authorship import authorship_line, authorship_of
from sheets.verification.levels import LEVELS
from wikico2.errors import UserError

STYLE = Path(settings.BASE_DIR) / "static" / "css" / "pdf.css"
FOLDER = "exports"
NOTE = re.compile(r'<li value="\d+" id="note-\d+" data-level="(?P<level>[a-z_]+)">')
"""A note as `sheets.rendering.html` writes it."""
BAR = re.compile(
    r'<svg class="bar-line"[^>]*><rect class="bar-room"[^>]*/>'
    r'<rect class="bar-part" width="(?P<share>[\d.e+-]+)%"[^>]*/></svg>'
)
"""A bar as `sheets.rendering.charts` draws it."""
STROKES = (
    'width="15" height="15" fill="none" stroke="#1b231f" stroke-width="1.5" stroke-linecap="round"'
    ' stroke-linejoin="round"'
)
"""WeasyPrint applies no style sheet within an SVG."""
BAR_WIDTH = 180
"""In CSS pixels."""
VARIANT = "pdf/ua-1"
"""Tagged, for screen readers; headings are bookmarks."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SheetPdf:
    """A PDF: the name of its stored file, and the HTML that it is rendered from."""

    name: str
    page: str


def pdf_of(sheet: Sheet, revision: Revision, text: LocalizedText) -> SheetPdf:
    """Return the PDF of a sheet; its name is a hash of the HTML and the style."""
    page = render_to_string(
        "sheets/pdf.html",
        {
            "sheet": sheet,
            "revision": revision,
            "text": text,
            "authorship": authorship_line(authorship_of(sheet, revision), sheet),
            "levels": levels_in_words(sheet, revision),
            "body": draw_icons(draw_bars(name_levels(text.body))),
            "address": settings.SITE_URL + sheet.get_absolute_url(),
        },
    )
    return SheetPdf(
        hashlib.sha256(f"{page}\0{VARIANT}\0{STYLE.read_text()}".encode()).hexdigest()[:32], page
    )


def levels_in_words(sheet: Sheet, revision: Revision) -> list[tuple[str, int]]:
    """Return the names of the levels of a revision's statements, with how many have each.

    Empty where an older check, or none, has looked at it.
    """
    check = RevisionCheck.current_of(sheet) if revision.pk == sheet.current_id else None
    counts = check.levels if check else {}
    return [(level_name(level), counts[level]) for level in LEVELS if counts.get(level)]


def name_levels(body: str) -> str:
    """Return the body of a sheet with the level of each note in words, for paper."""
    return NOTE.sub(lambda m: f'{m[0]}<span class="level">{_in_words(m["level"])}</span> ', body)


def draw_bars(body: str) -> str:
    """Return the body of a sheet with its bars drawn in numbers, not in shares of their room.

    WeasyPrint reads a width in per cent in an SVG as the whole width, and applies no style sheet.
    """
    return BAR.sub(lambda m: _bar(float(m["share"])), body)


def _bar(share: float) -> str:
    return (
        f'<svg class="bar-line" viewBox="0 0 {BAR_WIDTH} 10" width="{BAR_WIDTH}" height="10">'
        f'<rect width="{BAR_WIDTH}" height="10" fill="#e4e8e5"/>'
        f'<rect width="{share * BAR_WIDTH / 100:.1f}" height="10" fill="#17643e"/></svg>'
    )


def draw_icons(body: str) -> str:
    """Return the body of a sheet with the pictures of its headings as strokes."""
    return with_heading_icons(body).replace('<svg class="icon" ', f'<svg class="icon" {STROKES} ')


def _in_words(level: str) -> str:
    return _("to be checked again") if level == UNCHECKED else level_name(level)


def stored_pdf(name: str) -> bytes | None:
    """Return the stored PDF of that name, or None."""
    try:
        with default_storage.open(pdf_path(name)) as stored:
            return bytes(stored.read())
    except FileNotFoundError:
        return None


def store_pdf(pdf: SheetPdf) -> None:
    """Render a PDF and store it, unless it is stored already.

    Raises UserError pdf_needs_libraries where system libraries are missing.
    """
    if not default_storage.exists(pdf_path(pdf.name)):
        content = render_pdf(pdf.page, STYLE.read_text())
        default_storage.save(pdf_path(pdf.name), ContentFile(content))


def pdf_path(name: str) -> str:
    return f"{FOLDER}/{name}.pdf"


def render_pdf(page: str, style: str) -> bytes:
    """Render HTML with a style sheet as PDF; a missing picture is replaced by its alt text."""
    try:
        from weasyprint import CSS, HTML
        from weasyprint.urls import URLFetcher, URLFetcherResponse
    except OSError as error:  # importing it loads the system libraries
        logger.warning("WeasyPrint cannot start: %s", error)
        raise UserError("pdf_needs_libraries") from error

    class Pictures(URLFetcher):  # type: ignore[misc]  # the library has no types
        """Fetches only pictures of this wiki."""

        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            return URLFetcherResponse(url, picture_at(url), {"Content-Type": "image/webp"})

    pictures = Pictures()
    document = HTML(string=page, base_url=settings.SITE_URL, url_fetcher=pictures)
    return bytes(
        document.write_pdf(
            stylesheets=[CSS(string=style, url_fetcher=pictures)], pdf_variant=VARIANT
        )
    )


def picture_at(url: str) -> bytes:
    """Return the content of a picture of this wiki; raises ValueError for any other URL."""
    picture = picture_of(url) if url.startswith(f"{settings.SITE_URL}/") else None
    if picture is None:
        raise ValueError(url)
    with picture.file.open("rb") as stored:
        return bytes(stored.read())
