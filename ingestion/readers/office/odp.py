"""Read OpenDocument presentations: one page per slide, from top to bottom, then its notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, ReadError, Remark
from ingestion.readers.office.guard import unread
from ingestion.readers.office.odf import DRAW, PRESENTATION, STYLE, SVG, OdfFile, points
from ingestion.readers.office.odf_text import OdfWalk, is_shape
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.text.pagination import Item, build_page

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["check", "draw", "picture", "read"]

STEP = 36.0
"""Height, in points, within which shapes stand beside each other."""

_MARGINS = frozenset({"date-time", "footer", "page-number", "header"})


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the slides and return the metadata."""
    opened = OdfFile.open(file, limits)
    return opened.summary().info(len(_slides(opened)))


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the slides with their notes."""
    opened = OdfFile.open(file, limits)
    if not _slides(opened):
        raise ReadError("no_pages")
    yield from opened.summary().document(_pages(opened, progress))


def _slides(opened: OdfFile) -> list[_Element]:
    return opened.body("presentation").findall(DRAW + "page")


def _pages(opened: OdfFile, progress: Progress) -> Iterator[PageText]:
    layout = opened.page_layout(is_recorded=True)
    walk = OdfWalk(opened)
    waiting: list[Item] = [unread(name) for name in opened.unread]
    slides = _slides(opened)
    for number, slide in enumerate(slides, 1):
        walk.guard.counts["slide"] = number - 1
        items = list(walk.guard.read("slide", lambda one=slide: _slide(walk, one)))  # type: ignore[misc]
        yield build_page(number, [*waiting, *items], layout.width, layout.height)
        waiting = []
        progress(number, len(slides))


def _slide(walk: OdfWalk, slide: _Element) -> Iterator[Item]:
    if walk.file.style("drawing-page", slide.get(DRAW + "style-name")).is_hidden:
        yield Remark("hidden_text")
        return
    shapes = [shape for shape in slide if is_shape(shape)]
    walk.is_filled = _is_filled(walk, slide)
    title = next((shape for shape in shapes if _class_of(shape) == "title"), None)
    if title is not None and (text := walk.flat_text(_box(title))):
        yield Block("heading", text, 1)
    for shape in sorted(shapes, key=_place):
        if shape is not title and _class_of(shape) not in _MARGINS:
            yield from (item for _, item in walk.shape(shape, 0))
    notes = slide.find(PRESENTATION + "notes")
    for frame in notes.iter(DRAW + "frame") if notes is not None else ():
        if _class_of(frame) == "notes" and (text := walk.flat_text(_box(frame))):
            yield Block("note", text)
    yield from walk.remarks
    walk.remarks = []


def _is_filled(walk: OdfWalk, slide: _Element) -> bool:
    """Tell whether something may lie behind white text: a background, a filled shape, a picture."""
    masters = walk.file.layout.iter(STYLE + "master-page") if walk.file.layout is not None else ()
    name = slide.get(DRAW + "master-page-name")
    for page in (slide, *(master for master in masters if master.get(STYLE + "name") == name)):
        if walk.file.style("drawing-page", page.get(DRAW + "style-name")).is_filled:
            return True
        for shape in page.iterdescendants():
            if shape.tag == DRAW + "image":
                return True
            if is_shape(shape):
                names = shape.get(DRAW + "style-name"), shape.get(PRESENTATION + "style-name")
                families = ("graphic", "presentation")
                if any(
                    walk.file.style(*key).is_filled for key in zip(families, names, strict=True)
                ):
                    return True
    return False


def _box(frame: _Element) -> _Element:
    box = frame.find(DRAW + "text-box")
    return frame if box is None else box


def _class_of(shape: _Element) -> str:
    return str(shape.get(PRESENTATION + "class") or "")


def _place(shape: _Element) -> tuple[int, float]:
    return int(points(shape.get(SVG + "y")) // STEP), points(shape.get(SVG + "x"))
