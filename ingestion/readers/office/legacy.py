"""Check files of formats that LibreOffice converts: Office before 2007, RTF, binary workbooks.

Their pages are read from the converted file, by the reader of its format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import olefile

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.ole_directory import MAGIC

ZIP_MAGIC = b"PK"
MAX_RECORDS = 200
_FILE_PASSWORD = 0x002F
_WORD_ENCRYPTED = 0x0100
_SLIDES_ENCRYPTED = 0xF3D1C4DF


def check(file: str, limits: Limits) -> DocumentInfo:
    """Return the metadata of an OLE file; raise `ReadError` if a password protects it."""
    with Path(file).open("rb") as content:
        head = content.read(8)
    if head.startswith(ZIP_MAGIC):
        check_office_archive(file, limits)
    if head != MAGIC:
        return DocumentInfo(page_count=0)
    with Path(file).open("rb") as content, olefile.OleFileIO(content) as ole:
        if _is_encrypted(ole):
            raise ReadError("encrypted")
        return _ole_info(ole)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    raise ReadError("old_office")


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def _is_encrypted(ole: olefile.OleFileIO) -> bool:
    """Tell whether a document is under a password, by the flags of its format."""
    if ole.exists("WordDocument"):
        flags = struct.unpack_from("<H", _first_bytes(ole, "WordDocument", 12), 10)[0]
        return bool(flags & _WORD_ENCRYPTED)
    if ole.exists("Current User"):
        token = struct.unpack_from("<I", _first_bytes(ole, "Current User", 16), 12)[0]
        return bool(token == _SLIDES_ENCRYPTED)
    name = "Workbook" if ole.exists("Workbook") else "Book"
    return ole.exists(name) and _has_password_record(_first_bytes(ole, name, 65_536))


def _has_password_record(data: bytes) -> bool:
    """Tell whether the first records of a workbook say that those after them are encrypted."""
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 4 > len(data):
            break
        kind, length = struct.unpack_from("<HH", data, at)
        if kind == _FILE_PASSWORD:
            return True
        at += 4 + length
    return False


def _first_bytes(ole: olefile.OleFileIO, name: str, count: int) -> bytes:
    with ole.openstream(name) as stream:
        data = stream.read(count)
    return data if isinstance(data, bytes) else b""


def _ole_info(ole: olefile.OleFileIO) -> DocumentInfo:
    """Return the metadata that the properties state; none where they are damaged."""
    try:
        facts = ole.get_metadata()
    except (OSError, ValueError, struct.error, IndexError, KeyError, TypeError):
        return DocumentInfo(page_count=0)
    encoding = _code_page(facts.codepage)
    created = facts.create_time
    return DocumentInfo(
        page_count=0,
        title=_fact(facts.title, encoding),
        author=_fact(facts.author, encoding),
        created=created.date().isoformat() if created and created.year > 1990 else "",
    )


def _code_page(number: object) -> str:
    return "utf-8" if number in (None, 65001, -535) else f"cp{number}"


def _fact(value: object, encoding: str) -> str:
    if not isinstance(value, bytes):
        return str(value or "")
    try:
        return value.decode(encoding, "replace").strip("\0 ")
    except LookupError:
        return value.decode("cp1252", "replace").strip("\0 ")
