"""Find the pictures and charts of a PDF page among what is drawn on it. Runs in the child only."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw

from ingestion.readers import Rect
from ingestion.readers.pdf.ruled_tables import MOST_BOXES, Rules

if TYPE_CHECKING:
    import pypdfium2 as pdfium

LEAST_SHARE = 0.03
"""Share of a page that a picture takes at least, to be more than a logo."""

LEAST_SIDE = 50.0
"""Points that a picture is wide and high at least."""

BACKGROUND = 0.8
"""Share of a page from which a picture lies behind its text."""

MOST_OBJECTS = 20_000
DEEPEST = 3
CELL = 12.0
"""Points: strokes of a chart lie no further apart."""

FEWEST_STROKES = 8
MOST_CELLS = 200_000
_HASHED = 4_000_000

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points of the page."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on a page, or a chart drawn on it."""

    box: Rect  # in fractions of the page as shown
    digest: str
    drawn: bool = False  # of strokes: only its caption makes it a figure


@dataclass(slots=True)
class PageDrawing:
    """What is drawn on a page besides its text."""

    objects: int
    figures: tuple[Figure, ...] = ()
    rules: Rules = field(default_factory=Rules)


def page_drawing(page: pdfium.PdfPage, shown: Any, width: float, height: float) -> PageDrawing:
    """Return the pictures of a page, and how many objects it is made of.

    `shown` turns a point of the page into one from the top left corner of the page as shown.
    """
    images: list[tuple[Box, str]] = []
    strokes: list[Box] = []
    count = 0
    for handle, kind, box in _objects(page):
        count += 1
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            if box[2] - box[0] > 4 and box[3] - box[1] > 4:
                images.append((box, _image_digest(handle)))
        elif kind in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING):
            strokes.append(box)
    figures = [
        Figure(rect, digest)
        for boxes, digest in _joined(images)
        if (rect := _rect(boxes, shown, width, height)) and _is_telling(rect, width, height)
    ]
    figures += [
        Figure(rect, digest, drawn=True)
        for boxes, digest in _clusters(strokes, width, height)
        if (rect := _rect(boxes, shown, width, height)) and _is_telling(rect, width, height)
    ]
    rules = Rules.of(_turned(box, shown) for box in strokes[:MOST_BOXES])
    return PageDrawing(count, tuple(figures), rules)


def _turned(box: Box, shown: Any) -> Box:
    """Turn a box of the page into one from the top left corner of the page as shown."""
    (ax, ay), (bx, by) = shown(box[0], box[1]), shown(box[2], box[3])
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _objects(page: pdfium.PdfPage) -> Iterator[tuple[Any, int, Box]]:
    """Yield the objects of a page with their boxes, those inside forms too."""
    left = MOST_OBJECTS
    stack: list[tuple[Iterator[Any], int, tuple[float, ...]]] = []
    top = (raw.FPDFPage_GetObject(page, i) for i in range(raw.FPDFPage_CountObjects(page)))
    stack.append((top, 0, (1, 0, 0, 1, 0, 0)))
    matrix = raw.FS_MATRIX()
    edges = [ctypes.c_float() for _ in range(4)]
    while stack and left > 0:
        objects, depth, place = stack[-1]
        handle = next(objects, None)
        if handle is None:
            stack.pop()
            continue
        left -= 1
        kind = raw.FPDFPageObj_GetType(handle)
        if kind == raw.FPDF_PAGEOBJ_FORM and depth < DEEPEST:
            raw.FPDFPageObj_GetMatrix(handle, matrix)
            inner = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
            count = max(raw.FPDFFormObj_CountObjects(handle), 0)
            stack.append((_inside(handle, count), depth + 1, _product(inner, place)))
        elif raw.FPDFPageObj_GetBounds(handle, *map(ctypes.byref, edges)):
            a, b, c, d = (edge.value for edge in edges)
            yield handle, kind, _placed((a, b, c, d), place) if depth else (a, b, c, d)


def _inside(form: Any, count: int) -> Iterator[Any]:
    for index in range(count):
        yield raw.FPDFFormObj_GetObject(form, index)


def _product(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
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


def _placed(box: Box, place: tuple[float, ...]) -> Box:
    a, b, c, d, e, f = place
    corners = [(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [a * x + c * y + e for x, y in corners]
    ys = [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _image_digest(handle: Any) -> str:
    """Return what an image is recognised by: its data as the file has them."""
    length = raw.FPDFImageObj_GetImageDataRaw(handle, None, 0)
    if not 0 < length <= _HASHED:
        return f"{length}"
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFImageObj_GetImageDataRaw(handle, buffer, length)
    return hashlib.sha256(buffer.raw).hexdigest()


def _joined(images: Sequence[tuple[Box, str]]) -> Iterator[tuple[list[Box], str]]:
    """Join the images that touch: programs cut large ones into strips."""
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
    """Group the strokes that lie near each other, on a grid."""
    owners: dict[tuple[int, int], int] = {}
    parents: list[int] = []
    kept: list[Box] = []
    room = MOST_CELLS

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for box in strokes:
        wide, high = box[2] - box[0], box[3] - box[1]
        if wide * high > BACKGROUND * width * height or not (wide < 1e5 and high < 1e5):
            continue
        columns, rows = _grid_cells(box[0], box[2]), _grid_cells(box[1], box[3])
        room -= len(columns) * len(rows)
        if room < 0:
            break
        number = len(kept)
        kept.append(box)
        parents.append(number)
        for x in columns:
            for y in rows:
                parents[root(number)] = root(owners.setdefault((x, y), number))
    groups: dict[int, list[Box]] = {}
    for number, box in enumerate(kept):
        groups.setdefault(root(number), []).append(box)
    for boxes in groups.values():
        if len(boxes) >= FEWEST_STROKES:
            places = repr([[round(v) for v in box] for box in boxes])
            yield boxes, hashlib.sha256(places.encode()).hexdigest()


def _grid_cells(start: float, end: float) -> range:
    """Return the rows or columns of the grid that a stroke lies in, or next to."""
    return range(int((start - CELL / 2) // CELL), int((end + CELL / 2) // CELL) + 1)


def _rect(boxes: Sequence[Box], shown: Any, width: float, height: float) -> Rect | None:
    """Return the part of the page as shown that boxes cover; None outside of it."""
    corners = [
        shown(min(box[0] for box in boxes), min(box[1] for box in boxes)),
        shown(max(box[2] for box in boxes), max(box[3] for box in boxes)),
    ]
    xs = sorted(min(max(x / width, 0.0), 1.0) for x, _ in corners)
    ys = sorted(min(max(y / height, 0.0), 1.0) for _, y in corners)
    return Rect(xs[0], ys[0], xs[1], ys[1]) if xs[1] > xs[0] and ys[1] > ys[0] else None


def _is_telling(rect: Rect, width: float, height: float) -> bool:
    wide, high = rect.x1 - rect.x0, rect.y1 - rect.y0
    return wide * high >= LEAST_SHARE and wide * width >= LEAST_SIDE and high * height >= LEAST_SIDE
