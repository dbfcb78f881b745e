"""Open Office Open XML packages (.docx, .pptx, .xlsx) part by part.

Each part is unpacked and parsed when it is asked for, so that a damaged one costs no other. The
namespaces of the strict variant (ISO/IEC 29500) become those of the usual one, so that readers know
one name for each element. Entities are never resolved.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxml import etree

from ingestion.readers import Limits, ReadError
from ingestion.readers.office.pictures import FigureReader
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.text.pagination import DocumentSummary, Item

if TYPE_CHECKING:
    from lxml.etree import _Element

OFFICE = "http://schemas.openxmlformats.org/"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
UNDECLARED_PREFIX = 201
"""The error code of a namespace prefix that is not declared."""

_STRICT = (
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        "officeDocument/2006/relationships",
    ),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", "officeDocument/2006/math"),
    (b"http://purl.oclc.org/ooxml/officeDocument/", "officeDocument/2006/"),
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", "wordprocessingml/2006/main"),
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", "spreadsheetml/2006/main"),
    (b"http://purl.oclc.org/ooxml/presentationml/main", "presentationml/2006/main"),
    (b"http://purl.oclc.org/ooxml/drawingml/", "drawingml/2006/"),
)
_CORE = {
    "title": "{http://purl.org/dc/elements/1.1/}title",
    "author": "{http://purl.org/dc/elements/1.1/}creator",
    "language": "{http://purl.org/dc/elements/1.1/}language",
    "created": "{http://purl.org/dc/terms/}created",
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class PartLink:
    """A link from one part to another, or to an address outside the file."""

    kind: str  # the last word of its type: "image", "chart", "footnotes"
    target: str  # the name of a part, or an address
    is_external: bool


@dataclass(slots=True)
class OfficePackage:
    """The parts of a package, by name, without the leading slash."""

    archive: zipfile.ZipFile
    names: dict[str, str] = field(default_factory=dict)  # in lower case, to the name as stored
    known: dict[str, dict[str, PartLink]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)  # lists of links that cannot be read
    roots: dict[str, _Element] = field(default_factory=dict)  # of parts that others share
    objects: dict[str, list[Item] | None] = field(default_factory=dict)  # None while one is read
    pictures: FigureReader = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = FigureReader(self.data)

    @classmethod
    def open(cls, file: str, limits: Limits) -> OfficePackage:
        """Open a package; raise `ReadError` if it is encrypted, damaged or too large unpacked."""
        check_office_archive(file, limits)
        return cls.of(zipfile.ZipFile(file))

    @classmethod
    def of(cls, archive: zipfile.ZipFile) -> OfficePackage:
        """Return the package of an archive, whose parts are found whatever case they are in."""
        return cls(archive, {name.lower().lstrip("/"): name for name in archive.namelist()})

    def has(self, name: str) -> bool:
        return name.lower() in self.names

    def data(self, name: str) -> bytes:
        """Return the content of a part; KeyError if it is missing, BadZipFile if damaged."""
        return self.archive.read(self.names[name.lower()])

    def root(self, name: str) -> _Element:
        """Return the root element of a part; KeyError if missing, XMLSyntaxError if malformed."""
        return parse_part(self.data(name))

    def shared_root(self, name: str) -> _Element:
        """Return the root element of a part that many others refer to, parsed once."""
        if name not in self.roots:
            self.roots[name] = self.root(name)
        return self.roots[name]

    def once(self, name: str, read: Callable[[], Iterable[Item]]) -> list[Item]:
        """Return what an object holds, read once however often the text refers to its part.

        Raises ValueError where reading it failed before, or goes on: it refers to itself.
        """
        if name not in self.objects:
            self.objects[name] = None
            self.objects[name] = list(read())
        found = self.objects[name]
        if found is None:
            raise ValueError("not read")
        return found

    def relations(self, name: str) -> dict[str, PartLink]:
        """Return the links of a part by their id; those that can be read of a damaged list."""
        if name not in self.known:
            self.known[name] = dict(self._read_relations(name))
        return self.known[name]

    def related(self, name: str, kind: str) -> str:
        """Return the name of the first part of a kind that a part links to, `""` if none."""
        return next(
            (
                link.target
                for link in self.relations(name).values()
                if link.kind == kind and not link.is_external and self.has(link.target)
            ),
            "",
        )

    def target(self, name: str, link: str | None) -> str:
        """Return the name of the part that a part links to by an id; KeyError if there is none."""
        relation = self.relations(name)[str(link)]
        if relation.is_external:
            raise KeyError(f"{link} leads outside the file")
        return relation.target

    def main_part(self, usual: str) -> str:
        """Return the name of the main part; `usual` where the package does not link to it."""
        return self.related("", "officeDocument") or usual

    def _read_relations(self, name: str) -> Iterator[tuple[str, PartLink]]:
        folder, _, last = name.rpartition("/")
        own = posixpath.join(folder, "_rels", f"{last}.rels")
        if not self.has(own):
            return
        try:
            links = list(parse_part(self.data(own), recover=True))
        except (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError):
            self.damaged.append(own)
            return
        for link in links:
            target, kind = unquote(link.get("Target") or ""), str(link.get("Type") or "")
            outside = link.get("TargetMode") == "External"
            if not outside:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            yield str(link.get("Id")), PartLink(kind.rpartition("/")[2], target, outside)


def parse_part(data: bytes, *, recover: bool = False) -> _Element:
    """Parse the XML of a part; with `recover`, as much of it as is well formed."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    try:
        root = etree.fromstring(usual_namespaces(data), parser)
    except etree.XMLSyntaxError as error:
        if recover or error.code != UNDECLARED_PREFIX:
            raise
        return parse_part(data, recover=True)  # nothing is lost
    if root is None:
        raise etree.XMLSyntaxError("no element", 0, 0, 0)
    return root


def usual_namespaces(data: bytes) -> bytes:
    """Return the XML of a part with the strict namespaces replaced by the usual ones."""
    if b"http://purl.oclc.org/ooxml/" in data:
        for strict, usual in _STRICT:
            data = data.replace(strict, (OFFICE + usual).encode())
    return data


def open_main_part(package: OfficePackage, usual: str) -> tuple[str, _Element]:
    """Return the name and root of the main part; raise `ReadError` if there is none.

    Malformed XML raises XMLSyntaxError, which may also mean that memory ran out.
    """
    name = package.main_part(usual)
    try:
        return name, package.root(name)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ReadError("unreadable", {"reason": str(error)[:200]}) from error


def package_summary(package: OfficePackage) -> DocumentSummary:
    """Return the metadata that a package states; empty where it cannot be read."""
    name = package.related("", "core-properties") or "docProps/core.xml"
    try:
        root = package.root(name)
    except Exception:  # noqa: BLE001  a document is read without its metadata
        return DocumentSummary()
    stated = {key: (root.findtext(tag) or "").strip() for key, tag in _CORE.items()}
    created = _DATE.match(stated["created"])
    return DocumentSummary(
        title=stated["title"],
        author=stated["author"],
        language=stated["language"],
        created=created.group() if created else "",
    )


def local_name(element: _Element) -> str:
    """Return the name of an element without its namespace; `""` for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def namespace_of(element: _Element) -> str:
    """Return the namespace of an element in braces, as it stands before its name."""
    return f"{element.tag.rpartition('}')[0]}}}" if isinstance(element.tag, str) else ""
