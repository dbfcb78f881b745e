"""Find the text of a page that a reader cannot see, and the text layer of a scan, which is read.

What may be covered by a later object, or painted in the colour of what lies under it, is suspected
by its boxes; the page is then drawn with and without it, and hidden is what changes no pixel.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw

from ingestion.readers import Rect
from ingestion.readers.pdf import bindings
from ingestion.readers.pdf.figures import Box, DrawnObject, PageDrawing
from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.text_style import TextStyles

if TYPE_CHECKING:
    import pypdfium2 as pdfium
    from PIL.Image import Image

NEAR_COLOR = 24
"""Difference of each colour channel, of 255, up to which text may be unreadable on its ground."""

MIN_CHANGE = 12
"""Change of a pixel, of 255, from which a drawn character shows."""

MIN_SIDE = 4.0
"""Sides in points from which a filled box can cover a character."""

MAX_COMPARISONS = 200_000
"""Pairs of texts and boxes compared on a page; on a fuller one only the largest boxes count."""

MIN_UNCLIPPED = 0.7
"""Share of the sides of a text inside its clipping paths below which some of it may be cut off."""

MAX_CLIPS, MAX_CLIP_POINTS = 8, 12
MAX_PIXELS = 600_000
MIN_SCALE = 0.25
"""Pixels for each point below which letters are too small to be compared."""

SCAN_SHARE = 0.25
"""Share of the page from which a picture may be a scan with a text layer."""

MIN_BYTES_PER_CHARACTER = 2
"""Bytes of picture data for each character of its layer, below which it cannot show the text."""

_COVERING_NOTES = {
    raw.FPDF_ANNOT_SQUARE,
    raw.FPDF_ANNOT_CIRCLE,
    raw.FPDF_ANNOT_POLYGON,
    raw.FPDF_ANNOT_STAMP,
    raw.FPDF_ANNOT_FREETEXT,
    raw.FPDF_ANNOT_INK,
    raw.FPDF_ANNOT_REDACT,
}
_WHITE = (255, 255, 255)
_WORD = re.compile(r"\S+")

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Fill:
    """A filled box: its place in the order of drawing; no colour if it is a picture or unknown."""

    order: int
    box: Box
    color: Color | None


def hidden_characters(
    page: pdfium.PdfPage,
    text: str,
    objects: Sequence[int],
    styles: TextStyles,
    drawing: PageDrawing,
) -> bytearray:
    """Return a flag for each character of `text`: 1 if nobody can see it on the displayed page.

    `objects` holds the address of the text object of each character, 0 if PDFium made it up.
    """
    hidden = bytearray(len(text))
    position = 0
    for address, run in groupby(objects):
        start, position = position, position + sum(1 for _ in run)
        if address and not styles.of(start, address).shown:
            hidden[start:position] = b"\1" * (position - start)
    suspects = _suspects(page, drawing.content)
    if suspects:
        _add_words(hidden, _unchanged_by(page, objects, suspects, styles), text)
    if any(hidden):
        _uncover_scan_layer(hidden, objects, styles, drawing)
    return hidden


def _add_words(hidden: bytearray, characters: bytearray, text: str) -> None:
    """Flag the words of which most characters are flagged in `characters`."""
    for word in _WORD.finditer(text):
        start, end = word.span()
        if 2 * characters.count(1, start, end) > end - start:
            hidden[start:end] = b"\1" * (end - start)


def _suspects(page: pdfium.PdfPage, content: Sequence[DrawnObject]) -> dict[int, Any]:
    """Return the handles, by address, of text objects that other objects may hide."""
    texts: list[tuple[int, Any, Box]] = []
    fills: list[_Fill] = []
    for order, (handle, kind, box) in enumerate(content):
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append((order, handle, box))
        elif box[2] - box[0] >= MIN_SIDE and box[3] - box[1] >= MIN_SIDE:
            fill = _fill(order, handle, kind, box)
            if fill is not None:
                fills.append(fill)
    fills += [_Fill(len(content), box, None) for box in _covering_notes(page)]
    allowed = MAX_COMPARISONS // max(len(texts), 1)
    if len(fills) > allowed:
        fills = sorted(sorted(fills, key=_area)[len(fills) - allowed :], key=lambda f: f.order)
    return {
        bindings.address_of(handle): handle
        for order, handle, box in texts
        if _may_be_hidden(order, handle, box, fills)
    }


def _area(fill: _Fill) -> float:
    left, bottom, right, top = fill.box
    return (right - left) * (top - bottom)


def _fill(order: int, handle: Any, kind: int, box: Box) -> _Fill | None:
    if kind != raw.FPDF_PAGEOBJ_PATH:
        return _Fill(order, box, None)
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(handle, mode, stroke) or not mode.value:
        return None
    opaque = not raw.FPDFPageObj_HasTransparency(handle)
    return _Fill(order, box, _color(handle) if opaque else None)


def _color(handle: Any) -> Color | None:
    parts = [ctypes.c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(handle, *parts):
        return None
    return parts[0].value, parts[1].value, parts[2].value


def _may_be_hidden(order: int, handle: Any, box: Box, fills: Iterable[_Fill]) -> bool:
    """Tell whether a later box covers a part of a text, or an earlier one has nearly its colour."""
    left, bottom, right, top = box
    height = top - bottom
    x, y = (left + right) / 2, (bottom + top) / 2
    under: Color | None = _WHITE
    for fill in fills:
        x0, y0, x1, y1 = fill.box
        if fill.order < order:
            if x0 <= x <= x1 and y0 <= y <= y1:
                under = fill.color
        elif (
            min(right, x1) - max(left, x0) > 0.4 * min(height, right - left)
            and min(top, y1) - max(bottom, y0) > 0.5 * height
        ):
            return True
    if _in_layer(handle) or _is_clipped(handle, box):
        return True
    color = _color(handle)
    if color is None:
        return False
    ground = under or _WHITE
    return all(abs(a - b) <= NEAR_COLOR for a, b in zip(color, ground, strict=True))


def _is_clipped(handle: Any, box: Box) -> bool:
    """Tell whether the clipping paths of an object may cut off much of it."""
    clip = raw.FPDFPageObj_GetClipPath(handle)
    count = raw.FPDFClipPath_CountPaths(clip) if clip else 0
    x, y = ctypes.c_float(), ctypes.c_float()
    left, bottom, right, top = box
    for path in range(min(max(count, 0), MAX_CLIPS)):
        segments = raw.FPDFClipPath_CountPathSegments(clip, path)
        if not 0 < segments <= MAX_CLIP_POINTS:
            continue
        xs, ys = [], []
        for index in range(segments):
            segment = raw.FPDFClipPath_GetPathSegment(clip, path, index)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            xs.append(x.value)
            ys.append(y.value)
        wide = min(right, max(xs)) - max(left, min(xs))
        high = min(top, max(ys)) - max(bottom, min(ys))
        if wide < MIN_UNCLIPPED * (right - left) or high < MIN_UNCLIPPED * (top - bottom):
            return True
    return False


def _in_layer(handle: Any) -> bool:
    """Tell whether an object belongs to a layer, which may be switched off."""
    length = ctypes.c_ulong()
    for index in range(raw.FPDFPageObj_CountMarks(handle)):
        mark = raw.FPDFPageObj_GetMark(handle, index)
        buffer = ctypes.create_string_buffer(8)
        target = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))
        if raw.FPDFPageObjMark_GetName(mark, target, 8, length) and buffer.raw[:6] == b"O\0C\0\0\0":
            return True
    return False


def _covering_notes(page: pdfium.PdfPage) -> list[Box]:
    """Return the boxes of the annotations that may cover text."""
    boxes: list[Box] = []
    rect = raw.FS_RECTF()
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), 200)):
        note = raw.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        if raw.FPDFAnnot_GetSubtype(note) in _COVERING_NOTES and raw.FPDFAnnot_GetRect(note, rect):
            boxes.append((rect.left, rect.bottom, rect.right, rect.top))
        raw.FPDFPage_CloseAnnot(note)
    return boxes


def _unchanged_by(
    page: pdfium.PdfPage, objects: Sequence[int], suspects: dict[int, Any], styles: TextStyles
) -> bytearray:
    """Flag the characters of the suspects without which the page looks the same."""
    from PIL import ImageChops  # imported late: few pages need it

    frame = styles.frame
    hidden = bytearray(len(objects))
    area = frame.width * frame.height
    scale = min(1.5, (MAX_PIXELS / area) ** 0.5) if area > 0 else 0.0
    if scale < MIN_SCALE:
        return hidden
    with_text = _draw(page, scale)
    for handle in suspects.values():
        raw.FPDFPageObj_SetIsActive(handle, False)
    try:
        without = _draw(page, scale)
    finally:
        for handle in suspects.values():
            raw.FPDFPageObj_SetIsActive(handle, True)
    change = ImageChops.difference(with_text, without)
    mask = _ChangeMask(change, scale)
    rect = raw.FS_RECTF()
    rect_at = ctypes.addressof(rect)
    for index, address in enumerate(objects):
        if address not in suspects or not bindings.loose_box(styles.handle, index, rect_at):
            continue
        corners = frame.to_display(rect.left, rect.bottom), frame.to_display(rect.right, rect.top)
        if not mask.has_change(corners):
            hidden[index] = 1
    return hidden


def _draw(page: pdfium.PdfPage, scale: float) -> Image:
    image: Image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    return image


class _ChangeMask:
    """The pixels of a page that change, one byte for each."""

    def __init__(self, change: Image, scale: float) -> None:
        from PIL import ImageChops

        red, green, blue = change.split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        self.width, self.height = most.size
        self.scale = scale
        self.data = most.point([0] * MIN_CHANGE + [255] * (256 - MIN_CHANGE)).tobytes()

    def has_change(self, corners: Sequence[tuple[float, float]]) -> bool:
        """Tell whether a pixel changes between two corners, in points of the displayed page."""
        xs = sorted(x * self.scale for x, _ in corners)
        ys = sorted(y * self.scale for _, y in corners)
        left, right = max(int(xs[0]), 0), min(int(xs[1]) + 1, self.width)
        top, bottom = max(int(ys[0]), 0), min(int(ys[1]) + 1, self.height)
        return left < right and any(
            self.data.find(b"\xff", y * self.width + left, y * self.width + right) >= 0
            for y in range(top, bottom)
        )


def _uncover_scan_layer(
    hidden: bytearray, objects: Sequence[int], styles: TextStyles, drawing: PageDrawing
) -> None:
    """Clear the flags of the text layer of a scan: it says what the picture shows.

    The picture is large, holds enough data to show so many characters, and most text on it is
    hidden.
    """
    for figure in drawing.figures:
        box = figure.box
        if figure.drawn or (box.x1 - box.x0) * (box.y1 - box.y0) < SCAN_SHARE:
            continue
        spans = list(_spans_on(box, objects, styles))
        characters = sum(end - start for start, end in spans)
        concealed = sum(hidden.count(1, start, end) for start, end in spans)
        data = _data_size(box, drawing.content, styles.frame)
        if 2 * concealed >= characters and MIN_BYTES_PER_CHARACTER * concealed <= data:
            for start, end in spans:
                hidden[start:end] = bytes(end - start)


def _spans_on(box: Rect, objects: Sequence[int], styles: TextStyles) -> Iterator[tuple[int, int]]:
    """Yield the characters of the text objects that begin on a part of the page."""
    frame, edge = styles.frame, 0.01
    position = 0
    for address, run in groupby(objects):
        start, position = position, position + sum(1 for _ in run)
        style = styles.of(start, address) if address else None
        if (
            style
            and box.x0 - edge <= style.x / frame.width <= box.x1 + edge
            and box.y0 - edge <= style.baseline / frame.height <= box.y1 + edge
        ):
            yield start, position


def _data_size(box: Rect, content: Sequence[DrawnObject], frame: Frame) -> int:
    """Return the bytes of the pictures whose centre lies in a part of the page."""
    size = 0
    for handle, kind, (left, bottom, right, top) in content:
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            x, y = frame.to_display((left + right) / 2, (bottom + top) / 2)
            if box.x0 <= x / frame.width <= box.x1 and box.y0 <= y / frame.height <= box.y1:
                size += max(raw.FPDFImageObj_GetImageDataRaw(handle, None, 0), 0)
    return size
