"""The formats that are read, and which module reads each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ingestion.readers import media_type as media


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    media_type: str
    extension: str  # under which its files are kept and sent
    module: str  # in this package; follows `Reader`
    paged: bool = False  # its pages are those of the file, and can be drawn
    shown: bool = False  # browsers show the file itself, and nothing in it can run


FORMATS: dict[str, Format] = {
    form.media_type: form
    for form in (
        Format(media.PDF, ".pdf", "pdf.reader", paged=True, shown=True),
        Format(media.DOCX, ".docx", "office.docx"),
        Format(media.PPTX, ".pptx", "office.pptx"),
        Format(media.XLSX, ".xlsx", "office.xlsx"),
        Format(media.ODT, ".odt", "office.odt"),
        Format(media.HTML, ".html", "text.html"),
        Format(media.MARKDOWN, ".md", "text.markdown"),
        Format(media.TEXT, ".txt", "text.plain"),
        Format(media.PNG, ".png", "image", paged=True, shown=True),
        Format(media.JPEG, ".jpg", "image", paged=True, shown=True),
        Format(media.GIF, ".gif", "image", paged=True, shown=True),
        Format(media.WEBP, ".webp", "image", paged=True, shown=True),
        Format(media.BMP, ".bmp", "image", paged=True),
        Format(media.TIFF, ".tiff", "image", paged=True),
    )
}

OTHER_EXTENSIONS = {
    ".htm": media.HTML,
    ".xhtml": media.HTML,
    ".jpeg": media.JPEG,
    ".tif": media.TIFF,
    ".markdown": media.MARKDOWN,
    ".docm": media.DOCX,
    ".pptm": media.PPTX,
    ".xlsm": media.XLSX,
}
EXTENSIONS = (*dict.fromkeys(form.extension for form in FORMATS.values()), *OTHER_EXTENSIONS)
"""Names that file choosers offer; a file is accepted by its content alone."""


def is_paged(media_type: str) -> bool:
    """Tell whether the pages of such a file are its own and can be drawn."""
    form = FORMATS.get(media_type)
    return form is not None and form.paged


def with_extension(name: str, media_type: str) -> str:
    """Return a file name that ends as its type wants."""
    form = FORMATS.get(media_type)
    if form is None:
        return name
    end = PurePosixPath(name).suffix.lower()
    if end == form.extension or OTHER_EXTENSIONS.get(end) == media_type:
        return name
    return name + form.extension
