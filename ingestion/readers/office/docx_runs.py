"""Read the runs of a Word paragraph: its text, what is anchored in it, what is left out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers import Remark
from ingestion.readers.office.docx_styles import TINY, ParagraphStyle, RunLook, W, run_look
from ingestion.readers.office.drawing import visible_branch
from ingestion.readers.office.omml import M, equation_text
from ingestion.readers.office.package import local_name
from ingestion.readers.office.symbols import is_symbol_font, symbol, symbol_text
from ingestion.readers.repair.raised import Piece
from ingestion.readers.text.equations import fraction

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 100
DELETED = frozenset({"del", "moveFrom"})
_SKIPPED = frozenset({"pPr", "rPr", "sdtPr", "sdtEndPr", "Fallback", "delText", "rt"})
_OBJECTS = frozenset({"drawing", "pict", "object"})
_EQUATION_FIELD = re.compile(r"\s*EQ\s+(.*)", re.IGNORECASE | re.DOTALL)
_FIELD_FRACTION = re.compile(r"\\f\(([^;,()\\]{1,200})[;,]([^;,()\\]{1,200})\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoteCall:
    """The call of a footnote or endnote, at its place in the text."""

    kind: str  # "footnote" or "endnote"
    name: str  # the id of the note
    sign: str = ""  # where the author chose one


@dataclass(slots=True)
class Runs:
    """The content of a paragraph."""

    pieces: list[Piece | NoteCall] = field(default_factory=list)
    boxes: list[_Element] = field(default_factory=list)  # text boxes
    objects: list[_Element] = field(default_factory=list)  # drawings and embedded objects
    remarks: list[Remark] = field(default_factory=list)
    breaks: int = 0  # page breaks
    breaks_first: int = 0  # those before its first word
    is_bold: bool = False  # all of its words are

    @property
    def has_text(self) -> bool:
        return any(isinstance(p, NoteCall) or p[0].strip() for p in self.pieces)


@dataclass(slots=True)
class RunReader:
    """Reads paragraphs with the styles of a document."""

    styles: dict[str, ParagraphStyle]
    default: RunLook
    counts_recorded_breaks: bool  # those of Word's last layout, else those of the author

    def read(self, paragraph: _Element, style: ParagraphStyle, *, is_filled: bool) -> Runs:
        """Read a paragraph; `is_filled` tells that white text in it may be seen."""
        return _RunWalk(self, style, is_filled or style.is_filled).read(paragraph)


@dataclass(slots=True)
class _RunWalk:
    reader: RunReader
    style: ParagraphStyle
    is_filled: bool
    runs: Runs = field(default_factory=Runs)
    fields: list[str] = field(default_factory=list)  # "code" or "result" of the open fields
    codes: list[str] = field(default_factory=list)  # the text of their codes
    marks: list[_Element] = field(default_factory=list)  # signs that authors chose for notes
    plain: int = 0  # words that are not bold

    def read(self, paragraph: _Element) -> Runs:
        base = self.style.look.over(self.reader.default)
        bold = 0
        for element, look in self._elements(paragraph, base):
            before = len(self.runs.pieces)
            self._read(element, look)
            added = self.runs.pieces[before:]
            if any(isinstance(p, tuple) and p[0].strip() for p in added):
                bold += bool(look.bold)
                self.plain += not look.bold
        self.runs.is_bold = bool(bold) and not self.plain
        return self.runs

    def _elements(self, paragraph: _Element, base: RunLook) -> Iterator[tuple[_Element, RunLook]]:
        """Yield the elements of text of a paragraph in order, with the look of their runs."""
        stack: list[tuple[Iterator[_Element], RunLook]] = [(iter(paragraph), base)]
        while stack:
            children, look = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                continue
            name = local_name(child)
            if name in DELETED:
                if next(child.iter(W + "t", W + "delText"), None) is not None:
                    self.runs.remarks.append(Remark("deleted_text"))
            elif name == "AlternateContent":
                branch = visible_branch(child)
                if branch is not None and len(stack) < MAX_DEPTH:
                    stack.append((iter(branch), look))
            elif name == "r":
                look = self._look(child, base)
                if self._is_left_out(child, look):
                    yield from ((leaf, look) for leaf in child if local_name(leaf) in _STRUCTURE)
                else:
                    stack.append((iter(child), look))
            elif name in _LEAVES or child.tag in (M + "oMath", M + "oMathPara"):
                yield child, look
            elif name not in _SKIPPED and len(stack) < MAX_DEPTH:
                stack.append((iter(child), look))

    def _look(self, run: _Element, base: RunLook) -> RunLook:
        properties = run.find(W + "rPr")
        if properties is None:
            return base
        look = run_look(properties)
        name = properties.find(W + "rStyle")
        if name is not None:
            style = self.reader.styles.get(str(name.get(W + "val")))
            look = look.over(style.look) if style is not None else look
        return look.over(base)

    def _is_left_out(self, run: _Element, look: RunLook) -> bool:
        """Tell whether a run is not shown, or struck; remark on its text."""
        unseen = (
            (look.is_web_hidden and not _is_contents(self.style))
            or (look.size is not None and look.size <= TINY)
            or (look.is_white and not look.is_filled and not self.is_filled)
        )
        has_text = any((text.text or "").strip() for text in run.iter(W + "t"))
        if not look.is_hidden and not (has_text and (unseen or look.is_struck)):
            return False
        code = "hidden_text" if look.is_hidden or unseen else "deleted_text"
        if has_text and (not self.runs.remarks or self.runs.remarks[-1].code != code):
            self.runs.remarks.append(Remark(code))  # successive runs count once
        return True

    def _read(self, element: _Element, look: RunLook) -> None:
        name = local_name(element)
        if name == "fldChar":
            self._field(str(element.get(W + "fldCharType")))
        elif name == "instrText":
            if self.codes:
                self.codes[-1] += element.text or ""
        elif name == "lastRenderedPageBreak":
            if self.reader.counts_recorded_breaks:
                self._break_page()
        elif name in ("br", "cr"):
            self._line_break(element)
        elif name in _OBJECTS:
            self._object(element)
        elif "code" not in self.fields:
            self._text(name, element, look)

    def _text(self, name: str, element: _Element, look: RunLook) -> None:
        shift = look.shift or 0
        if name == "t":
            text = "" if element in self.marks else element.text or ""
            if look.font and is_symbol_font(look.font):
                text = symbol_text(look.font, text)
            self.runs.pieces.append((text, shift))
        elif name == "sym":
            code = str(element.get(W + "char") or "")
            if re.fullmatch(r"[0-9A-Fa-f]{1,5}", code):
                char = symbol(str(element.get(W + "font") or ""), int(code, 16))
                self.runs.pieces.append((char, shift))
        elif name == "noBreakHyphen":
            self.runs.pieces.append(("-", shift))
        elif name in ("tab", "ptab"):
            self.runs.pieces.append((" ", 0))
        elif name in ("footnoteReference", "endnoteReference"):
            self._call(name.removesuffix("Reference"), element)
        elif name in ("oMath", "oMathPara"):
            self.runs.pieces.append((f" {equation_text(element)} ", 0))

    def _call(self, kind: str, element: _Element) -> None:
        sign = ""
        if element.get(W + "customMarkFollows") in ("1", "true", "on"):
            run = element.getparent()
            marks = [] if run is None else list(run.iter(W + "t"))
            sign = "".join(mark.text or "" for mark in marks).strip()
            self.marks += marks
        self.runs.pieces.append(NoteCall(kind, str(element.get(W + "id")), sign[:8]))

    def _line_break(self, element: _Element) -> None:
        if element.get(W + "type") == "page":
            if not self.reader.counts_recorded_breaks:
                self._break_page()
        elif "code" not in self.fields:
            self.runs.pieces.append(("\n", 0))

    def _break_page(self) -> None:
        self.runs.breaks += 1
        if not self.runs.has_text:
            self.runs.breaks_first = self.runs.breaks

    def _object(self, element: _Element) -> None:
        self.runs.objects.append(element)
        self.runs.boxes += outer_boxes(element)

    def _field(self, kind: str) -> None:
        """Follow a field: its code is not text, its result is."""
        if kind == "begin":
            self.fields.append("code")
            self.codes.append("")
        elif kind == "separate" and self.fields:
            self.fields[-1] = "result"
        elif kind == "end" and self.fields:
            had_result = self.fields.pop() == "result"
            code = self.codes.pop()
            if not had_result and "code" not in self.fields:
                self.runs.pieces.append((_field_equation(code), 0))


def outer_boxes(element: _Element) -> list[_Element]:
    """Return the text boxes of a drawing, without those inside another one."""
    boxes: list[_Element] = []
    stack = [element]
    while stack:
        current = stack.pop()
        name = local_name(current)
        if name == "txbxContent":
            boxes.append(current)
        elif name == "AlternateContent":
            branch = visible_branch(current)
            stack += [branch] if branch is not None else []
        else:
            stack += reversed(current)
    return boxes


def _is_contents(style: ParagraphStyle) -> bool:
    return style.name.lower().startswith(("toc", "tm ", "table des mat"))


def _field_equation(code: str) -> str:
    """Return an equation typed as a field ("EQ \\f(a;b)"), `""` if there is none."""
    match = _EQUATION_FIELD.match(code)
    if match is None:
        return ""
    text = _FIELD_FRACTION.sub(lambda found: fraction(found[1], found[2]), match[1])
    return "" if "\\" in text else text


_STRUCTURE = frozenset({"fldChar", "instrText", "lastRenderedPageBreak"})
"""Elements of a run that count even where its text is not shown."""

_LEAVES = frozenset(
    {"t", "sym", "noBreakHyphen", "tab", "ptab", "br", "cr", "lastRenderedPageBreak"}
    | {"footnoteReference", "endnoteReference", "fldChar", "instrText"}
    | _OBJECTS
)
