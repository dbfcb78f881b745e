"""Resolve the styles of paragraphs and runs of a Word document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_DEPTH = 10
TINY = 2
"""Font size, in half-points, up to which text cannot be read."""

RAISED = 4
"""Half-points from which raised or lowered text is no mere adjustment."""

_OFF = frozenset({"0", "false", "off"})
_HEADING = re.compile(r"(?:heading|titre|überschrift) (\d)$", re.IGNORECASE)

Numbered = tuple[str, int]
"""The list id of a paragraph, and its depth in the list."""


@dataclass(frozen=True, slots=True)
class RunLook:
    """How a run is shown; None where its properties do not say."""

    shift: int | None = None  # 1 raised, -1 lowered
    is_hidden: bool | None = None
    is_web_hidden: bool | None = None  # hidden in the web layout
    is_struck: bool | None = None
    is_white: bool | None = None
    is_filled: bool | None = None  # shaded or highlighted
    size: int | None = None  # half-points
    font: str | None = None
    bold: bool | None = None

    def over(self, base: RunLook) -> RunLook:
        """Return this look, completed by that of the style beneath."""
        if self == _UNSTATED:
            return base
        return RunLook(
            **{
                name: getattr(base, name) if (own := getattr(self, name)) is None else own
                for name in _LOOKS
            }
        )


_UNSTATED = RunLook()
_LOOKS = tuple(item.name for item in fields(RunLook))


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """A style, including what it inherits."""

    name: str = ""
    level: int = 0  # of a heading; 0 for other text
    numbered: Numbered | None = None
    bold: bool = False
    look: RunLook = _UNSTATED
    is_filled: bool = False  # it shades the paragraph, or cells of a table
    breaks_page: bool = False


def styles_of(root: _Element | None) -> dict[str, ParagraphStyle]:
    """Return the styles of a styles part by their id; none if there is no such part."""
    if root is None:
        return {}
    elements = {str(style.get(W + "styleId")): style for style in root.findall(W + "style")}
    return {name: _resolve_style(name, elements) for name in elements}


def default_look(root: _Element | None) -> RunLook:
    """Return the look of text without any style."""
    found = root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr") if root is not None else None
    return run_look(found)


def numbering_of(properties: _Element | None) -> Numbered | None:
    """Return the list and depth that a paragraph or style states, None if none."""
    numbering = properties.find(W + "numPr") if properties is not None else None
    if numbering is None:
        return None
    name, depth = child_value(numbering, "numId"), child_value(numbering, "ilvl")
    return (name, int(depth) if depth.isdecimal() else 0) if name else None


def child_value(element: _Element | None, name: str) -> str:
    """Return the `w:val` of a child element, `""` if there is none."""
    child = element.find(W + name) if element is not None else None
    return str(child.get(W + "val") or "") if child is not None else ""


def is_on(properties: _Element | None, name: str) -> bool | None:
    """Return whether a boolean property is on; None if it is not stated."""
    child = properties.find(W + name) if properties is not None else None
    if child is None:
        return None
    return str(child.get(W + "val") or "1") not in _OFF


def run_look(properties: _Element | None) -> RunLook:
    """Return the look that the properties of a run (`w:rPr`) state."""
    if properties is None or not len(properties):
        return _UNSTATED
    stated = {str(child.tag).rpartition("}")[2]: child for child in properties}
    size, colour = _value(stated, "sz"), _value(stated, "color").upper()
    fonts = stated.get("rFonts")
    font = fonts.get(W + "ascii") or fonts.get(W + "hAnsi") if fonts is not None else None
    struck = _switch(stated, "strike"), _switch(stated, "dstrike")
    filled = _has_fill(stated.get("shd")) or _value(stated, "highlight") not in ("", "none")
    return RunLook(
        shift=_shift(stated),
        is_hidden=_switch(stated, "vanish"),
        is_web_hidden=_switch(stated, "webHidden"),
        is_struck=None if struck == (None, None) else any(struck),
        is_white=colour == "FFFFFF" if colour else None,
        is_filled=True if filled else None,
        size=int(size) if size.isdecimal() else None,
        font=str(font) if font else None,
        bold=_switch(stated, "b"),
    )


def _value(stated: Mapping[str, _Element], name: str) -> str:
    element = stated.get(name)
    return "" if element is None else str(element.get(W + "val") or "")


def _switch(stated: Mapping[str, _Element], name: str) -> bool | None:
    """Return whether a boolean property is on; None if it is not stated."""
    element = stated.get(name)
    return None if element is None else str(element.get(W + "val") or "1") not in _OFF


def is_shaded(properties: _Element | None) -> bool:
    """Tell whether properties state a background other than white or automatic."""
    return _has_fill(properties.find(W + "shd") if properties is not None else None)


def _has_fill(shading: _Element | None) -> bool:
    if shading is None:
        return False
    fill = str(shading.get(W + "fill") or "auto").upper()
    pattern = str(shading.get(W + "val") or "clear")
    return fill not in ("AUTO", "FFFFFF") or pattern not in ("clear", "nil")


def _shift(stated: Mapping[str, _Element]) -> int | None:
    align, position = _value(stated, "vertAlign"), _value(stated, "position")
    if align:
        return {"superscript": 1, "subscript": -1}.get(align, 0)
    try:
        raised = int(position) if position else 0
    except ValueError:
        return None
    if abs(raised) < RAISED:
        return 0 if position else None
    return 1 if raised > 0 else -1


def _resolve_style(name: str, elements: dict[str, _Element]) -> ParagraphStyle:
    """Resolve a style along its base styles; the most derived value wins."""
    level, found = 0, None
    look = _UNSTATED
    filled, breaks = False, None
    for element in _base_styles(name, elements):
        properties = element.find(W + "pPr")
        level = level or _level(element, properties)
        found = found or numbering_of(properties)
        look = look.over(run_look(element.find(W + "rPr")))
        filled = filled or _shades(element)
        breaks = is_on(properties, "pageBreakBefore") if breaks is None else breaks
    return ParagraphStyle(
        child_value(elements[name], "name"),
        level,
        found,
        bool(look.bold),
        look,
        filled,
        bool(breaks),
    )


def _shades(style: _Element) -> bool:
    """Tell whether a style shades a paragraph, or any cell of a table."""
    return any(map(_has_fill, style.iter(W + "shd")))


def _base_styles(name: str, elements: dict[str, _Element]) -> list[_Element]:
    chain: list[_Element] = []
    while name in elements and len(chain) < MAX_DEPTH:
        chain.append(elements[name])
        name = child_value(elements[name], "basedOn")
    return chain


def _level(element: _Element, properties: _Element | None) -> int:
    name = child_value(element, "name")
    if match := _HEADING.match(name):
        return min(max(int(match.group(1)), 1), 6)
    if name.lower() in ("title", "titre"):
        return 1
    outline = child_value(properties, "outlineLvl")
    return min(int(outline) + 1, 6) if outline in tuple("01234567") else 0
