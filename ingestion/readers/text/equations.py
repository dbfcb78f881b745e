"""Write equations on one line: "E = (Q × COP)/(T₂ - T₁)". Reads MathML; Word's are in `omml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingestion.readers.repair.raised import SUBSCRIPTS, SUPERSCRIPTS

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 60
_SIMPLE = re.compile(r"[\w.,'’°%₀-₉⁰-⁹²³¹]+\Z")
_ENCLOSED = re.compile(r"\([^()]*\)\Z")
_SUPERSCRIPT = re.compile(r"[\d+\-−–=()n]+\Z")
_SUBSCRIPT = re.compile(r"[\d+\-−–=()]+\Z")
_INFIX = re.compile(r"(?<=[^\s(\[{])\s*([=×÷≤≥≈≠<>±→⇒])\s*(?=\S)")
_INVISIBLE = {"\u2061", "\u2062", "\u2063", "\u2064"}
_SKIPPED = frozenset({"annotation", "annotation-xml", "mphantom", "mspace", "none", "mprescripts"})


def enclosed(text: str) -> str:
    """Return a term in brackets, unless it is one number or name or has them."""
    text = text.strip()
    return text if _SIMPLE.match(text) or _ENCLOSED.match(text) else f"({text})"


def fraction(numerator: str, denominator: str) -> str:
    """Return a fraction on one line."""
    return f"{enclosed(numerator)}/{enclosed(denominator)}"


def power(base: str, exponent: str) -> str:
    """Return a base with its exponent: "x²", "x^(n+1)"."""
    exponent = exponent.strip()
    if not exponent:
        return base
    if _SUPERSCRIPT.match(exponent):
        return base + exponent.translate(SUPERSCRIPTS)
    return f"{base}^{enclosed(exponent)}"


def index(base: str, lowered: str) -> str:
    """Return a base with its index: "T₂", "T_ext"."""
    lowered = lowered.strip()
    if not lowered:
        return base
    if _SUBSCRIPT.match(lowered):
        return base + lowered.translate(SUBSCRIPTS)
    return f"{base}_{enclosed(lowered)}"


def root(radicand: str, degree: str = "") -> str:
    """Return a root: "√(2gh)", "³√8"."""
    degree = degree.strip()
    if degree == "2":
        degree = ""
    return (degree.translate(SUPERSCRIPTS) if degree else "") + f"√{enclosed(radicand)}"


def spaced(text: str) -> str:
    """Return an equation with one space on each side of its relation signs."""
    return _INFIX.sub(r" \1 ", " ".join(text.split()))


def mathml_text(element: _Element) -> str:
    """Return a MathML equation on one line."""
    return spaced(_mathml(element, 0))


def _mathml(element: _Element, depth: int) -> str:
    name = element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
    if not name or name in _SKIPPED or depth > MAX_DEPTH:
        return ""
    if name in ("mi", "mn", "mo", "mtext", "ms"):
        text = " ".join("".join(element.itertext(None)).split())
        return "" if text in _INVISIBLE else f" {text} " if name == "mtext" else text
    parts = [_mathml(child, depth + 1) for child in element if isinstance(child.tag, str)]
    return _compose(name, parts, element)


def _compose(name: str, parts: Sequence[str], element: _Element) -> str:
    """Write an element of MathML from its children as they are written."""
    first, second, third = (*parts, "", "", "")[:3]
    if name == "mfrac":
        return fraction(first, second)
    if name == "msup":
        return power(first, second)
    if name in ("msub", "munder"):
        return index(first, second)
    if name == "mover":
        return (
            first
            if len(second.strip()) == 1 and not second.strip().isalnum()
            else power(first, second)
        )
    if name in ("msubsup", "munderover"):
        return power(index(first, second), third)
    if name == "msqrt":
        return root("".join(parts))
    if name == "mroot":
        return root(first, second)
    if name == "mfenced":
        open_, close = element.get("open", "("), element.get("close", ")")
        return f"{open_}{', '.join(parts)}{close}"
    if name in ("mtable", "mtr", "mlabeledtr"):
        return ("; " if name == "mtable" else ", ").join(filter(None, parts))
    if name == "semantics":
        return first
    return "".join(parts)
