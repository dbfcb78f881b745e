"""Tell characters by the shapes of their glyphs, where a font states wrong or plain ones."""

from __future__ import annotations

import ctypes
import re

from ingestion.readers.pdf import bindings
from ingestion.readers.pdf.lines import Flow
from ingestion.readers.pdf.text_style import TextStyles

SMALL_BOTTOM, SMALL_HEIGHT = 0.2, 0.58
"""A digit is raised by its glyph if it begins above the first and is less high than the second, in
multiples of the font size."""

QUOTE_BOTTOM, QUOTE_TOP = 0.02, 0.58
"""A quotation mark (« or ‹) stands above the first and below the second; a capital does neither."""

DOUBLE_WIDTH = 0.34
"""Width of a double quotation mark, in multiples of the font size."""

_CAPITAL = re.compile(r"(?<![^\W_])[A-Z]|[A-Z](?![^\W_])")


class GlyphShapes:
    """Measures the glyphs of a text page on its baseline, in multiples of the font size."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._sides = [ctypes.c_double() for _ in range(4)]
        self._sides_at = [ctypes.addressof(side) for side in self._sides]
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._xy_at = ctypes.addressof(self._x), ctypes.addressof(self._y)

    def box(self, index: int, size: float) -> tuple[float, float, float]:
        """Return the bottom, top and width of a glyph; zeros if it has none."""
        if size <= 0 or not bindings.char_box(self.handle, index, *self._sides_at):
            return 0.0, 0.0, 0.0
        bindings.origin(self.handle, index, *self._xy_at)
        left, right, bottom, top = (side.value for side in self._sides)
        y = self._y.value
        return (bottom - y) / size, (top - y) / size, (right - left) / size

    def is_raised(self, index: int, size: float) -> bool:
        """Tell whether the glyph of a digit hangs in the upper part of its line."""
        bottom, top, width = self.box(index, size)
        return width > 0 and bottom > SMALL_BOTTOM and top - bottom < SMALL_HEIGHT


def repair_quotes(text: str, styles: TextStyles) -> str:
    """Return the text of a page with the quotation marks that a font states as capital letters.

    A capital with the shape of a quotation mark is one only if two such letters alternate over the
    page, as opening and closing marks do. The length does not change.
    """
    if styles.frame.rotation:
        return text
    shapes = GlyphShapes(styles.handle)
    found: list[tuple[int, float]] = []
    for match in _CAPITAL.finditer(text):
        index = match.start()
        style = styles.of(index, bindings.text_object(styles.handle, index) or 0)
        bottom, top, width = shapes.box(index, style.size)
        if width > 0 and bottom > QUOTE_BOTTOM and top < QUOTE_TOP and style.flow is Flow.RIGHT:
            found.append((index, width))
    opening = {text[index] for index, _ in found[::2]}
    closing = {text[index] for index, _ in found[1::2]}
    if len(found) % 2 or len(opening) != 1 or len(closing) != 1 or opening == closing:
        return text
    chars = list(text)
    for position, (index, width) in enumerate(found):
        chars[index] = ("«»" if width > DOUBLE_WIDTH else "‹›")[position % 2]
    return "".join(chars)
