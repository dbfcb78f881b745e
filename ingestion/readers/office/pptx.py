"""Read PowerPoint documents with python-pptx: one page per slide; charts become tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PackageNotFoundError

from ingestion.readers import Block, DocumentInfo, Limits, PageText, Progress, ReadError
from ingestion.readers.office.pictures import draw, office_info, open_office_file, picture
from ingestion.readers.pictures import figure_block
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.pagination import DocumentSummary, build_page, build_table

__all__ = ["check", "draw", "picture", "read"]

EMU_PER_POINT = 12_700
"""Units of the format (EMU) per point."""

MAX_DEPTH = 20
_TITLES = {PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE}
_MARGINS = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER}


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the slides and return the metadata."""
    slides = _open_pptx(file, limits)
    return _pptx_info(slides).info(len(slides.slides))


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the slides with their notes."""
    slides = _open_pptx(file, limits)
    if not len(slides.slides):
        raise ReadError("no_pages")
    yield from _pptx_info(slides).document(_slide_pages(slides, progress))


def _open_pptx(file: str, limits: Limits) -> Any:
    return open_office_file(file, limits, pptx.Presentation, PackageNotFoundError)


def _pptx_info(slides: Any) -> DocumentSummary:
    properties = slides.core_properties
    return office_info(properties, properties.author)


def _slide_pages(slides: Any, progress: Progress) -> Iterator[PageText]:
    width, height = (
        (slides.slide_width or 0) / EMU_PER_POINT,
        (slides.slide_height or 0) / EMU_PER_POINT,
    )
    count = len(slides.slides)
    for number, slide in enumerate(slides.slides, 1):
        yield build_page(number, _slide(slide), width, height)
        progress(number, count)


def _slide(slide: Any) -> Iterator[Block]:
    title = slide.shapes.title
    if title is not None and (text := _line(title.text_frame.text)):
        yield Block("heading", text, 1)
    for shape in _sorted_shapes(slide.shapes, 0):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = repair_text(slide.notes_slide.notes_text_frame.text)
        if notes:
            yield Block("note", notes)


def _sorted_shapes(shapes: Iterable[Any], depth: int) -> Iterator[Any]:
    """Yield shapes from top to bottom, then left to right; those of a group at its position."""
    for shape in sorted(shapes, key=lambda shape: (_row_number(shape), shape.left or 0)):
        if getattr(shape, "shape_type", None) is not None and hasattr(shape, "shapes"):
            if depth < MAX_DEPTH:
                yield from _sorted_shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _row_number(shape: Any) -> int:
    """Return the top of a shape in steps of half an inch, so that neighbours share a row."""
    return int((shape.top or 0) // (36 * EMU_PER_POINT))


def _shape(shape: Any) -> Iterator[Block]:
    if shape.is_placeholder and shape.placeholder_format.type in _MARGINS:
        return
    if getattr(shape, "has_chart", False) and shape.has_chart:
        yield from _chart(shape.chart)
    elif getattr(shape, "has_table", False) and shape.has_table:
        rows = [[cell.text_frame.text for cell in row.cells] for row in shape.table.rows]
        block = build_table(rows)
        if block is not None:
            yield block
    elif shape.has_text_frame:
        yield from _texts(shape)
    elif hasattr(shape, "image"):
        yield from _picture_block(shape)


def _texts(shape: Any) -> Iterator[Block]:
    is_list = shape.is_placeholder and shape.placeholder_format.type in (
        PP_PLACEHOLDER.BODY,
        PP_PLACEHOLDER.OBJECT,
    )
    paragraphs = [p for p in shape.text_frame.paragraphs if p.text.strip()]
    for paragraph in paragraphs:
        text = _line(paragraph.text)
        if (is_list and len(paragraphs) > 1) or paragraph.level:
            yield Block("list", f"{'  ' * paragraph.level}- {text}")
        else:
            yield Block("paragraph", text)


def _picture_block(shape: Any) -> Iterator[Block]:
    try:
        data = shape.image.blob
        name = str(shape.part.related_part(shape._element.blip_rId).partname)
    except (KeyError, ValueError, AttributeError):  # the picture is linked or missing
        return
    alt = repair_text(shape._element._nvXxPr.cNvPr.get("descr") or "")
    block = figure_block(data, name.lstrip("/"), alt if len(alt) > 2 else "")
    if block is not None:
        yield block


def _chart(chart: Any) -> Iterator[Block]:
    """Yield a chart as a table: one row per category, one column per series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield Block("caption", _line(chart.chart_title.text_frame.text))
    for plot in chart.plots:
        categories = [str(category) for category in plot.categories]
        series = list(plot.series)
        rows = [["", *(str(one.name) for one in series)]]
        for i, category in enumerate(categories):
            rows.append([category, *(_chart_number(one.values, i) for one in series)])
        block = build_table(rows)
        if block is not None:
            yield block


def _chart_number(values: Any, index: int) -> str:
    value = values[index] if index < len(values) else None
    return "" if value is None else f"{value:g}".replace(".", ",")


def _line(text: str) -> str:
    return " ".join(repair_text(text).split())
