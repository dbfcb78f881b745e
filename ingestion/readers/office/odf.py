"""Open OpenDocument files (.odt, .ods, .odp) and resolve their styles."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from ingestion.readers import Limits, ReadError
from ingestion.readers.office.package import parse_part
from ingestion.readers.office.pictures import FigureReader
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.text.pagination import DocumentSummary, PageLayout

if TYPE_CHECKING:
    from lxml.etree import _Element

_URN = "{urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, TEXT, TABLE, DRAW, STYLE = (
    f"{_URN}{name}:1.0}}" for name in ("office", "text", "table", "drawing", "style")
)
META, PRESENTATION, CHART = (f"{_URN}{name}:1.0}}" for name in ("meta", "presentation", "chart"))
FO, SVG = (f"{_URN}{name}-compatible:1.0}}" for name in ("xsl-fo", "svg"))
XLINK = "{http://www.w3.org/1999/xlink}"
DC = "{http://purl.org/dc/elements/1.1/}"
NUMBER = f"{_URN}datastyle:1.0}}"
MATH = "{http://www.w3.org/1998/Math/MathML}"
MAX_DEPTH = 10
TINY = 1.0
"""Font size, in points, up to which text cannot be read."""

_LENGTH = re.compile(r"(-?[\d.]+)\s*(cm|mm|in|pt|pc|px)?")
_POINTS = {"cm": 28.3465, "mm": 2.83465, "in": 72.0, "pt": 1.0, "pc": 12.0, "px": 0.75}


@dataclass(frozen=True, slots=True)
class OdfStyle:
    """How text, or what holds it, is shown; None where the style does not say."""

    shift: int | None = None  # 1 raised, -1 lowered
    is_hidden: bool | None = None
    is_struck: bool | None = None
    is_white: bool | None = None
    is_filled: bool | None = None
    size: float | None = None  # points
    breaks_page: bool | None = None
    font: str | None = None
    data_style: str | None = None  # how the numbers of a cell are shown

    def over(self, base: OdfStyle) -> OdfStyle:
        """Return this style, completed by the one beneath."""
        if self == NO_STYLE:
            return base
        if base == NO_STYLE:
            return self
        return OdfStyle(
            **{
                name: getattr(base, name) if (own := getattr(self, name)) is None else own
                for name in _FIELDS
            }
        )

    @property
    def is_unseen(self) -> bool:
        """Tell whether a reader cannot see the text."""
        tiny = self.size is not None and self.size <= TINY
        return bool(self.is_hidden) or tiny or bool(self.is_white and not self.is_filled)


NO_STYLE = OdfStyle()
_FIELDS = tuple(item.name for item in fields(OdfStyle))


@dataclass(slots=True)
class OdfFile:
    """The parts of an OpenDocument file."""

    archive: zipfile.ZipFile
    content: _Element
    names: frozenset[str]
    styles: dict[tuple[str, str], OdfStyle] = field(default_factory=dict)  # by family and name
    layout: _Element | None = None  # the root of the styles part
    red_negatives: frozenset[str] = frozenset()  # data styles that tell negatives by colour
    unread: list[str] = field(default_factory=list)
    roots: dict[str, _Element] = field(default_factory=dict)  # of the parts read so far
    pictures: FigureReader = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = FigureReader(self.archive.read)

    @classmethod
    def open(cls, file: str, limits: Limits) -> OdfFile:
        """Open a file; raise `ReadError` if it is encrypted, damaged or too large unpacked."""
        check_office_archive(file, limits)
        archive = zipfile.ZipFile(file)
        names = frozenset(archive.namelist())
        manifest = "META-INF/manifest.xml"
        try:
            if manifest in names and b"encryption-data" in archive.read(manifest):
                raise ReadError("encrypted")
            content = parse_part(archive.read("content.xml"))
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ReadError("unreadable", {"reason": str(error)[:200]}) from error
        opened = cls(archive, content, names)
        opened._read_styles()
        return opened

    def _read_styles(self) -> None:
        elements = list(self.content.iterfind(f"{OFFICE}automatic-styles/{STYLE}style"))
        roots = [self.content]
        try:
            self.layout = self.root("styles.xml") if "styles.xml" in self.names else None
        except Exception:  # noqa: BLE001  the text is read without the styles
            self.unread.append("styles")
        if self.layout is not None:
            elements += self.layout.iter(STYLE + "style")
            roots.append(self.layout)
        self.red_negatives = frozenset(name for root in roots for name in _red_negatives(root))
        self.styles = _resolve_styles(elements)

    def root(self, name: str) -> _Element:
        """Return the root of a part; KeyError if missing, XMLSyntaxError if malformed."""
        if name not in self.roots:
            self.roots[name] = parse_part(self.archive.read(name))
        return self.roots[name]

    def body(self, kind: str) -> _Element:
        """Return the body of a document: "text", "spreadsheet", "presentation"."""
        body = self.content.find(f"{OFFICE}body/{OFFICE}{kind}")
        if body is None:
            raise ReadError("unreadable", {"reason": f"no {kind}"})
        return body

    def style(self, family: str, name: str | None) -> OdfStyle:
        """Return a style with what it inherits; one that states nothing if there is none."""
        return self.styles.get((family, name or ""), NO_STYLE)

    def summary(self) -> DocumentSummary:
        """Return the metadata that the file states; empty where it cannot be read."""
        meta = self._meta()
        if meta is None:
            return DocumentSummary()

        def text(*names: str) -> str:
            return next((found for n in names if (found := meta.findtext(".//" + n))), "").strip()

        return DocumentSummary(
            title=text(DC + "title"),
            author=text(META + "initial-creator", DC + "creator"),
            language=text(DC + "language"),
            created=text(META + "creation-date")[:10],
        )

    def page_layout(self, *, is_recorded: bool) -> PageLayout:
        """Return the size of the paper and the number of pages that the file states."""
        path = f".//{STYLE}page-layout-properties[@{FO}page-width]"
        paper = self.layout.find(path) if self.layout is not None else None
        width, height = (
            points(paper.get(FO + side)) if paper is not None else 0.0
            for side in ("page-width", "page-height")
        )
        meta = self._meta()
        counts = meta.find(f".//{META}document-statistic") if meta is not None else None
        stated = str(counts.get(META + "page-count") or "") if counts is not None else ""
        pages = int(stated) if stated.isdecimal() else 0
        return PageLayout(is_recorded and width > 0, width, height, pages)

    def _meta(self) -> _Element | None:
        try:
            return self.root("meta.xml")
        except Exception:  # noqa: BLE001  a document is read without its metadata
            return None


def points(length: str | None) -> float:
    """Return a length in points, 0 if it is none."""
    match = _LENGTH.match(length or "")
    if match is None:
        return 0.0
    try:
        return float(match[1]) * _POINTS[match[2] or "pt"]
    except ValueError:
        return 0.0


def count_of(value: str | None, most: int) -> int:
    """Return a number of repetitions or spanned cells: at least 1, at most `most`."""
    return min(max(int(value), 1), most) if value and value.isdecimal() else 1


def _red_negatives(root: _Element) -> Iterator[str]:
    """Yield the names of data styles that show negative numbers in a colour."""
    coloured: set[str] = set()
    mapped: list[tuple[str, str, str]] = []
    for mapping in root.iter(STYLE + "map"):
        parent = mapping.getparent()
        if parent is not None and str(parent.tag).startswith(NUMBER):
            target = str(mapping.get(STYLE + "apply-style-name"))
            condition = "".join(str(mapping.get(STYLE + "condition")).split())
            mapped.append((str(parent.get(STYLE + "name")), condition, target))
    for text in root.iter(STYLE + "text-properties"):
        parent = text.getparent()
        if parent is not None and str(parent.tag).startswith(NUMBER) and text.get(FO + "color"):
            coloured.add(str(parent.get(STYLE + "name")))
    for name, condition, target in mapped:
        if (target if condition.startswith("value()<") else name) in coloured:
            yield name


def _resolve_styles(elements: Iterable[_Element]) -> dict[tuple[str, str], OdfStyle]:
    found: dict[tuple[str, str], _Element] = {}
    for element in elements:
        key = str(element.get(STYLE + "family")), str(element.get(STYLE + "name"))
        found.setdefault(key, element)
    return {key: _resolve(key, found) for key in found}


def _resolve(key: tuple[str, str], found: dict[tuple[str, str], _Element]) -> OdfStyle:
    """Resolve a style along its parents; the most derived value wins."""
    style = NO_STYLE
    for element in _ancestry(key, found):
        style = style.over(_read_style(element))
    return style


def _ancestry(key: tuple[str, str], found: dict[tuple[str, str], _Element]) -> Iterator[_Element]:
    for _ in range(MAX_DEPTH):
        element = found.get(key)
        if element is None:
            return
        yield element
        key = key[0], str(element.get(STYLE + "parent-style-name"))


def _read_style(element: _Element) -> OdfStyle:
    text = element.find(STYLE + "text-properties")
    data_style = element.get(STYLE + "data-style-name")
    breaks: bool | None = None
    filled: bool | None = None
    hidden: bool | None = None
    for properties in element:
        if properties.get(FO + "break-before"):
            breaks = properties.get(FO + "break-before") == "page"
        filled = _is_filled(properties) or filled
        if properties.get(TABLE + "display") == "false":
            hidden = True
        if properties.get(PRESENTATION + "visibility") == "hidden":
            hidden = True
    if element.get(STYLE + "master-page-name"):
        breaks = True
    if text is None:
        return OdfStyle(
            is_filled=filled, breaks_page=breaks, is_hidden=hidden, data_style=data_style
        )
    struck = text.get(STYLE + "text-line-through-style") or text.get(
        STYLE + "text-line-through-type"
    )
    display = text.get(TEXT + "display")
    colour = str(text.get(FO + "color") or "").lower()
    size = str(text.get(FO + "font-size") or "")
    return OdfStyle(
        shift=_shift(text.get(STYLE + "text-position")),
        is_hidden=hidden if display is None else display == "none",
        is_struck=struck != "none" if struck else None,
        is_white=colour in ("#ffffff", "#fff") if colour else None,
        is_filled=filled,
        size=points(size) if size and not size.endswith("%") else None,
        breaks_page=breaks,
        font=text.get(STYLE + "font-name") or text.get(FO + "font-family"),
        data_style=data_style,
    )


def _is_filled(properties: _Element) -> bool | None:
    fill = str(properties.get(FO + "background-color") or "").lower()
    if not fill:
        kind = properties.get(DRAW + "fill")
        is_white = kind == "solid" and properties.get(DRAW + "fill-color") == "#ffffff"
        return True if kind not in (None, "none") and not is_white else None
    return fill not in ("transparent", "#ffffff")


def _shift(position: str | None) -> int | None:
    if not position:
        return None
    first = position.split()[0]
    if first in ("super", "sub"):
        return 1 if first == "super" else -1
    try:
        raised = float(first.rstrip("%"))
    except ValueError:
        return None
    return (raised > 5) - (raised < -5)
