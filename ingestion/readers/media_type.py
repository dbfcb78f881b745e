"""Detect the media type of a file from its content, never from its name."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import IO

from ingestion.readers.ole_directory import root_names
from ingestion.readers.text.delimited import find_dialect
from ingestion.readers.text.encoding import decode_text

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
DOC, XLS, PPT = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
RTF = "application/rtf"
EML, MSG = "message/rfc822", "application/vnd.ms-outlook"
EPUB = "application/epub+zip"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TEXT = "text/plain"
XML, JSON = "application/xml", "application/json"
MBOX = "application/mbox"
PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"
TIFF, WEBP, BMP = "image/tiff", "image/webp", "image/bmp"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
"""The container of Word, Excel, PowerPoint before 2007 and of Outlook's mails, of another kind."""

ENCRYPTED = "application/encrypted"
"""An Office document of any kind under a password."""

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
    (b"{\\rtf", RTF),
    (b"%!PS", "application/postscript"),
)
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = bytes({*range(9), 11, *range(14, 27), *range(28, 32), 127})
_CONTROL_CHARS = frozenset(map(chr, _CONTROLS))

_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b"
    r"|\s*(?:<!--.*?-->\s*)*<(?:head|body|title|meta|base|script|style|link)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_PART = re.compile(
    r"\s*<(?:div|p|h[1-6]|table|ul|ol|section|article|main|span|a|b|br|font|"
    r"iframe|!--|svg|math|form|img|header|nav|details|figure|blockquote|pre|dl|strong|em|i|u)"
    r"(?:[\s>/]|--)",
    re.IGNORECASE,
)
_HTML_LATER = re.compile(r"<(?:p|div|h[1-6]|table|ul)[\s>]", re.IGNORECASE)
_XML_START = re.compile(r"\s*<(?:\?(?:xml|mso-application)\b|!DOCTYPE\s)", re.IGNORECASE)
_XML_ROOT = re.compile(r"\s*<(?P<name>[A-Za-z_][\w.-]*(?::[\w.-]+)?)(?P<attributes>\s[^<>]*|/?)>")
_JSON_START = re.compile(r'\{\s*(?:"|\Z)|\[\s*(?:[\[{"\-\d]|true|false|null|\Z)')
_HEADER_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60}):(?:\s|$)")
_MAIL_HEADERS = frozenset(
    "from to subject date received return-path mime-version message-id delivered-to".split()
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
    (re.compile(r"xl/workbook\d*\.bin$"), XLSB),
)
_OLE_STREAMS = (
    ("__properties_version1.0", MSG),
    ("EncryptedPackage", ENCRYPTED),
    ("WordDocument", DOC),
    ("Workbook", XLS),
    ("Book", XLS),
    ("PowerPoint Document", PPT),
)


def identify_path(path: Path) -> str:
    """Return the media type of a file from its content, `""` if unknown."""
    with path.open("rb") as file:
        return identify_file(file)


def identify_file(file: IO[bytes]) -> str:
    """Return the media type of an open file positioned at its start, like `identify_path`."""
    head = file.read(TEXT_WINDOW)
    found = sniff_media_type(head, complete=len(head) < TEXT_WINDOW)
    if found == ZIP:
        return _archive_media_type(file)
    return _ole_media_type(file) if found == OLE else found


def sniff_media_type(head: bytes, *, complete: bool = True) -> str:
    """Return the media type that the first bytes of a file indicate, `""` if unknown.

    `complete` says that they are the whole file.
    """
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return BMP
    if b"%PDF-" in head[:HEADER_WINDOW]:
        return PDF
    text = _text_of(head, complete)
    return _text_media_type(text, complete) if text else ""


def _text_of(head: bytes, complete: bool) -> str:
    """Return the text that the bytes are in some encoding; `""` for binary data."""
    if not head.strip():
        return ""
    whole = head if complete else head[: len(head) // 4 * 4 - 4]
    if not head.startswith(_BOMS) and b"\0" in head:
        text = decode_text(whole)
        return text if sum(char in _CONTROL_CHARS for char in text) <= 1 else ""
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if not head.startswith(_BOMS) and controls > _most_controls(head):
        return ""
    return decode_text(whole)


def _most_controls(head: bytes) -> float:
    """Return how many control characters text may have: none if it is not UTF-8."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return 0
    return max(1, 0.05 * len(head))


def _text_media_type(text: str, complete: bool) -> str:
    """Return the type of a text: marked up, data, a mail, a table, or prose."""
    if _HTML.match(text):
        return HTML
    if _is_xml(text):
        return XML
    if _is_json(text, complete):
        return JSON
    if (mail := _mail_media_type(text)) or not text.strip():
        return mail
    if find_dialect(text, complete=complete):
        return CSV
    if _MARKDOWN.search(text) or _FRONT_MATTER.match(text):
        return MARKDOWN
    return HTML if _HTML_PART.match(text) else TEXT


def _is_xml(text: str) -> bool:
    """Tell XML other than HTML: by its declaration, a namespace, or a root that is no HTML."""
    if _XML_START.match(text):
        return True
    root = _XML_ROOT.match(text)
    if not root:
        return False
    name = root["name"]
    if "xmlns" in root["attributes"] and "w3.org/1999/xhtml" not in root["attributes"]:
        return name.lower() != "svg" or not _HTML_LATER.search(text)
    return not _HTML_PART.match(text) and (":" in name or f"</{name}>" in text)


def _is_json(text: str, complete: bool) -> bool:
    """Tell JSON, one value or one a line, from text; cut short anywhere unless `complete`."""
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except RecursionError:
        return True
    except json.JSONDecodeError as error:
        reached = error.pos >= len(start.rstrip()) - 1 or error.msg.startswith("Unterminated")
        return not complete and reached and bool(_JSON_START.match(start))
    rest = start[end:].lstrip()
    return not rest or (rest[0] in "{[" and "\n" in start[: end + len(start[end:]) - len(rest)])


def _mail_media_type(text: str) -> str:
    """Return the type of a mail, or of a box of mails, by the names of its header; else `""`."""
    head, _, _ = text.lstrip("\n").partition("\n\n")
    first, _, rest = head.partition("\n")
    is_box = first.startswith("From ") and _HEADER_LINE.match(rest) is not None
    lines = [line for line in (rest if is_box else head).split("\n") if line[:1] not in (" ", "\t")]
    names = {match[1].lower() for line in lines if (match := _HEADER_LINE.match(line))}
    if len(names) < 2 or not all(map(_HEADER_LINE.match, lines)) or not names & _MAIL_HEADERS:
        return ""
    if not names & {"from", "received", "mime-version", "return-path"}:
        return ""
    return MBOX if is_box else EML


def _archive_media_type(file: IO[bytes]) -> str:
    """Return the type of an office document from the name of its main part, `ZIP` for others."""
    if _central_directory_bytes(file) > MAX_DIRECTORY_BYTES:
        return ZIP
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as declared:
                    if found := _declared_type(declared.read(100)):
                        return found
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return _media_type_from_first_members(file)
    for name in names:
        for part, media_type in _MAIN_PARTS:
            if part.match(name):
                return media_type
    return _media_type_from_first_members(file)


def _declared_type(declared: bytes) -> str:
    """Return the type that the member `mimetype` declares, if known; templates count as theirs."""
    name = declared.decode("ascii", "replace").strip().removesuffix("-template")
    return name if name in (ODT, ODS, ODP, EPUB) else ""


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
    for media_type in (ODT, ODS, ODP, EPUB):
        if b"mimetype" + media_type.encode() in head[:200]:
            return media_type
    if not head[30:].startswith((b"[Content_Types].xml", b"_rels/.rels")):
        return ZIP
    if b"ppt/" in head:
        return PPTX
    return XLSX if b"xl/" in head else DOCX


def _ole_media_type(file: IO[bytes]) -> str:
    """Return the type of an OLE file by the streams at its root: `""` for others, `OLE` if
    it is damaged.
    """
    names = root_names(file)
    known = (media_type for name, media_type in _OLE_STREAMS if name in names)
    return next(known, "") if names else OLE
