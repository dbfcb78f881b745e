"""Resolve the paragraph styles of a Word document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docx.oxml.ns import qn

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 10
_HEADING = re.compile(r"(?:heading|titre|überschrift) (\d)$", re.IGNORECASE)

Numbered = tuple[str, int]
"""The list id of a paragraph, and its depth in the list."""


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """A paragraph style, including what it inherits."""

    name: str = ""
    level: int = 0  # of a heading; 0 for other text
    numbered: Numbered | None = None
    bold: bool = False


def styles_of(root: _Element) -> dict[str, ParagraphStyle]:
    """Return the paragraph styles by their id."""
    elements = {str(style.get(qn("w:styleId"))): style for style in root.findall(qn("w:style"))}
    return {name: _resolve_style(name, elements) for name in elements}


def numbering_of(properties: _Element | None) -> Numbered | None:
    """Return the list and depth that a paragraph or style states, None if none."""
    numbering = properties.find(qn("w:numPr")) if properties is not None else None
    if numbering is None:
        return None
    name, depth = child_value(numbering, "w:numId"), child_value(numbering, "w:ilvl")
    return (name, int(depth) if depth.isdecimal() else 0) if name else None


def child_value(element: _Element | None, name: str) -> str:
    """Return the `w:val` of a child element, `""` if there is none."""
    child = element.find(qn(name)) if element is not None else None
    return str(child.get(qn("w:val")) or "") if child is not None else ""


def is_on(properties: _Element | None, name: str) -> bool | None:
    """Return whether a boolean property is on; None if it is not stated."""
    child = properties.find(qn(name)) if properties is not None else None
    if child is None:
        return None
    return str(child.get(qn("w:val")) or "1") not in ("0", "false", "off")


def _resolve_style(name: str, elements: dict[str, _Element]) -> ParagraphStyle:
    """Resolve a style along its base styles; the most derived value wins."""
    level, found, bold = 0, None, None
    for element in _base_styles(name, elements):
        properties = element.find(qn("w:pPr"))
        level = level or _level(element, properties)
        found = found or numbering_of(properties)
        bold = is_on(element.find(qn("w:rPr")), "w:b") if bold is None else bold
    return ParagraphStyle(child_value(elements[name], "w:name"), level, found, bool(bold))


def _base_styles(name: str, elements: dict[str, _Element]) -> list[_Element]:
    chain: list[_Element] = []
    while name in elements and len(chain) < MAX_DEPTH:
        chain.append(elements[name])
        name = child_value(elements[name], "w:basedOn")
    return chain


def _level(element: _Element, properties: _Element | None) -> int:
    name = child_value(element, "w:name")
    if match := _HEADING.match(name):
        return min(max(int(match.group(1)), 1), 6)
    if name.lower() in ("title", "titre"):
        return 1
    outline = child_value(properties, "w:outlineLvl")
    return min(int(outline) + 1, 6) if outline in tuple("01234567") else 0
