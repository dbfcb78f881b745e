"""Read PowerPoint documents: one page per slide, its shapes from top to bottom, then its notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, ReadError, Remark
from ingestion.readers.office.drawing import (
    DrawingReader,
    ShapeLine,
    text_items,
    typed_notes,
    visible_branch,
)
from ingestion.readers.office.guard import ObjectGuard
from ingestion.readers.office.package import (
    A,
    OfficePackage,
    R,
    local_name,
    open_main_part,
    package_summary,
)
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.office.slide_background import P, has_fill, is_white_page
from ingestion.readers.text.pagination import Item, build_page

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

MAIN = "ppt/presentation.xml"
EMU_PER_POINT = 12_700
"""Units of the format (EMU) per point."""

MAX_DEPTH = 20
MAX_SHAPES = 20_000
MAX_BACKDROPS = 300
"""Shapes of a slide among which white text is compared with what lies behind it."""

_TITLES = frozenset({"title", "ctrTitle"})
_MARGINS = frozenset({"dt", "ftr", "sldNum", "hdr"})
_LISTS = frozenset({"body", "obj", ""})


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the slides and return the metadata."""
    package = OfficePackage.open(file, limits)
    _, root = open_main_part(package, MAIN)
    return package_summary(package).info(len(_slide_links(root)))


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the slides with their notes."""
    package = OfficePackage.open(file, limits)
    name, root = open_main_part(package, MAIN)
    if not _slide_links(root):
        raise ReadError("no_pages")
    if len(_slide_links(root)) > limits.pages:
        raise ReadError("too_many_pages", {"limit": limits.pages})
    yield from package_summary(package).document(_slide_pages(package, name, root, progress))


def _slide_links(root: _Element) -> list[str]:
    return [str(link.get(R + "id")) for link in root.iterfind(f"{P}sldIdLst/{P}sldId")]


def _slide_pages(
    package: OfficePackage, name: str, root: _Element, progress: Progress
) -> Iterator[PageText]:
    size = root.find(P + "sldSz")
    width, height = (_whole(size, side) / EMU_PER_POINT for side in ("cx", "cy"))
    links = _slide_links(root)
    guard = ObjectGuard()
    for number, link in enumerate(links, 1):
        guard.counts["slide"] = number - 1

        def slide(link: str = link) -> Iterator[Item]:
            return _Slide(package, package.target(name, link), guard, width, height).items()

        yield build_page(number, guard.read("slide", slide), width, height)
        progress(number, len(links))


class _Box(NamedTuple):
    """The place of a shape, in EMU."""

    left: int
    top: int
    width: int
    height: int


@dataclass(slots=True)
class _Slide:
    """Reads one slide."""

    package: OfficePackage
    part: str
    guard: ObjectGuard
    width: float  # points; 0 if not stated
    height: float
    drawing: DrawingReader = field(init=False)
    places: list[dict[str, _Box]] = field(init=False)  # of the layout's placeholders, the master's
    backdrops: list[_Element] | None = None  # top shapes in the order of drawing; None: not white

    def items(self) -> Iterator[Item]:
        root = self.package.root(self.part)
        if root.get("show") in ("0", "false"):
            yield Remark("hidden_text")
            return
        self.drawing = DrawingReader(self.package, self.part, self.guard, typed_notes([root]))
        self.places = list(self._inherited_places())
        tree = root.find(f"{P}cSld/{P}spTree")
        shapes = [] if tree is None else list(_shapes(tree, 0))
        if is_white_page(self.package, self.part, root):
            self.backdrops = shapes[:MAX_SHAPES]
        title = next((s for s in shapes if _placeholder(s) in _TITLES and not _is_hidden(s)), None)
        if title is not None:
            yield from self._title(title)
        others = [shape for shape in shapes if shape is not title]
        yield from self._sorted(others, 0)
        yield from self.guard.read("notes", self._speaker_notes)

    def _title(self, shape: _Element) -> Iterator[Item]:
        body = shape.find(P + "txBody")
        lines = [] if body is None else list(self.drawing.lines(body))
        text = " ".join(" ".join(line.text.split()) for line in lines if line.text)
        if text:
            yield Block("heading", text, 1)
        for line in lines:
            yield from line.remarks

    def _sorted(self, shapes: list[_Element], depth: int) -> Iterator[Item]:
        """Read shapes from top to bottom, then left to right; those of a group at its place."""

        def place(shape: _Element) -> tuple[int, int]:
            box = self._box(shape)
            return (box.top // (36 * EMU_PER_POINT), box.left) if box else (0, 0)

        for shape in sorted(shapes[:MAX_SHAPES], key=place):
            if _is_hidden(shape) or (depth == 0 and self._is_outside(shape)):
                if _has_text(shape):
                    yield Remark("hidden_text")
            elif local_name(shape) == "grpSp":
                if depth < MAX_DEPTH:
                    yield from self._sorted(list(_shapes(shape, 0)), depth + 1)
            else:
                yield from self.guard.read("shape", lambda one=shape: self._shape(one))  # type: ignore[misc]

    def _shape(self, shape: _Element) -> Iterator[Item]:
        kind = _placeholder(shape)
        if kind in _MARGINS:
            return
        name = local_name(shape)
        if name == "graphicFrame":
            yield from self.drawing.graphic(shape)
            return
        body = shape.find(P + "txBody")
        if body is not None:
            self.drawing.on_white = self._is_on_white(shape)
            lines = list(self.drawing.lines(body))
            self.drawing.on_white = False
            yield from _texts(lines, is_list=kind in _LISTS)
        if name == "pic" or shape.find(f"{P}spPr/{A}blipFill") is not None:
            yield from self.drawing.pictures(shape)

    def _speaker_notes(self) -> Iterator[Item]:
        part = self.package.related(self.part, "notesSlide")
        if not part:
            return
        for shape in self.package.root(part).iter(P + "sp"):
            body = shape.find(P + "txBody")
            if _placeholder(shape) == "body" and body is not None:
                lines = list(self.drawing.lines(body))
                text = "\n".join(line.text for line in lines if line.text)
                if text:
                    yield Block("note", text)
                for line in lines:
                    yield from line.remarks

    def _is_on_white(self, shape: _Element) -> bool:
        """Tell for certain that nothing but the white page lies behind the text of a shape."""
        if self.backdrops is None or has_fill(shape) or _placeholder(shape) is not None:
            return False
        box = self._box(shape)
        if box is None or shape not in self.backdrops[:MAX_BACKDROPS]:
            return False
        behind = self.backdrops[: self.backdrops.index(shape)]
        return not any(
            (has_fill(other) or local_name(other) not in ("sp", "cxnSp"))
            and ((place := self._box(other)) is None or _overlap(place, box))
            for other in behind
        )

    def _is_outside(self, shape: _Element) -> bool:
        """Tell a shape that lies wholly beside the slide."""
        box = self._box(shape)
        if box is None or not self.width or not self.height:
            return False
        right, bottom = self.width * EMU_PER_POINT, self.height * EMU_PER_POINT
        return (
            box.left >= right
            or box.top >= bottom
            or box.left + box.width < 0
            or box.top + box.height < 0
        )

    def _box(self, shape: _Element) -> _Box | None:
        """Return the place of a shape; that of its placeholder in the layout or master if unset."""
        box = _stated_box(shape)
        if box is not None:
            return box
        keys = _placeholder_keys(shape)
        return next((p[key] for p in self.places for key in keys if key in p), None)

    def _inherited_places(self) -> Iterator[dict[str, _Box]]:
        part = self.part
        for kind in ("slideLayout", "slideMaster"):
            part = self.package.related(part, kind)
            if not part:
                return
            try:
                root = self.package.shared_root(part)
            except Exception:  # noqa: BLE001  only places are inherited
                return
            yield {
                key: box
                for shape in root.iter(P + "sp")
                if (box := _stated_box(shape)) is not None
                for key in _placeholder_keys(shape)
            }


def _texts(lines: list[ShapeLine], *, is_list: bool) -> Iterator[Item]:
    """Yield the lines of a shape; those of a list placeholder are items unless they say not to."""
    several = sum(bool(line.text) for line in lines) > 1
    for line in lines:
        if not line.text or line.note or line.marker:
            yield from text_items([line])
        elif (is_list and several and not line.is_plain) or line.level:
            yield Block("list", f"{'  ' * line.level}- {' '.join(line.text.split())}")
            yield from line.remarks
        else:
            yield Block("paragraph", " ".join(line.text.split()))
            yield from line.remarks


def _shapes(tree: _Element, depth: int) -> Iterator[_Element]:
    for child in tree:
        name = local_name(child)
        if name in ("sp", "pic", "graphicFrame", "grpSp", "cxnSp"):
            yield child
        elif name == "AlternateContent" and depth < MAX_DEPTH:
            branch = visible_branch(child)
            if branch is not None:
                yield from _shapes(branch, depth + 1)
        elif name == "contentPart":
            continue  # ink


def _properties(shape: _Element) -> tuple[_Element | None, _Element | None]:
    """Return the drawing properties of a shape and its placeholder, None if it is none."""
    for child in shape:
        name = local_name(child)
        if name.startswith("nv") and name.endswith("Pr"):
            return child.find(P + "cNvPr"), child.find(f"{P}nvPr/{P}ph")
    return None, None


def _placeholder(shape: _Element) -> str | None:
    """Return the type of the placeholder that a shape fills, `""` for content, None for none."""
    _, placeholder = _properties(shape)
    return None if placeholder is None else str(placeholder.get("type") or "")


def _placeholder_keys(shape: _Element) -> list[str]:
    """Return under which keys the place of a placeholder is found: by its number, by its type."""
    _, placeholder = _properties(shape)
    if placeholder is None:
        return []
    keys = [f"idx {placeholder.get('idx')}"] if placeholder.get("idx") else []
    kind = str(placeholder.get("type") or "body")
    return [*keys, {"ctrTitle": "title", "subTitle": "body"}.get(kind, kind)]


def _overlap(one: _Box, other: _Box) -> bool:
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )


def _is_hidden(shape: _Element) -> bool:
    properties, _ = _properties(shape)
    return properties is not None and properties.get("hidden") in ("1", "true")


def _has_text(shape: _Element) -> bool:
    return any((text.text or "").strip() for text in shape.iter(A + "t"))


def _stated_box(shape: _Element) -> _Box | None:
    frame = next(
        (
            found
            for path in (f"{P}spPr/{A}xfrm", f"{P}grpSpPr/{A}xfrm", f"{P}xfrm")
            if (found := shape.find(path)) is not None
        ),
        None,
    )
    at = frame.find(A + "off") if frame is not None else None
    if frame is None or at is None:
        return None
    size = frame.find(A + "ext")
    return _Box(_whole(at, "x"), _whole(at, "y"), _whole(size, "cx"), _whole(size, "cy"))


def _whole(element: _Element | None, name: str) -> int:
    try:
        return int(str(element.get(name))) if element is not None else 0
    except ValueError:
        return 0
