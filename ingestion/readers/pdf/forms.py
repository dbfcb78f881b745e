"""Read what was typed into the form fields of a PDF page, and the text boxes put on it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw

from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.lines import LineSegment, TextLine
from ingestion.readers.pdf.rules import Rules
from ingestion.readers.repair.characters import repair_text

if TYPE_CHECKING:
    import pypdfium2 as pdfium

MAX_FIELDS = 2_000
"""Annotations of a page that are looked at."""

MAX_COMPARISONS = 1_000_000
"""Pairs of lines and fields up to which each field of a page is joined to its label."""

MAX_VALUE = 20_000
"""Characters of a value that are read."""

CHARACTER_WIDTH = 0.5
"""Usual width of a character, in font sizes."""

_CHECKED, _UNCHECKED = "☒", "☐"
_NOT_SHOWN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13
_BOXES = {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}
_CHOICES = {raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """The value of a field and its box, in points from the top left of the displayed page."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    is_box: bool = False  # a box to tick

    @property
    def size(self) -> float:
        return max(min(0.7 * (self.bottom - self.top), 11.0), 4.0)

    @property
    def baseline(self) -> float:
        """The baseline of its last line, as usually drawn."""
        return self.bottom - max(0.25 * min(self.bottom - self.top, 20.0), 2.0)


def start_forms(document: pdfium.PdfDocument) -> None:
    """Make the fields of a document readable and visible; a broken form is left out."""
    import pypdfium2

    try:
        document.init_forms()
    except (pypdfium2.PdfiumError, ValueError, OSError):
        document.formenv = None


def field_values(
    document: pdfium.PdfDocument, page: pdfium.PdfPage, frame: Frame
) -> list[FieldValue]:
    """Return the values of the visible fields and text boxes of a page."""
    values: list[FieldValue] = []
    rect = raw.FS_RECTF()
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), MAX_FIELDS)):
        note = raw.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        try:
            text, is_box = _annotation_text(document, note)
            if text and raw.FPDFAnnot_GetRect(note, rect):
                values.append(_placed(text, rect, frame, is_box=is_box))
        finally:
            raw.FPDFPage_CloseAnnot(note)
    return [value for value in values if frame.holds(value.x0, value.bottom)]


def _annotation_text(document: pdfium.PdfDocument, note: Any) -> tuple[str, bool]:
    """Return the text that an annotation shows, and whether it is a box to tick."""
    if raw.FPDFAnnot_GetFlags(note) & _NOT_SHOWN:
        return "", False
    subtype = raw.FPDFAnnot_GetSubtype(note)
    if subtype == raw.FPDF_ANNOT_FREETEXT:
        return _line(_string(lambda *a: raw.FPDFAnnot_GetStringValue(note, b"Contents", *a))), False
    if subtype != raw.FPDF_ANNOT_WIDGET or not document.formenv:
        return "", False
    form = document.formenv
    kind = raw.FPDFAnnot_GetFormFieldType(form, note)
    if kind in _BOXES:
        return (_CHECKED if raw.FPDFAnnot_IsChecked(form, note) else _UNCHECKED), True
    if kind in _CHOICES:
        return _line(" ; ".join(_chosen(form, note)) or _value(form, note)), False
    secret = raw.FPDFAnnot_GetFormFieldFlags(form, note) & _PASSWORD
    if kind != raw.FPDF_FORMFIELD_TEXTFIELD or secret:
        return "", False
    return _line(_value(form, note)), False


def _value(form: Any, note: Any) -> str:
    return _string(lambda *a: raw.FPDFAnnot_GetFormFieldValue(form, note, *a))


def _chosen(form: Any, note: Any) -> Iterator[str]:
    """Yield the labels of the chosen options of a list."""
    for index in range(min(raw.FPDFAnnot_GetOptionCount(form, note), MAX_FIELDS)):
        if raw.FPDFAnnot_IsOptionSelected(form, note, index):
            at = index
            yield _string(lambda *a, at=at: raw.FPDFAnnot_GetOptionLabel(form, note, at, *a))


def _string(read: Callable[..., int]) -> str:
    """Call a PDFium function that fills a buffer with UTF-16."""
    length = min(read(None, 0), 2 * MAX_VALUE)
    if length <= 2:
        return ""
    buffer = ctypes.create_string_buffer(length)
    read(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), length)
    return buffer.raw[: length - 2].decode("utf-16-le", "replace")


def _line(text: str) -> str:
    return " ".join(repair_text(text).split())


def _placed(text: str, rect: Any, frame: Frame, *, is_box: bool) -> FieldValue:
    corners = frame.to_display(rect.left, rect.bottom), frame.to_display(rect.right, rect.top)
    xs, ys = sorted(x for x, _ in corners), sorted(y for _, y in corners)
    return FieldValue(text, xs[0], ys[0], xs[1], ys[1], is_box)


def add_values(
    lines: Sequence[TextLine], values: Sequence[FieldValue], rules: Rules
) -> list[TextLine]:
    """Return the lines of a page with the values of its fields, each joined to its label."""
    result = list(lines)
    if len(lines) * len(values) > MAX_COMPARISONS:
        return [*result, *map(_value_line, values)]
    for value in sorted(values, key=lambda value: (value.baseline, value.x0)):
        label = _label(value, result)
        if label is None:
            result.insert(_index_above(value, result), _value_line(value))
        else:
            line, segment = label
            result[line] = _labelled(result[line], segment, value, rules)
    return result


def _label(value: FieldValue, lines: Sequence[TextLine]) -> tuple[int, int] | None:
    """Return the indices of the line and segment on the row of a value that is its label.

    It is the nearest on the left; for a box to tick, the nearest on the right if there is one.
    """
    best: tuple[float, int, int] | None = None
    for index, line in enumerate(lines):
        if not value.top - 2 <= line.baseline - 0.3 * line.size <= value.bottom + 2:
            continue
        for at, segment in enumerate(line.segments):
            right, left = segment.x0 - value.x1, value.x0 - segment.x1
            if value.is_box and -2 <= right < 6 * line.size:
                distance = right
            elif left >= -2:
                distance = 1_000 + left
            else:
                continue
            if best is None or distance < best[0]:
                best = (distance, index, at)
    return best[1:] if best else None


def _labelled(line: TextLine, at: int, value: FieldValue, rules: Rules) -> TextLine:
    """Return a line with a value beside a segment; in a cell of its own if a rule parts them."""
    segments = list(line.segments)
    label = segments[at]
    before = value.x0 < label.x0
    gap = (value.x1, label.x0) if before else (label.x1, value.x0)
    if not value.is_box and rules.between(*gap, line.baseline - 0.3 * line.size):
        segments.insert(at if before else at + 1, LineSegment(value.text, value.x0, value.x1))
    else:
        text = f"{value.text} {label.text}" if before else f"{label.text} {value.text}"
        ends = min(label.x0, value.x0), max(label.x1, value.x1)
        segments[at] = LineSegment(text, *ends)
    return replace(line, segments=tuple(segments), cut=line.cut and value.x0 < line.x0)


def _value_line(value: FieldValue) -> TextLine:
    segment = LineSegment(value.text, value.x0, value.x1)
    return TextLine((segment,), round(value.baseline, 1), round(value.size, 1))


def _index_above(value: FieldValue, lines: Sequence[TextLine]) -> int:
    """Return the index after the last line that stands above a value."""
    above = [i for i, line in enumerate(lines) if line.baseline <= value.baseline]
    return max(above, key=lambda i: lines[i].baseline, default=len(lines) - 1) + 1
