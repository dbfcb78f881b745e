"""The number formats and fonts of the cells of a workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ingestion.readers.office.number_format import BUILTIN

if TYPE_CHECKING:
    from lxml.etree import _Element

Listed = TypeVar("Listed")
S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True, slots=True)
class CellStyle:
    """How a cell shows its value."""

    form: str = "General"
    shift: int = 0  # 1 raised, -1 lowered
    is_struck: bool = False
    is_white: bool = False  # white on no fill


@dataclass(frozen=True, slots=True)
class _Font:
    shift: int = 0
    is_struck: bool = False
    is_white: bool = False


@dataclass(slots=True)
class CellStyles:
    """The styles of the cells, by their number in the file."""

    styles: list[CellStyle] = field(default_factory=list)

    def of(self, number: str | None) -> CellStyle:
        """Return a style by its number; the general one if there is none."""
        i = int(number) if number and number.isdecimal() else 0
        return self.styles[i] if i < len(self.styles) else CellStyle()


def read_styles(root: _Element) -> CellStyles:
    """Read the styles part of a workbook."""
    forms = {
        str(form.get("numFmtId")): str(form.get("formatCode") or "General")
        for form in root.iterfind(f"{S}numFmts/{S}numFmt")
    }
    fonts = [_read_font(font) for font in root.iterfind(f"{S}fonts/{S}font")]
    filled = [_is_filled(fill) for fill in root.iterfind(f"{S}fills/{S}fill")]
    return CellStyles(list(_cell_styles(root, forms, fonts, filled)))


def _cell_styles(
    root: _Element, forms: dict[str, str], fonts: list[_Font], filled: list[bool]
) -> Iterator[CellStyle]:
    for style in root.iterfind(f"{S}cellXfs/{S}xf"):
        number = str(style.get("numFmtId") or "0")
        form = forms.get(number)
        if form is None:
            form = BUILTIN.get(int(number), "General") if number.isdecimal() else "General"
        font = _item(fonts, style.get("fontId")) or _Font()
        white = font.is_white and not _item(filled, style.get("fillId"))
        yield CellStyle(form, font.shift, font.is_struck, white)


def _item(items: Sequence[Listed], number: str | None) -> Listed | None:
    i = int(number) if number and number.isdecimal() else -1
    return items[i] if 0 <= i < len(items) else None


def _read_font(font: _Element) -> _Font:
    colour = font.find(S + "color")
    return _Font(shift_of(font), is_struck(font), colour is not None and _is_white(colour))


def _is_white(colour: _Element) -> bool:
    """Tell white, stated as such or as the first colour of the usual theme."""
    if colour.get("theme") is not None:
        return colour.get("theme") == "0" and not str(colour.get("tint") or "").startswith("-")
    return str(colour.get("rgb") or "")[-6:].upper() == "FFFFFF"


def _is_filled(fill: _Element) -> bool:
    pattern = fill.find(S + "patternFill")
    return pattern is None or str(pattern.get("patternType") or "none") != "none"


def shift_of(properties: _Element) -> int:
    """Return how a font, or the run of a cell, is shifted: 1 raised, -1 lowered."""
    align = properties.find(S + "vertAlign")
    value = align.get("val") if align is not None else ""
    return {"superscript": 1, "subscript": -1}.get(str(value), 0)


def is_struck(properties: _Element) -> bool:
    """Tell whether a font, or the run of a cell, strikes its text."""
    struck = properties.find(S + "strike")
    return struck is not None and str(struck.get("val") or "1") not in ("0", "false")
