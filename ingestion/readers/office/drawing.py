"""Read what DrawingML draws: text, tables, charts, SmartArt and pictures, in any Office format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers import Block, Remark
from ingestion.readers.office.charts import NoValues, chart_blocks
from ingestion.readers.office.guard import ObjectGuard, unread
from ingestion.readers.office.omml import M, equation_text
from ingestion.readers.office.package import A, OfficePackage, R, local_name
from ingestion.readers.office.symbols import is_symbol_font, symbol_text
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.repair.raised import Piece, typed_note, write_paragraph
from ingestion.readers.text.pagination import Item
from ingestion.readers.text.table_grid import Cell, lay_out_table

if TYPE_CHECKING:
    from lxml.etree import _Element

DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
MAX_DEPTH = 60
MAX_NODES = 20_000
TINY = 100
"""Font size, in hundredths of a point, up to which text cannot be read."""


@dataclass(frozen=True, slots=True)
class ShapeLine:
    """A paragraph of a shape, with its depth in a list, and what was left out of it."""

    text: str
    level: int = 0
    marker: str = ""  # "-" or a number where the paragraph states one
    note: str = ""  # of a paragraph that is a note: its number or sign
    remarks: tuple[Remark, ...] = ()
    is_plain: bool = False  # it states that it has no bullet

    def footnote(self) -> Block:
        return Block("footnote", self.text, note=self.note)


@dataclass(slots=True)
class DrawingReader:
    """Reads the objects of one part of a package."""

    package: OfficePackage
    part: str
    guard: ObjectGuard
    notes: frozenset[str] = field(default_factory=frozenset)  # numbers of the notes typed there
    has_cells: bool = False  # the values of charts stand in the cells of a workbook
    on_white: bool = False  # white text has nothing but a white page behind it

    def graphic(self, element: _Element) -> Iterator[Item]:
        """Yield what a graphic frame or inline drawing holds: chart, SmartArt, table."""
        for child in _drawn_elements(element):
            name = local_name(child)
            if name == "tbl" and child.tag == A + "tbl":
                yield from self.guard.read("table", lambda table=child: self.table(table))  # type: ignore[misc]
            elif name == "chart" and child.get(R + "id") is not None:
                yield from self.guard.read("chart", lambda link=child: self._chart(link))  # type: ignore[misc]
            elif name == "relIds" and child.tag == DGM + "relIds":
                yield from self.guard.read("diagram", lambda link=child: self._diagram(link))  # type: ignore[misc]
            elif name == "oleObj":
                yield unread(self.guard.number("embedded object"))

    def pictures(self, element: _Element) -> Iterator[Item]:
        """Yield the pictures in an element, with the alternative text that it states."""
        parts = list(_drawn_elements(element))
        alt = next((d.get("descr") or "" for d in parts if _is_properties(d)), "")
        for blip in (part for part in parts if part.tag == A + "blip"):
            yield from self.guard.read("picture", lambda one=blip: self._picture(one, alt))  # type: ignore[misc]

    def _picture(self, blip: _Element, alt: str) -> Iterator[Item]:
        name = f"picture {self.guard.counts['picture']}"
        text = repair_text(alt)
        link = blip.get(R + "embed")
        if not link:  # the picture stays in a file of its own
            if len(text) > 2:
                yield Block("figure", text)
            if blip.get(R + "link"):
                yield unread(name)
            return
        target = self.package.target(self.part, link)
        yield from self.package.pictures.items(self.package.names[target.lower()], text, name)

    def _chart(self, link: _Element) -> Iterator[Item]:
        target = self.package.target(self.part, link.get(R + "id"))
        try:
            yield from self.package.once(target, lambda: chart_blocks(self.package.root(target)))
        except NoValues:
            if not self.has_cells:
                raise

    def _diagram(self, link: _Element) -> Iterator[Item]:
        target = self.package.target(self.part, link.get(R + "dm"))
        root = self.package.root
        yield from self.package.once(target, lambda: self._diagram_items(root(target)))

    def _diagram_items(self, root: _Element) -> Iterator[Item]:
        """Yield the nodes of a SmartArt as a list, in the order and depth of its hierarchy."""
        points = {str(p.get("modelId")): p for p in root.iter(DGM + "pt")}
        children: dict[str, list[tuple[int, str]]] = {}
        for link in root.iter(DGM + "cxn"):
            if link.get("type") in (None, "parOf"):
                order = str(link.get("srcOrd"))
                place = int(order) if order.isdecimal() else 0
                children.setdefault(str(link.get("srcId")), []).append(
                    (place, str(link.get("destId")))
                )
        starts = [i for i, p in points.items() if p.get("type") == "doc"] or list(points)
        stack = [(i, -1) for i in reversed(starts)]
        seen: set[str] = set()
        while stack and len(seen) < MAX_NODES:
            name, depth = stack.pop()
            if name in seen or name not in points:
                continue
            seen.add(name)
            body = points[name].find(DGM + "t")
            lines = [] if body is None else list(self.lines(body))
            if text := " ".join(line.text for line in lines if line.text):
                yield Block("list", f"{'  ' * max(min(depth, 8), 0)}- {text}")
            below = sorted(children.get(name, ()), reverse=True)
            stack += [(child, depth + 1) for _, child in below]

    def table(self, table: _Element) -> Iterator[Item]:
        """Yield a DrawingML table."""
        rows: list[list[Cell]] = []
        remarks: list[Remark] = []
        for row in table.iterfind(A + "tr"):
            cells = []
            for cell in row.iterfind(A + "tc"):
                if _is_true(cell.get("hMerge")) or _is_true(cell.get("vMerge")):
                    continue
                lines = list(self.lines(cell))
                remarks += [remark for line in lines for remark in line.remarks]
                text = " ".join(line.text for line in lines if line.text)
                across, down = _number(cell.get("gridSpan"), 1), _number(cell.get("rowSpan"), 1)
                cells.append(Cell(text, across, down))
            rows.append(cells or [Cell("")])
        yield from lay_out_table(rows).blocks()
        yield from remarks

    def lines(self, body: _Element) -> Iterator[ShapeLine]:
        """Yield the paragraphs of a text body that have text, or a remark."""
        counts: dict[int, int] = {}
        for paragraph in body.iter(A + "p"):
            line = self._line(paragraph, counts)
            if line.text or line.remarks:
                yield line

    def _line(self, paragraph: _Element, counts: dict[int, int]) -> ShapeLine:
        pieces: list[Piece] = []
        remarks: list[Remark] = []
        for child in _flat_runs(paragraph, 0):
            name = local_name(child)
            if name == "br":
                pieces.append(("\n", 0))
            elif name in ("oMath", "oMathPara"):
                pieces.append((f" {equation_text(child)} ", 0))
            else:
                pieces += _run(child, remarks, on_white=self.on_white)
        text, note = write_paragraph(pieces, notes=self.notes)
        text = repair_text(text)
        properties = paragraph.find(A + "pPr")
        level = min(_number(properties.get("lvl") if properties is not None else "", 0), 8)
        marker, plain = "", False
        if properties is not None and text:
            if properties.find(A + "buAutoNum") is not None:
                counts[level] = counts.get(level, 0) + 1
                marker = f"{counts[level]}."
            elif properties.find(A + "buChar") is not None:
                marker = "-"
            plain = properties.find(A + "buNone") is not None
        return ShapeLine(text, level, marker, note, tuple(remarks), plain)


def text_items(lines: Iterable[ShapeLine]) -> Iterator[Item]:
    """Yield the lines of a text box as paragraphs, lists and footnotes."""
    for line in lines:
        if line.note:
            yield line.footnote()
        elif line.text and line.marker:
            yield Block("list", f"{'  ' * line.level}{line.marker} {' '.join(line.text.split())}")
        elif line.text:
            yield Block("paragraph", line.text)
        yield from line.remarks


def typed_notes(roots: Iterable[_Element]) -> frozenset[str]:
    """Return the numbers of the notes typed in parts: paragraphs that begin with a raised one."""
    found = set()
    for root in roots:
        for paragraph in root.iter(A + "p"):
            first = next(paragraph.iter(A + "r"), None)
            if first is not None and _shift(first) > 0:
                pieces = [piece for run in paragraph.iter(A + "r") for piece in _run(run, [])]
                found.add(typed_note(pieces))
    return frozenset(found - {""})


def visible_branch(element: _Element) -> _Element | None:
    """Return the branch of alternative content that is read: the newest, else the fallback."""
    return next((c for c in element if local_name(c) in ("Choice", "Fallback")), None)


def _drawn_elements(element: _Element) -> Iterator[_Element]:
    """Yield the elements of a drawing in order, without those of its text boxes, which are read as
    text, and without the fallbacks of its alternatives."""
    stack = [element]
    while stack:
        current = stack.pop()
        name = local_name(current)
        if name == "AlternateContent":
            branch = visible_branch(current)
            stack += [branch] if branch is not None else []
        elif name not in ("txbxContent", "txBody"):
            yield current
            stack += reversed(current)


def _flat_runs(parent: _Element, depth: int) -> Iterator[_Element]:
    """Yield the runs, breaks, fields and equations of a paragraph in order."""
    for child in parent:
        name = local_name(child)
        if name in ("r", "br", "fld") or child.tag in (M + "oMath", M + "oMathPara"):
            yield child
        elif name == "AlternateContent" and depth < MAX_DEPTH:
            branch = visible_branch(child)
            if branch is not None:
                yield from _flat_runs(branch, depth + 1)
        elif name == "m" and depth < MAX_DEPTH:  # a14:m holds an equation
            yield from _flat_runs(child, depth + 1)


def _run(run: _Element, remarks: list[Remark], *, on_white: bool = False) -> list[Piece]:
    text = run.findtext(A + "t") or ""
    properties = run.find(A + "rPr")
    if properties is None or not text:
        return [(text, 0)]
    if properties.get("strike") not in (None, "noStrike"):
        remarks.append(Remark("deleted_text"))
        return []
    if _is_invisible(properties) or (on_white and _is_white(properties)):
        remarks.append(Remark("hidden_text"))
        return []
    font = next((f for f in properties if local_name(f) in ("sym", "latin")), None)
    face = str(font.get("typeface") or "") if font is not None else ""
    if is_symbol_font(face):
        text = symbol_text(face, text)
    return [(text, _shift(run))]


def _is_invisible(properties: _Element) -> bool:
    """Tell text too small to read, or of a transparent colour."""
    if 0 < _number(properties.get("sz"), 0) <= TINY:
        return True
    alpha = properties.find(f"{A}solidFill//{A}alpha")
    return alpha is not None and alpha.get("val") in ("0", "0%")


def _is_white(properties: _Element) -> bool:
    colour = properties.find(A + "solidFill")
    named = colour[0] if colour is not None and len(colour) == 1 else None
    if named is None or len(named):  # lighter or darker than its name
        return False
    return str(named.get("val")).lower() in ("ffffff", "white", "bg1", "lt1")


def _shift(run: _Element) -> int:
    properties = run.find(A + "rPr")
    stated = str(properties.get("baseline") or "0") if properties is not None else "0"
    stated = stated.rstrip("%")
    try:
        shift = float(stated)
    except ValueError:
        return 0
    return (shift > 0) - (shift < 0)


def _is_properties(element: _Element) -> bool:
    return local_name(element) in ("cNvPr", "docPr")


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _number(value: str | None, default: int) -> int:
    return int(value) if value and value.strip().isdecimal() else default
