"""Draw the vector figures of the demonstration documents from rows of text."""

from collections.abc import Callable
from typing import Any

from reportlab.graphics.shapes import Drawing, Line, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import HexColor

INK = HexColor("#22303a")
GREY = HexColor("#8a97a0")
GRID = HexColor("#dfe5e8")
GREEN = HexColor("#1f6f5c")
PALE = HexColor("#e6f1ee")
SERIES = [GREEN, HexColor("#c9772b"), HexColor("#3a6ea5")]
WIDTH = 470.0

Rows = list[list[str]]


def number(text: str) -> float:
    """Read a French decimal number."""
    return float(text.replace(" ", "").replace(",", "."))


def label(x: float, y: float, text: str, anchor: str = "start", **style: Any) -> String:
    """Return a text at (x, y) in the document's font."""
    style = {"fontName": "Vera", "fontSize": 7.5, "fillColor": INK} | style
    return String(x, y, text.replace("'", "’"), textAnchor=anchor, **style)


def bars(rows: Rows) -> Drawing:
    """Draw horizontal bars; each row is a label and a value."""
    left, step, bar = 185.0, 19.0, 11.0
    longest = WIDTH - left - 50
    height = step * len(rows) + 8
    top = max(number(value) for _, value in rows)
    drawing = Drawing(WIDTH, height)
    for index, (name, value) in enumerate(rows):
        y = height - step * (index + 1) + 2
        length = longest * number(value) / top
        drawing.add(label(left - 6, y + 2.5, name, "end"))
        drawing.add(Rect(left, y, length, bar, fillColor=GREEN, strokeColor=None))
        drawing.add(label(left + length + 5, y + 2.5, value, fontName="Vera-Bold"))
    drawing.add(Line(left, 0, left, height, strokeColor=GREY, strokeWidth=0.6))
    return drawing


def curves(rows: Rows) -> Drawing:
    """Draw one line per column; the first row names the axes, the first column is x."""
    names, points = rows[0], [[number(cell) for cell in row] for row in rows[1:]]
    left, bottom, height = 40.0, 32.0, 190.0
    plot_width, plot_height = WIDTH - left - 150, height - bottom - 10
    first, last = points[0][0], points[-1][0]
    top = 2.0 * (max(max(point[1:]) for point in points) // 2 + 1)
    drawing = Drawing(WIDTH, height)

    def to_page(x: float, y: float) -> tuple[float, float]:
        return left + plot_width * (x - first) / (last - first), bottom + plot_height * y / top

    for tick in range(0, int(top) + 1, 2):
        _, y = to_page(first, tick)
        drawing.add(Line(left, y, left + plot_width, y, strokeColor=GRID, strokeWidth=0.6))
        drawing.add(label(left - 6, y - 2.5, str(tick), "end"))
    for point in points:
        x, _ = to_page(point[0], 0)
        drawing.add(label(x, bottom - 12, f"{point[0]:.0f}", "middle"))
    drawing.add(label(left + plot_width / 2, 4, names[0], "middle", fillColor=GREY))
    for index, name in enumerate(names[1:]):
        path = [to_page(point[0], point[index + 1]) for point in points]
        flat = [coordinate for spot in path for coordinate in spot]
        drawing.add(PolyLine(flat, strokeColor=SERIES[index], strokeWidth=1.8))
        for x, y in path:
            drawing.add(Rect(x - 2, y - 2, 4, 4, fillColor=SERIES[index], strokeColor=None))
        x, y = path[-1]
        drawing.add(label(x + 8, y - 2.5, name, fillColor=SERIES[index]))
    return drawing


def flow(rows: Rows) -> Drawing:
    """Draw a chain of boxes from left to right; each row is a title and a detail."""
    gap, box_height, height = 22.0, 40.0, 48.0
    width = (WIDTH - gap * (len(rows) - 1)) / len(rows)
    drawing = Drawing(WIDTH, height)
    for index, (title, detail) in enumerate(rows):
        x = index * (width + gap)
        box = Rect(x, 4, width, box_height, rx=3, ry=3, fillColor=PALE, strokeColor=GREEN)
        drawing.add(box)
        middle = x + width / 2
        drawing.add(label(middle, 27, title, "middle", fontName="Vera-Bold", fontSize=7))
        drawing.add(label(middle, 14, detail, "middle", fontSize=7))
        if index:
            tip = x - 3
            drawing.add(Line(x - gap + 3, 24, tip - 5, 24, strokeColor=GREEN, strokeWidth=1.4))
            drawing.add(
                Polygon([tip, 24, tip - 6, 27.5, tip - 6, 20.5], fillColor=GREEN, strokeColor=None)
            )
    return drawing


FIGURES: dict[str, Callable[[Rows], Drawing]] = {"barres": bars, "courbe": curves, "flux": flow}
