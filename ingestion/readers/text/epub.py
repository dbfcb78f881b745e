"""Read EPUB books: the pages of a ZIP archive in the order of the spine, read as HTML."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from lxml import etree
from lxml.html import HtmlElement

from ingestion.readers import (
    Block,
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Progress,
    ReadError,
    Remark,
)
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.pictures import MOST_BYTES
from ingestion.readers.text.embedded import embed_pictures
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.html import embedded_picture, find_content, html_blocks, parse_html
from ingestion.readers.text.pagination import DocumentSummary, Item, paginate_blocks

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
MAX_CHAPTERS = 5_000
MAX_CHAPTER_BYTES = 20_000_000
MAX_BYTES = 200_000_000
"""Bytes of all chapters of a book, unpacked."""

_PAGES = ("application/xhtml+xml", "text/html")
_FONT_METHODS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DAMAGED = (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError, NotImplementedError, RuntimeError)


def check(file: str, limits: Limits) -> DocumentInfo:
    """Return the metadata that the book states."""
    return _open_book(file, limits).summary.info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the chapters in order, split into pages at headings where possible."""
    book = _open_book(file, limits)
    pages = paginate_blocks(_book_blocks(book, progress))
    first, *others = pages
    if book.unread:
        remark = Remark("object_unread", len(book.unread), ", ".join(book.unread)[:200])
        first = replace(first, remarks=(*first.remarks, remark))
    yield from book.summary.document([first, *others])


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture by the index of its chapter and its index there: "3:0"."""
    book = _open_book(file, Limits())
    chapter, _, index = reference.partition(":")
    if not chapter.isdecimal() or int(chapter) >= len(book.chapters):
        raise ReadError("not_drawn", {"reference": reference})
    return embedded_picture(book.page(book.chapters[int(chapter)]), index, max_width)


@dataclass(slots=True)
class _Book:
    """An open book: the names of its chapters, and those that could not be read."""

    archive: zipfile.ZipFile
    summary: DocumentSummary = field(default_factory=DocumentSummary)
    chapters: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def page(self, name: str) -> HtmlElement:
        """Return the content of a chapter with its pictures; KeyError if it is missing."""
        data = _read_bounded(self.archive, name, MAX_CHAPTER_BYTES)
        content = find_content(parse_html(decode_text(data, states_encoding=True)))
        folder = posixpath.dirname(name)
        embed_pictures(content, lambda address: self._picture(folder, address))
        return content

    def _picture(self, folder: str, address: str) -> bytes | None:
        path = urlsplit(address)
        if path.scheme or not path.path:
            return None
        name = posixpath.normpath(posixpath.join(folder, unquote(path.path)))
        try:
            return _read_bounded(self.archive, name, MOST_BYTES)
        except (*_DAMAGED, ReadError):
            return None


def _open_book(file: str, limits: Limits) -> _Book:
    check_office_archive(file, limits)
    book = _Book(zipfile.ZipFile(file))
    try:
        _refuse_encrypted(book.archive)
        container = _parse_xml(_read_bounded(book.archive, CONTAINER, MAX_CHAPTER_BYTES))
        root_file = container.find(".//{*}rootfile")
        name = str(root_file.get("full-path")) if root_file is not None else ""
        _read_package(book, name, _parse_xml(_read_bounded(book.archive, name, MAX_CHAPTER_BYTES)))
    except _DAMAGED as error:
        raise ReadError("unreadable", {"reason": str(error)[:200]}) from error
    return book


def _refuse_encrypted(archive: zipfile.ZipFile) -> None:
    """Raise `ReadError` for a book with encrypted chapters; fonts are often obfuscated only."""
    if ENCRYPTION not in archive.namelist():
        return
    root = _parse_xml(_read_bounded(archive, ENCRYPTION, MAX_CHAPTER_BYTES))
    for method in root.iter("{*}EncryptionMethod"):
        if str(method.get("Algorithm")) not in _FONT_METHODS:
            raise ReadError("encrypted")


def _read_package(book: _Book, name: str, package: etree._Element) -> None:
    """Set the metadata of a book and its chapters, in the order of the spine."""
    folder = posixpath.dirname(name)
    items = {
        str(item.get("id")): posixpath.normpath(
            posixpath.join(folder, unquote(str(item.get("href") or "")))
        )
        for item in package.iterfind(".//{*}manifest/{*}item")
        if item.get("media-type") in _PAGES
    }
    spine = package.iterfind(".//{*}spine/{*}itemref")
    wanted = [str(entry.get("idref")) for entry in spine if entry.get("linear") != "no"]
    book.chapters = [items[key] for key in dict.fromkeys(wanted) if key in items][:MAX_CHAPTERS]
    if not book.chapters:
        raise ReadError("no_pages")
    facts = {
        key: " ".join((package.findtext(f".//{{*}}metadata/{{*}}{key}") or "").split())
        for key in ("title", "creator", "language", "date")
    }
    book.summary = DocumentSummary(
        facts["title"], facts["creator"], facts["language"], facts["date"][:10]
    )


def _book_blocks(book: _Book, progress: Progress) -> Iterator[Item]:
    bytes_left = MAX_BYTES
    for number, name in enumerate(book.chapters):
        try:
            bytes_left -= book.archive.getinfo(name).file_size
            if bytes_left < 0:
                raise ReadError("too_much_text", {"bytes": MAX_BYTES})
            root = book.page(name)
        except _DAMAGED:
            book.unread.append(posixpath.basename(name))
            continue
        for block in html_blocks(root):
            if isinstance(block, Block) and block.picture:
                yield replace(block, picture=f"{number}:{block.picture}")
            else:
                yield block
        progress(number + 1, len(book.chapters))


def _read_bounded(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member of the archive; raise `ReadError` if it is larger than `most` bytes."""
    if archive.getinfo(name).file_size > most:
        raise ReadError("too_much_memory", {"member": name})
    return archive.read(name)


def _parse_xml(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(data, parser)
    if root is None:
        raise KeyError("empty")
    return root
