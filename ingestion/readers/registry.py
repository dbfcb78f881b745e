"""The supported formats, and the reader module of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ingestion.readers.media_type import (
    BMP,
    CSV,
    DOC,
    DOCX,
    EML,
    ENCRYPTED,
    EPUB,
    GIF,
    HTML,
    JPEG,
    JSON,
    MARKDOWN,
    MBOX,
    MSG,
    ODP,
    ODS,
    ODT,
    OLE,
    PDF,
    PNG,
    PPT,
    PPTX,
    RTF,
    TEXT,
    TIFF,
    WEBP,
    XLS,
    XLSB,
    XLSX,
    XML,
)


@dataclass(frozen=True)
class Format:
    """One supported file format."""

    media_type: str
    extension: str  # of the files as stored and downloaded
    module: str  # in this package; implements `Reader`
    paged: bool = False  # the file defines its pages, and they can be rendered
    shown: bool = False  # safe to show inline in a browser: nothing in it can run
    attaches: bool = False  # its files carry others, which become documents of their own
    converted_to: str = ""  # the type that LibreOffice makes of it, which is then read
    version: int = 1  # of its reader; raised when it reads files otherwise than before


FORMATS: dict[str, Format] = {
    form.media_type: form
    for form in (
        Format(PDF, ".pdf", "pdf.reader", paged=True, shown=True),
        Format(DOCX, ".docx", "office.docx"),
        Format(PPTX, ".pptx", "office.pptx"),
        Format(XLSX, ".xlsx", "office.xlsx"),
        Format(ODT, ".odt", "office.odt"),
        Format(ODS, ".ods", "office.ods"),
        Format(ODP, ".odp", "office.odp"),
        Format(DOC, ".doc", "office.legacy", converted_to=DOCX),
        Format(XLS, ".xls", "office.legacy", converted_to=XLSX),
        Format(XLSB, ".xlsb", "office.legacy", converted_to=XLSX),
        Format(PPT, ".ppt", "office.legacy", converted_to=PPTX),
        Format(RTF, ".rtf", "office.legacy", converted_to=DOCX),
        Format(EML, ".eml", "mail.eml", attaches=True),
        Format(MSG, ".msg", "mail.msg", attaches=True),
        Format(EPUB, ".epub", "text.epub"),
        Format(HTML, ".html", "text.html"),
        Format(MARKDOWN, ".md", "text.markdown"),
        Format(CSV, ".csv", "text.table"),
        Format(TEXT, ".txt", "text.plain"),
        Format(PNG, ".png", "image", paged=True, shown=True),
        Format(JPEG, ".jpg", "image", paged=True, shown=True),
        Format(GIF, ".gif", "image", paged=True, shown=True),
        Format(WEBP, ".webp", "image", paged=True, shown=True),
        Format(BMP, ".bmp", "image", paged=True),
        Format(TIFF, ".tiff", "image", paged=True),
    )
}

OTHER_EXTENSIONS = {
    ".htm": HTML,
    ".xhtml": HTML,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".markdown": MARKDOWN,
    ".tsv": CSV,
    ".dot": DOC,
    ".xlt": XLS,
    ".pps": PPT,
    ".mht": EML,
    ".docm": DOCX,
    ".dotx": DOCX,
    ".dotm": DOCX,
    ".pptm": PPTX,
    ".ppsx": PPTX,
    ".ppsm": PPTX,
    ".potx": PPTX,
    ".potm": PPTX,
    ".xlsm": XLSX,
    ".xltx": XLSX,
    ".xltm": XLSX,
}
EXTENSIONS = (*dict.fromkeys(form.extension for form in FORMATS.values()), *OTHER_EXTENSIONS)
"""Extensions offered by file choosers; a file is accepted by its content alone."""

REFUSALS = {
    ENCRYPTED: "encrypted",
    OLE: "unreadable",
    XML: "data_file",
    JSON: "data_file",
    MBOX: "mail_box",
}
"""Error codes of formats that are known but not read; others are an "unknown_format"."""


def refusal_code(media_type: str) -> str:
    """Return the error code for a type that is not in `FORMATS`."""
    return REFUSALS.get(media_type, "unknown_format")


def reader_version(media_type: str) -> int:
    """Return the version of the reader of a type; documents read with a lower one are outdated.

    A converted format also counts the version of the reader of what it is converted to.
    """
    form = FORMATS.get(media_type)
    if form is None:
        return 0
    return form.version + (reader_version(form.converted_to) if form.converted_to else 0)


def is_paged(media_type: str) -> bool:
    """Tell whether files of this type define their pages, which can then be rendered."""
    form = FORMATS.get(media_type)
    return form is not None and form.paged


def with_extension(name: str, media_type: str) -> str:
    """Return a file name with an extension that fits its type."""
    form = FORMATS.get(media_type)
    if form is None:
        return name
    end = PurePosixPath(name).suffix.lower()
    if end == form.extension or OTHER_EXTENSIONS.get(end) == media_type:
        return name
    return name + form.extension
