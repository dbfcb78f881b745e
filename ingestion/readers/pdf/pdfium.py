"""Extract and render pages with PDFium. Runs only in the child process."""

from __future__ import annotations

import ctypes
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.readers import Char, PageImage, ReadError, Rect
from ingestion.readers.pdf.figures import page_drawing
from ingestion.readers.pdf.lines import LineSegment, TextLine
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.pdf.ruled_tables import Rules
from ingestion.readers.pictures import encode_image
from ingestion.readers.repair.characters import repair_mac_accents, repair_text
from ingestion.readers.repair.headings import Bookmark

HYPHENS = "\x02\ufffe"
"""Characters with which PDFium, depending on its version, replaces a hyphen and line end."""

WIDE_GAP, HUGE_GAP = 0.8, 4.0
"""A gap between two words, in multiples of the font size, that may separate cells, or always does.

Between the two, the gap must be wider than usual on its line, so that justified prose is not split.
"""

_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_TOKEN = re.compile(rf"[{HYPHENS}]|[^\s{HYPHENS}]+")
_WORD = re.compile(r"\S+")
_LINE_END = re.compile(r"[\r\n]+")
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x01\x03-\x08\x0e-\x1f\x7f-\x9f]")
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")

_ERRORS = {
    raw.FPDF_ERR_PASSWORD: "encrypted",
    raw.FPDF_ERR_SECURITY: "encrypted",
    raw.FPDF_ERR_SUCCESS: "no_pages",  # returned by PDFium for a valid file without pages
}


def _unchecked(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Bind a PDFium function without ctypes' argument checks, which halves the cost of a call."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.CFUNCTYPE(result, *arguments)(address)


_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_loose_box = _unchecked(raw.FPDFText_GetLooseCharBox, _INT, _POINTER, _INT, _POINTER)
_origin = _unchecked(raw.FPDFText_GetCharOrigin, _INT, _POINTER, _INT, _POINTER, _POINTER)
_matrix = _unchecked(raw.FPDFText_GetMatrix, _INT, _POINTER, _INT, _POINTER)
_font_size = _unchecked(raw.FPDFText_GetFontSize, ctypes.c_double, _POINTER, _INT)
_font_weight = _unchecked(raw.FPDFText_GetFontWeight, _INT, _POINTER, _INT)
_font_info = _unchecked(
    raw.FPDFText_GetFontInfo, ctypes.c_ulong, _POINTER, _INT, _POINTER, ctypes.c_ulong, _POINTER
)
_text_object = _unchecked(raw.FPDFText_GetTextObject, _POINTER, _POINTER, _INT)
_unicode = _unchecked(raw.FPDFText_GetUnicode, ctypes.c_uint, _POINTER, _INT)


def open_document(path: str) -> pdfium.PdfDocument:
    """Open a PDF or raise `ReadError` (encrypted, unreadable)."""
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        code = _ERRORS.get(getattr(error, "err_code", None), "unreadable")
        raise ReadError(code, {"reason": str(error)}) from error


def read_metadata(document: pdfium.PdfDocument) -> dict[str, str]:
    """Return title, author and ISO creation date as the file states them."""
    found = {
        key: repair_text(document.get_metadata_value(key))[:500] for key in ("Title", "Author")
    }
    return {
        "title": found["Title"],
        "author": found["Author"],
        "created": iso_date(document.get_metadata_value("CreationDate")),
    }


def iso_date(value: str) -> str:
    """Convert a date such as `D:20240105143139+01'00'` to `2024-01-05`, an invalid one to `""`."""
    match = _DATE.match(value)
    if match is None:
        return ""
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def read_outline(document: pdfium.PdfDocument, limit: int = 5_000) -> list[Bookmark]:
    """Return the bookmarks of a document that point to one of its pages, about `limit` at most."""
    found: list[Bookmark] = []
    for bookmark in document.get_toc(max_depth=8):
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            found.append(Bookmark(bookmark.level + 1, repair_text(bookmark.get_title()), page + 1))
        if len(found) >= limit:
            break
    return found


@dataclass(slots=True)
class _Frame:
    """The visible part of a page, in points, and its rotation in degrees."""

    left: float
    bottom: float
    width: float  # as displayed
    height: float
    rotation: int

    def to_display(self, x: float, y: float) -> tuple[float, float]:
        """Convert PDF coordinates to points from the top left corner of the displayed page."""
        x, y = x - self.left, y - self.bottom
        if self.rotation == 90:
            return y, x
        if self.rotation == 180:
            return self.width - x, y
        if self.rotation == 270:
            return self.width - y, self.height - x
        return x, self.height - y


def _frame(page: pdfium.PdfPage) -> _Frame:
    left, bottom, _, _ = page.get_bbox()
    width, height = page.get_size()
    return _Frame(left, bottom, width, height, page.get_rotation())


def draws_rows_in_one(document: pdfium.PdfDocument) -> bool:
    """Tell whether table rows are drawn by a single operation, as only TeX does."""
    return "tex" in document.get_metadata_value("Producer").lower()


def read_page(
    document: pdfium.PdfDocument, index: int, max_characters: int, *, rows_in_one: bool = False
) -> RawPage:
    """Extract a page; raise `ReadError` too_much_text above `max_characters`.

    A page that PDFium cannot load is returned without text, with width 0.
    """
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return RawPage(index + 1, 0.0, 0.0, ())
    try:
        frame = _frame(page)
        textpage = page.get_textpage()
    except pdfium.PdfiumError:
        page.close()
        return RawPage(index + 1, 0.0, 0.0, ())
    try:
        if raw.FPDFText_CountChars(textpage) > max_characters:
            raise ReadError("too_much_text", {"page": index + 1})
        drawing = page_drawing(page, frame.to_display, frame.width, frame.height)
        scan = _PageScan(textpage, frame, drawing.rules, rows_in_one=rows_in_one)
        lines = tuple(scan.lines())
        return RawPage(
            index + 1,
            frame.width,
            frame.height,
            lines,
            drawing.objects,
            drawing.figures,
            len(_UNKNOWN.findall(scan.text)),
            drawing.rules,
        )
    finally:
        textpage.close()
        page.close()


def _characters(textpage: pdfium.PdfTextPage) -> str:
    """Return the text of a page with exactly one character per PDFium index."""
    count = raw.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = ctypes.create_string_buffer((count + 1) * 2)
    units = raw.FPDFText_GetText(
        textpage, 0, count, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))
    )
    text = buffer.raw[: max(units - 1, 0) * 2].decode("utf-16-le", "surrogatepass")
    if len(text) == count:
        return text
    handle = ctypes.cast(textpage.raw, _POINTER).value
    codes = (_unicode(handle, i) for i in range(count))
    return "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)


class _PageScan:
    """Measures the lines of one text page, querying PDFium only at the ends of words."""

    def __init__(
        self, textpage: pdfium.PdfTextPage, frame: _Frame, rules: Rules, *, rows_in_one: bool
    ) -> None:
        self.rules = rules
        self.rows_in_one = rows_in_one
        self.handle = ctypes.cast(textpage.raw, _POINTER).value
        self.frame = frame
        self.text = repair_mac_accents(_characters(textpage))
        self.has_hyphens = any(hyphen in self.text for hyphen in HYPHENS)
        self._rect = raw.FS_RECTF()
        self._rect_at = ctypes.addressof(self._rect)
        self._m = raw.FS_MATRIX()
        self._m_at = ctypes.addressof(self._m)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._xy_at = ctypes.addressof(self._x), ctypes.addressof(self._y)
        self._name = ctypes.create_string_buffer(128)
        self._name_at = ctypes.addressof(self._name)

    def lines(self) -> list[TextLine]:
        """Return the lines inside the visible part of the page, in PDFium's order."""
        found: list[TextLine] = []
        start = 0
        for end in [*_LINE_END.finditer(self.text), None]:
            stop = end.start() if end else len(self.text)
            if stop > start:
                self._scan(start, stop, found)
            start = end.end() if end else stop
        return found

    def _scan(self, start: int, stop: int, found: list[TextLine]) -> None:
        """Split a PDFium line where a hyphen replaces a line end, and measure each part."""
        if not self.has_hyphens:
            self._add([word.span() for word in _WORD.finditer(self.text, start, stop)], found)
            return
        words: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(self.text, start, stop):
            if self.text[token.start()] not in HYPHENS:
                words.append(token.span())
            elif token.end() < stop or not found or words:
                self._add(words, found, cut=True)
                words = []
        self._add(words, found)

    def _add(
        self, words: list[tuple[int, int]], found: list[TextLine], *, cut: bool = False
    ) -> None:
        if words:
            line = self._line(words, cut=cut)
            if line is not None:
                found.append(line)

    def _line(self, words: list[tuple[int, int]], *, cut: bool) -> TextLine | None:
        first, last = words[0][0], words[-1][1] - 1
        _origin(self.handle, first, *self._xy_at)
        x, y = self.frame.to_display(self._x.value, self._y.value)
        if not (-1 <= x <= self.frame.width + 1 and -1 <= y <= self.frame.height + 1):
            return None
        sizes = [self._size(i) for i in (first, (words[len(words) // 2][0]), last)]
        size, left_to_right = sorted(size for size, _ in sizes)[1], sizes[0][1]
        if left_to_right:
            segments = self._segments(words, size, y - 0.3 * size)
        else:
            text = repair_text(self.text[first : last + 1])
            segments = [LineSegment(text, x, x + size)] if text else []
        if not segments:
            return None
        bold = self._bold(first) and (last == first or self._bold(last))
        return TextLine(tuple(segments), round(y, 1), round(size, 1), bold, cut)

    def _size(self, index: int) -> tuple[float, bool]:
        """Return the font size in points, and whether the text runs from left to right."""
        size = float(_font_size(self.handle, index))
        if not _matrix(self.handle, index, self._m_at):
            return size, True
        a, b, c, d = self._m.a, self._m.b, self._m.c, self._m.d
        along = (a, b, -a, -b)[self.frame.rotation // 90 % 4]
        across = (b, a, b, a)[self.frame.rotation // 90 % 4]
        return size * math.hypot(c, d), along > 0 and abs(across) < 0.2 * abs(along)

    def _segments(self, words: list[tuple[int, int]], size: float, y: float) -> list[LineSegment]:
        """Split a line where the gap between two words is wide or contains a ruled line."""
        extents = [self._extent(begin, end) for begin, end in words]
        gaps = [after[0] - before[1] for before, after in pairwise(extents)]
        wide = WIDE_GAP * size
        if gaps and max(gaps) > wide:
            gaps = self._significant_gaps(words, gaps, HUGE_GAP * size)
        if self.rules.vertical:
            gaps = [
                math.inf if self.rules.between(before[1], after[0], y) else gap
                for gap, (before, after) in zip(gaps, pairwise(extents), strict=True)
            ]
        segments: list[LineSegment] = []
        begin = 0
        for i, gap in enumerate([*gaps, math.inf]):
            if gap <= wide:
                continue
            text = repair_text(self.text[words[begin][0] : words[i][1]])
            if text:
                x0, x1 = extents[begin][0], extents[i][1]
                segments.append(LineSegment(text, round(x0, 1), round(x1, 1)))
            begin = i + 1
        return segments

    def _significant_gaps(
        self, words: list[tuple[int, int]], gaps: list[float], huge: float
    ) -> list[float]:
        """Return the gaps, with those set to 0 that only space out words drawn by one operation."""
        objects = [
            (self._text_object_of(begin), self._text_object_of(end - 1)) for begin, end in words
        ]
        same_object = [before[1] == after[0] for before, after in pairwise(objects)]
        inside = sorted(gap for gap, one in zip(gaps, same_object, strict=True) if one)
        threshold = min(1.5 * inside[len(inside) // 2], huge) if inside else 0.0
        result = []
        for gap, one in zip(gaps, same_object, strict=True):
            justified = one and not self.rows_in_one
            result.append(0.0 if justified or gap < threshold else gap)
        return result

    def _text_object_of(self, index: int) -> int:
        """Return the address of the text object that drew a character, 0 if unknown."""
        return int(_text_object(self.handle, index) or 0)

    def _extent(self, begin: int, end: int) -> tuple[float, float]:
        """Return the start and end of a word, in points from the left of the displayed page."""
        rect = self._rect
        _loose_box(self.handle, begin, self._rect_at)
        if self.frame.rotation == 0:
            x0 = rect.left - self.frame.left
            if end - begin > 1:
                _loose_box(self.handle, end - 1, self._rect_at)
            return x0, rect.right - self.frame.left
        ends = [*self._displayed_ends()]
        _loose_box(self.handle, end - 1, self._rect_at)
        ends += self._displayed_ends()
        return min(ends), max(ends)

    def _displayed_ends(self) -> tuple[float, float]:
        rect = self._rect
        return (
            self.frame.to_display(rect.left, rect.bottom)[0],
            self.frame.to_display(rect.right, rect.top)[0],
        )

    def _bold(self, index: int) -> bool:
        length = _font_info(self.handle, index, self._name_at, 128, None)
        if 0 < length <= 128 and _BOLD.search(self._name.value):
            return True
        return bool(_font_weight(self.handle, index) >= 600)


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
    frame = _frame(page)
    if not (frame.width > 0 and frame.height > 0):
        raise ReadError("unreadable", {"page": number, "reason": "empty page"})
    scale = min(max_width / frame.width, math.sqrt(MAX_PIXELS / frame.width / frame.height), 10.0)
    if frame.height * scale < 1 or frame.width * scale < 1:
        raise ReadError("unreadable", {"page": number, "reason": "too narrow a page"})
    image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    output = io.BytesIO()
    image.save(output, "WEBP", quality=82, method=2)
    chars = _character_boxes(page, frame)
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
    image = page.render(scale=scale, crop=crop, may_draw_forms=False).to_pil()
    return encode_image(image, max_width)


def _character_boxes(page: pdfium.PdfPage, frame: _Frame) -> tuple[Char, ...]:
    textpage = page.get_textpage()
    if raw.FPDFText_CountChars(textpage) > MAX_LOCATED_CHARACTERS:
        return ()
    handle = ctypes.cast(textpage.raw, _POINTER).value
    rect = raw.FS_RECTF()
    address = ctypes.addressof(rect)
    boxes = []
    for i, char in enumerate(repair_mac_accents(_characters(textpage))):
        if char.isspace() or not _loose_box(handle, i, address) or rect.left == rect.right:
            continue
        corners = frame.to_display(rect.left, rect.bottom), frame.to_display(rect.right, rect.top)
        xs = sorted(x / frame.width for x, _ in corners)
        ys = sorted(y / frame.height for _, y in corners)
        boxes.append(Char(char, *(round(v, 5) for v in (xs[0], ys[0], xs[1], ys[1]))))
    return tuple(boxes)
