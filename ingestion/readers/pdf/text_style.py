"""The style of the text objects of a page: size, baseline, direction, and whether it shows."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, field

import pypdfium2.raw as raw

from ingestion.readers.pdf import bindings
from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.lines import Flow

MIN_SIZE = 1.5
"""Font size in points, on a page of A4 or larger, below which nobody can read a text."""

A4_HEIGHT = 842.0
MIN_ALPHA = 10
"""Opacity of 255 below which text is transparent."""

MAX_STYLES = 20_000
"""Styles remembered at a time: the characters of an object follow each other."""

_UNPAINTED = {raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP}


StyleKey = tuple[float, float, Flow]
"""Size, baseline and direction: what is alike in text on one line."""


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a text object is shown; lengths in points, y measured downwards."""

    size: float
    x: float  # of the first character
    baseline: float
    flow: Flow
    shown: bool = True  # painted, large enough to read, and on the page
    key: StyleKey = field(init=False)

    def __post_init__(self) -> None:
        key = round(self.size, 1), round(self.baseline, 1), self.flow
        object.__setattr__(self, "key", key)


class TextStyles:
    """Reads the style of each text object once; text of one object has one baseline."""

    def __init__(self, handle: int, frame: Frame) -> None:
        self.handle = handle
        self.frame = frame
        self._styles: dict[int, TextStyle] = {}
        self._m = raw.FS_MATRIX()
        self._m_at = ctypes.addressof(self._m)
        self._box = raw.FS_RECTF()
        self._box_at = ctypes.addressof(self._box)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._xy_at = ctypes.addressof(self._x), ctypes.addressof(self._y)
        self._color = [ctypes.c_uint() for _ in range(4)]
        self._color_at = [ctypes.addressof(part) for part in self._color]
        longest = max(frame.width, frame.height, 1.0)
        self._min_size = MIN_SIZE / max(1.0, A4_HEIGHT / longest)

    def of(self, index: int, address: int) -> TextStyle:
        """Return the style of the object at `address`, to which the character `index` belongs."""
        style = self._styles.get(address)
        if style is None:
            style = self._measure(index, address)
            if len(self._styles) >= MAX_STYLES:
                self._styles.clear()
            if address:
                self._styles[address] = style
        return style

    def _measure(self, index: int, address: int) -> TextStyle:
        bindings.origin(self.handle, index, *self._xy_at)
        x, y = self.frame.to_display(self._x.value, self._y.value)
        size, flow = self._size_and_flow(index)
        shown = (
            self.frame.holds(x, y)
            and (size >= self._min_size or self._height(index) >= self._min_size)
            and (not address or self._is_painted(address))
        )
        return TextStyle(size, x, y, flow, shown)

    def _height(self, index: int) -> float:
        """Return the greater side of the box of a character: fonts may state no size."""
        box = self._box
        if not bindings.loose_box(self.handle, index, self._box_at):
            return 0.0
        return float(max(abs(box.top - box.bottom), abs(box.right - box.left)))

    def _size_and_flow(self, index: int) -> tuple[float, Flow]:
        size = float(bindings.font_size(self.handle, index))
        if not bindings.matrix(self.handle, index, self._m_at):
            return size, Flow.RIGHT
        a, b, c, d = self._m.a, self._m.b, self._m.c, self._m.d
        turn = self.frame.rotation // 90 % 4
        along, across = (a, b, -a, -b)[turn], (b, a, b, a)[turn]
        size *= math.hypot(c, d)
        if abs(across) < 0.2 * abs(along):
            return size, Flow.RIGHT if along > 0 else Flow.TURNED
        return size, Flow.TURNED if abs(along) < 0.2 * abs(across) else Flow.SLANTED

    def _is_painted(self, address: int) -> bool:
        mode = bindings.render_mode(address)
        if mode in _UNPAINTED:
            return False
        stroked = mode in {raw.FPDF_TEXTRENDERMODE_STROKE, raw.FPDF_TEXTRENDERMODE_STROKE_CLIP}
        get = bindings.stroke_color if stroked else bindings.fill_color
        return not get(address, *self._color_at) or self._color[3].value >= MIN_ALPHA
