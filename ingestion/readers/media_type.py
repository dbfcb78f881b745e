"""Detect the media type of a file from its content, never from its name."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import IO

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"
TIFF, WEBP, BMP = "image/tiff", "image/webp", "image/bmp"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
"""The format of Word, Excel and PowerPoint before 2007, still used for password protection."""

HEADER_WINDOW = 1024
"""Bytes in which the PDF header is searched: junk may precede it."""

TEXT_WINDOW = 16_384
"""Bytes used to distinguish text from binary data, and Markdown from plain text."""

MAX_DIRECTORY_BYTES = 32 * 1024 * 1024
"""Bytes of a ZIP central directory above which the archive is not opened."""

_MAGIC = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
)
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = bytes({*range(9), 11, *range(14, 27), *range(28, 32), 127})

_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|"
    rb"title|meta|base|script|style|link)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_PART = re.compile(
    rb"\s*<(?:div|p|h[1-6]|table|ul|ol|section|article|main|span|a|b|br|font|"
    rb"iframe|!--|svg|math|form|img)(?:[\s>/]|--)",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(
    r"^(?:\#{1,6}[ \t]+\S"  # a heading
    r"|[ ]{0,3}(?:```|~~~)"
    r"|\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$"  # the delimiter row of a table
    r"|\[\^[^\[\]]+\]:|\[[^\[\]]+\]:[ \t]*\S"
    r"|(?:>[ \t]*){2,}"
    r"|.*\[[^\[\]\n]+\]\([^()\n]+\)"
    r"|.*(?<![*\w])\*\*\w[^*\n]*\*\*)",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(?:[\w-]+:.*\r?\n|[ \t#-].*\r?\n)+---[ \t]*\r?$", re.M)

_MAIN_PARTS = (
    (re.compile(r"word/document\d*\.xml$"), DOCX),
    (re.compile(r"ppt/presentation\d*\.xml$"), PPTX),
    (re.compile(r"xl/workbook\d*\.xml$"), XLSX),
)


def identify_path(path: Path) -> str:
    """Return the media type of a file from its content, `""` if unknown."""
    with path.open("rb") as file:
        return identify_file(file)


def identify_file(file: IO[bytes]) -> str:
    """Return the media type of an open file positioned at its start, like `identify_path`."""
    found = sniff_media_type(file.read(TEXT_WINDOW))
    return _archive_media_type(file) if found == ZIP else found


def sniff_media_type(head: bytes) -> str:
    """Return the media type that the first bytes of a file indicate, `""` if unknown."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return BMP
    if b"%PDF-" in head[:HEADER_WINDOW]:
        return PDF
    return _text_media_type(head) if _looks_like_text(head) else ""


def _looks_like_text(head: bytes) -> bool:
    """Tell text in any encoding from binary data, by its few control characters."""
    if not head.strip():
        return False
    if head.startswith(_BOMS):
        return True
    controls = len(head) - len(head.translate(None, _CONTROLS))
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return controls == 0
    return controls <= max(1, 0.05 * len(head))


def _text_media_type(head: bytes) -> str:
    if head.startswith(_BOMS[1:]):
        text = head.decode("utf-16", "replace")
    else:
        text = head.removeprefix(_BOMS[0]).decode("utf-8", "replace")
    encoded = text.encode("utf-8", "replace")
    if _HTML.match(encoded):
        return HTML
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _MARKDOWN.search(text) or _FRONT_MATTER.match(text):
        return MARKDOWN
    return HTML if _HTML_PART.match(encoded) else TEXT


def _archive_media_type(file: IO[bytes]) -> str:
    """Return the type of an office document from the name of its main part, `ZIP` for others."""
    if _central_directory_bytes(file) > MAX_DIRECTORY_BYTES:
        return ZIP
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as declared:
                    kind = declared.read(100).strip().decode("ascii", "replace")
                    if (found := _open_document(kind)) != "":
                        return found
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return _media_type_from_first_members(file)
    for name in names:
        for part, media_type in _MAIN_PARTS:
            if part.match(name):
                return media_type
    return _media_type_from_first_members(file)


def _open_document(declared: str) -> str:
    """Return the type of an OpenDocument file or template from the type that it declares first."""
    return next((kind for kind in (ODT, ODS, ODP) if declared.startswith(kind)), "")


def _central_directory_bytes(file: IO[bytes]) -> int:
    """Return the size of a ZIP central directory in bytes, as the end record states it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    return int.from_bytes(end[at + 12 : at + 16], "little") if at >= 0 else 0


def _media_type_from_first_members(file: IO[bytes]) -> str:
    """Guess the type of an office document that is damaged or lacks its main part.

    The names of its first members decide.
    """
    file.seek(0)
    head = file.read(TEXT_WINDOW)
    start = head[:200].partition(b"mimetype")[2].decode("ascii", "replace")
    if (found := _open_document(start)) != "":
        return found
    if not head[30:].startswith((b"[Content_Types].xml", b"_rels/.rels")):
        return ZIP
    if b"ppt/" in head:
        return PPTX
    return XLSX if b"xl/" in head else DOCX
