"""Draw PDF pages, and parts of them, as pictures with the place of each character."""

from __future__ import annotations

import ctypes
import io
import math
from collections.abc import Iterator

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.readers import Char, PageImage, ReadError, Rect
from ingestion.readers.pdf import bindings
from ingestion.readers.pdf.forms import CHARACTER_WIDTH, field_values
from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.page_scan import repaired_characters
from ingestion.readers.pdf.text_style import TextStyles
from ingestion.readers.pictures import encode_image

MAX_PIXELS = 8_000_000
MAX_SCALE = 4.0
MAX_LOCATED_CHARACTERS = 50_000
"""Characters; a page with more is rendered without character positions."""


def draw_page(document: pdfium.PdfDocument, number: int, max_width: int) -> PageImage:
    """Render a page (numbered from 1) at most `max_width` pixels wide, whatever its own size."""
    if not 1 <= number <= len(document):
        raise ReadError("no_pages", {"page": number})
    try:
        page = document[number - 1]
    except pdfium.PdfiumError as error:
        raise ReadError("unreadable", {"page": number}) from error
    frame = Frame.of(page)
    if not (frame.width > 0 and frame.height > 0):
        raise ReadError("unreadable", {"page": number, "reason": "empty page"})
    scale = min(max_width / frame.width, math.sqrt(MAX_PIXELS / frame.width / frame.height), 10.0)
    if frame.height * scale < 1 or frame.width * scale < 1:
        raise ReadError("unreadable", {"page": number, "reason": "too narrow a page"})
    image = page.render(scale=scale).to_pil().convert("RGB")
    output = io.BytesIO()
    image.save(output, "WEBP", quality=82, method=2)
    chars = (*_character_boxes(page, frame), *_value_boxes(document, page, frame))
    return PageImage(output.getvalue(), "image/webp", image.width, image.height, chars)


def draw_part(document: pdfium.PdfDocument, number: int, part: Rect, max_width: int) -> PageImage:
    """Render a part of a page, given in fractions of its size, enlarged for reading."""
    try:
        page = document[number - 1]
    except (pdfium.PdfiumError, IndexError) as error:
        raise ReadError("unreadable", {"page": number}) from error
    width, height = page.get_size()
    wide, high = (part.x1 - part.x0) * width, (part.y1 - part.y0) * height
    if not (wide >= 1 and high >= 1):
        raise ReadError("not_drawn", {"page": number})
    scale = min(max_width / wide, math.sqrt(MAX_PIXELS / wide / high), MAX_SCALE)
    crop = (part.x0 * width, (1 - part.y1) * height, (1 - part.x1) * width, part.y0 * height)
    image = page.render(scale=scale, crop=crop).to_pil()
    return encode_image(image, max_width)


def _character_boxes(page: pdfium.PdfPage, frame: Frame) -> tuple[Char, ...]:
    textpage = page.get_textpage()
    if raw.FPDFText_CountChars(textpage) > MAX_LOCATED_CHARACTERS:
        return ()
    handle = bindings.address_of(textpage.raw)
    rect = raw.FS_RECTF()
    address = ctypes.addressof(rect)
    boxes = []
    for i, char in enumerate(repaired_characters(textpage, TextStyles(handle, frame))):
        if char.isspace() or not bindings.loose_box(handle, i, address) or rect.left == rect.right:
            continue
        corners = frame.to_display(rect.left, rect.bottom), frame.to_display(rect.right, rect.top)
        xs = sorted(x / frame.width for x, _ in corners)
        ys = sorted(y / frame.height for _, y in corners)
        boxes.append(Char(char, *(round(v, 5) for v in (xs[0], ys[0], xs[1], ys[1]))))
    return tuple(boxes)


def _value_boxes(
    document: pdfium.PdfDocument, page: pdfium.PdfPage, frame: Frame
) -> Iterator[Char]:
    """Yield the characters of the values of fields, spread over their boxes."""
    for value in field_values(document, page, frame):
        step = min(CHARACTER_WIDTH * value.size, (value.x1 - value.x0) / len(value.text))
        for index, char in enumerate(value.text):
            if char.isspace():
                continue
            x = value.x0 + index * step
            sides = (
                x / frame.width,
                value.top / frame.height,
                (x + step) / frame.width,
                value.bottom / frame.height,
            )
            yield Char(char, *(round(side, 5) for side in sides))
