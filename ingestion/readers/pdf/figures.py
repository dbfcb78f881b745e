"""Find the pictures and charts among the objects of a PDF page. Runs only in the child."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw

from ingestion.readers import Rect
from ingestion.readers.pdf.ruled_tables import MAX_BOXES, Rules

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
    content = list(_objects(page))
    for handle, kind, box in content:
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            if box[2] - box[0] > 4 and box[3] - box[1] > 4:
                images.append((box, _image_digest(handle)))
        elif kind in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING):
            strokes.append(box)
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
    rules = Rules.of(_to_display_box(box, to_display) for box in strokes[:MAX_BOXES])
    return PageDrawing(len(content), tuple(figures), rules, content)


def _to_display_box(box: Box, to_display: Any) -> Box:
    """Convert a box to points from the top left corner of the displayed page."""
    (ax, ay), (bx, by) = to_display(box[0], box[1]), to_display(box[2], box[3])
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _objects(page: pdfium.PdfPage) -> Iterator[DrawnObject]:
    """Yield the handle, type and box of each object of a page, including those inside forms."""
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
            yield handle, kind, _transformed((a, b, c, d), transform) if depth else (a, b, c, d)


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
