"""The visible part of a PDF page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2 as pdfium


@dataclass(slots=True)
class Frame:
    """The visible part of a page, in points, and its rotation in degrees."""

    left: float
    bottom: float
    width: float  # as displayed
    height: float
    rotation: int

    @classmethod
    def of(cls, page: pdfium.PdfPage) -> Frame:
        left, bottom, _, _ = page.get_bbox()
        width, height = page.get_size()
        return cls(left, bottom, width, height, page.get_rotation())

    def turned(self, angle: int) -> Frame:
        """Return the frame of the page as it is displayed when turned clockwise by 90 or 270°."""
        rotation = (self.rotation + angle) % 360
        return Frame(self.left, self.bottom, self.height, self.width, rotation)

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

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a position of the displayed page lies on it."""
        return -1 <= x <= self.width + 1 and -1 <= y <= self.height + 1
