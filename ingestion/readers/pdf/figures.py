"""Find the pictures and charts among the objects of a PDF page. Runs only in the child."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw

from ingestion.readers import Rect
from ingestion.readers.pdf.rules import MAX_BOXES, MAX_THICKNESS, Fill, Rules

if TYPE_CHECKING:
    import pypdfium2 as pdfium

MIN_SHARE = 0.03
"""Minimum share of the page area of a picture; a smaller one is a logo."""

MIN_SIDE = 50.0
"""Minimum width and height of a picture, in points."""

BACKGROUND_SHARE = 0.8
"""Share of the page area above which a picture is a background."""

MAX_OBJECTS = 20_000
MAX_DEPTH = 3
CELL = 12.0
"""Maximum distance between neighbouring strokes of a chart, in points."""

MIN_STROKES = 8
MAX_CELLS = 200_000
MAX_SEGMENTS = 20_000
"""Maximum number of path segments of a page that are searched for rules."""

_MAX_HASHED_BYTES = 4_000_000

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in PDF points."""

DrawnObject = tuple[Any, int, Box]
"""The handle, type and box of an object of a page."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on a page, or a chart drawn on it."""

    box: Rect  # in fractions of the displayed page
    digest: str
    drawn: bool = False  # made of strokes: counts as a figure only with a caption


@dataclass(slots=True)
class PageDrawing:
    """The content of a page other than its text."""

    objects: int
    figures: tuple[Figure, ...] = ()
    rules: Rules = field(default_factory=Rules)
    content: list[DrawnObject] = field(default_factory=list)  # in the order of drawing


def page_drawing(page: pdfium.PdfPage, to_display: Any, width: float, height: float) -> PageDrawing:
    """Return the figures, the ruled lines and the number of objects of a page.

    `to_display` converts PDF coordinates to points from the top left corner of the displayed page.
    """
    images: list[tuple[Box, str]] = []
    strokes: list[Box] = []
    paths = _Paths(to_display)
    content: list[DrawnObject] = []
    for handle, kind, box, transform in _objects(page):
        content.append((handle, kind, box))
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            if box[2] - box[0] > 4 and box[3] - box[1] > 4:
                images.append((box, _image_digest(handle)))
        elif kind in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING):
            strokes.append(box)
            if kind == raw.FPDF_PAGEOBJ_PATH:
                paths.add(handle, box, transform)
    figures = [
        Figure(rect, digest)
        for boxes, digest in _merge_touching_images(images)
        if (rect := _rect(boxes, to_display, width, height))
        and _is_large_enough(rect, width, height)
    ]
    figures += [
        Figure(rect, digest, drawn=True)
        for boxes, digest in _clusters(strokes, width, height)
        if (rect := _rect(boxes, to_display, width, height))
        and _is_large_enough(rect, width, height)
    ]
    rules = Rules.of(paths.lines, paths.fills)
    return PageDrawing(len(content), tuple(figures), rules, content)


class _Paths:
    """Collects the straight lines and the filled rectangles of a page, as displayed."""

    def __init__(self, to_display: Any) -> None:
        self.lines: list[Box] = []
        self.fills: list[Fill] = []
        self._to_display = to_display
        self._segments_left = MAX_SEGMENTS
        self._fill, self._stroke = ctypes.c_int(), ctypes.c_int()
        self._colour = [ctypes.c_uint() for _ in range(4)]
        self._matrix = raw.FS_MATRIX()
        self._x, self._y = ctypes.c_float(), ctypes.c_float()

    def add(self, handle: Any, box: Box, transform: tuple[float, ...]) -> None:
        """Add a path object; one with curves is no rule."""
        if len(self.lines) + len(self.fills) > MAX_BOXES:
            return
        raw.FPDFPath_GetDrawMode(handle, self._fill, self._stroke)
        filled, stroked = bool(self._fill.value), bool(self._stroke.value)
        count = raw.FPDFPath_CountSegments(handle)
        if filled and not self._set_colour(handle):
            filled = False
        if not (filled or stroked):
            return
        if count <= 5 and min(box[2] - box[0], box[3] - box[1]) <= MAX_THICKNESS:
            self.lines.append(_to_display_box(box, self._to_display))
            return
        self._segments_left -= count
        if self._segments_left < 0:
            return
        for points in self._subpaths(handle, count, transform):
            if filled and _is_rectangle(points):
                self.fills.append(Fill(_bounds(points), self._rgb()))
            if stroked:
                self.lines += _straight_lines(points)

    def _set_colour(self, handle: Any) -> bool:
        """Read the fill colour of an object; return whether it is visible."""
        if not raw.FPDFPageObj_GetFillColor(handle, *self._colour):
            for part in self._colour[:3]:
                part.value = 0x80
            return True
        return self._colour[3].value > 0

    def _rgb(self) -> int:
        red, green, blue, _ = (part.value for part in self._colour)
        return red << 16 | green << 8 | blue

    def _subpaths(
        self, handle: Any, count: int, transform: tuple[float, ...]
    ) -> Iterator[list[tuple[float, float]]]:
        """Yield the points of each part of a path that consists of straight lines."""
        raw.FPDFPageObj_GetMatrix(handle, self._matrix)
        m = self._matrix
        a, b, c, d, e, f = _matrix_product((m.a, m.b, m.c, m.d, m.e, m.f), transform)
        points: list[tuple[float, float]] = []
        curved = False
        for index in range(count):
            segment = raw.FPDFPath_GetPathSegment(handle, index)
            kind = raw.FPDFPathSegment_GetType(segment)
            if kind == raw.FPDF_SEGMENT_MOVETO:
                if len(points) > 1 and not curved:
                    yield points
                points, curved = [], False
            elif kind != raw.FPDF_SEGMENT_LINETO:
                curved = True
            raw.FPDFPathSegment_GetPoint(segment, self._x, self._y)
            x, y = self._x.value, self._y.value
            points.append(self._to_display(a * x + c * y + e, b * x + d * y + f))
            if raw.FPDFPathSegment_GetClose(segment):
                points.append(points[0])
        if len(points) > 1 and not curved:
            yield points


def _is_rectangle(points: Sequence[tuple[float, float]]) -> bool:
    """Tell whether points are the corners of a rectangle with upright sides."""
    corners = list(dict.fromkeys((round(x, 1), round(y, 1)) for x, y in points))
    if len(corners) != 4 or len(points) > 6:
        return False
    sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    return all(abs(a[0] - b[0]) < 1 or abs(a[1] - b[1]) < 1 for a, b in sides)


def _bounds(points: Sequence[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _straight_lines(points: Sequence[tuple[float, float]]) -> Iterator[Box]:
    """Yield the horizontal and vertical lines between successive points."""
    for (ax, ay), (bx, by) in pairwise(points):
        if abs(ax - bx) < 0.5 or abs(ay - by) < 0.5:
            yield min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _to_display_box(box: Box, to_display: Any) -> Box:
    """Convert a box to points from the top left corner of the displayed page."""
    (ax, ay), (bx, by) = to_display(box[0], box[1]), to_display(box[2], box[3])
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _objects(page: pdfium.PdfPage) -> Iterator[tuple[Any, int, Box, tuple[float, ...]]]:
    """Yield the handle, type, box and outer transformation of each object, in forms as well."""
    objects_left = MAX_OBJECTS
    stack: list[tuple[Iterator[Any], int, tuple[float, ...]]] = []
    top = (raw.FPDFPage_GetObject(page, i) for i in range(raw.FPDFPage_CountObjects(page)))
    stack.append((top, 0, (1, 0, 0, 1, 0, 0)))
    matrix = raw.FS_MATRIX()
    edges = [ctypes.c_float() for _ in range(4)]
    while stack and objects_left > 0:
        objects, depth, transform = stack[-1]
        handle = next(objects, None)
        if handle is None:
            stack.pop()
            continue
        objects_left -= 1
        kind = raw.FPDFPageObj_GetType(handle)
        if kind == raw.FPDF_PAGEOBJ_FORM and depth < MAX_DEPTH:
            raw.FPDFPageObj_GetMatrix(handle, matrix)
            inner = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
            count = max(raw.FPDFFormObj_CountObjects(handle), 0)
            stack.append(
                (_form_objects(handle, count), depth + 1, _matrix_product(inner, transform))
            )
        elif raw.FPDFPageObj_GetBounds(handle, *map(ctypes.byref, edges)):
            a, b, c, d = (edge.value for edge in edges)
            box = _transformed((a, b, c, d), transform) if depth else (a, b, c, d)
            yield handle, kind, box, transform


def _form_objects(form: Any, count: int) -> Iterator[Any]:
    for index in range(count):
        yield raw.FPDFFormObj_GetObject(form, index)


def _matrix_product(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _transformed(box: Box, transform: tuple[float, ...]) -> Box:
    a, b, c, d, e, f = transform
    corners = [(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [a * x + c * y + e for x, y in corners]
    ys = [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _image_digest(handle: Any) -> str:
    """Return the SHA-256 of an image's raw data, or its length if it is too large to hash."""
    length = raw.FPDFImageObj_GetImageDataRaw(handle, None, 0)
    if not 0 < length <= _MAX_HASHED_BYTES:
        return f"{length}"
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFImageObj_GetImageDataRaw(handle, buffer, length)
    return hashlib.sha256(buffer.raw).hexdigest()


def _merge_touching_images(images: Sequence[tuple[Box, str]]) -> Iterator[tuple[list[Box], str]]:
    """Merge images that touch, since programs cut large ones into strips."""
    groups: list[tuple[list[Box], list[str]]] = []
    for box, digest in images[:500]:
        touched = [group for group in groups if any(_touch(box, other) for other in group[0])]
        groups = [group for group in groups if group not in touched]
        boxes = [box, *(other for group in touched for other in group[0])]
        digests = [*(other for group in touched for other in group[1]), digest]
        groups.append((boxes, digests))
    for boxes, digests in groups:
        yield boxes, hashlib.sha256("".join(digests).encode()).hexdigest()


def _touch(one: Box, other: Box, gap: float = 2.0) -> bool:
    return (
        one[0] - gap <= other[2]
        and other[0] - gap <= one[2]
        and one[1] - gap <= other[3]
        and other[1] - gap <= one[3]
    )


def _clusters(
    strokes: Sequence[Box], width: float, height: float
) -> Iterator[tuple[list[Box], str]]:
    """Group strokes that lie near each other, by means of a grid (union-find over its cells)."""
    owners: dict[tuple[int, int], int] = {}
    parents: list[int] = []
    grouped: list[Box] = []
    cells_left = MAX_CELLS

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for box in strokes:
        wide, high = box[2] - box[0], box[3] - box[1]
        if wide * high > BACKGROUND_SHARE * width * height or not (wide < 1e5 and high < 1e5):
            continue
        columns, rows = _grid_cells(box[0], box[2]), _grid_cells(box[1], box[3])
        cells_left -= len(columns) * len(rows)
        if cells_left < 0:
            break
        number = len(grouped)
        grouped.append(box)
        parents.append(number)
        for x in columns:
            for y in rows:
                parents[root(number)] = root(owners.setdefault((x, y), number))
    groups: dict[int, list[Box]] = {}
    for number, box in enumerate(grouped):
        groups.setdefault(root(number), []).append(box)
    for boxes in groups.values():
        if len(boxes) >= MIN_STROKES:
            coordinates = repr([[round(v) for v in box] for box in boxes])
            yield boxes, hashlib.sha256(coordinates.encode()).hexdigest()


def _grid_cells(start: float, end: float) -> range:
    """Return the grid rows or columns that a stroke lies in or next to."""
    return range(int((start - CELL / 2) // CELL), int((end + CELL / 2) // CELL) + 1)


def _rect(boxes: Sequence[Box], to_display: Any, width: float, height: float) -> Rect | None:
    """Return the part of the displayed page that boxes cover; None if they lie outside it."""
    corners = [
        to_display(min(box[0] for box in boxes), min(box[1] for box in boxes)),
        to_display(max(box[2] for box in boxes), max(box[3] for box in boxes)),
    ]
    xs = sorted(min(max(x / width, 0.0), 1.0) for x, _ in corners)
    ys = sorted(min(max(y / height, 0.0), 1.0) for _, y in corners)
    return Rect(xs[0], ys[0], xs[1], ys[1]) if xs[1] > xs[0] and ys[1] > ys[0] else None


def _is_large_enough(rect: Rect, width: float, height: float) -> bool:
    wide, high = rect.x1 - rect.x0, rect.y1 - rect.y0
    return wide * high >= MIN_SHARE and wide * width >= MIN_SIDE and high * height >= MIN_SIDE
