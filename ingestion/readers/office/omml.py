"""Write the equations of Word and PowerPoint (OMML) on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.readers.office.package import local_name
from ingestion.readers.text.equations import MAX_DEPTH, fraction, index, power, root, spaced

if TYPE_CHECKING:
    from lxml.etree import _Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_SKIPPED = frozenset({"rPr", "ctrlPr", "del", "moveFrom", "phant"})


def equation_text(element: _Element) -> str:
    """Return an equation (`m:oMath` or `m:oMathPara`) on one line."""
    return spaced(_write(element, 0))


def _write(element: _Element, depth: int) -> str:
    name = local_name(element)
    if name in _SKIPPED or name.endswith("Pr") or depth > MAX_DEPTH:
        return ""
    if name == "t":
        return element.text or ""
    if name == "f":
        parts = _part(element, "num", depth), _part(element, "den", depth)
        kind = element.find(f"{M}fPr/{M}type")
        if kind is not None and kind.get(M + "val") == "noBar":
            return f"({parts[0]} ; {parts[1]})"
        return fraction(*parts)
    base = _part(element, "e", depth)
    if name == "sSup":
        return power(base, _part(element, "sup", depth))
    if name == "sSub":
        return index(base, _part(element, "sub", depth))
    if name in ("sSubSup", "sPre"):
        return power(index(base, _part(element, "sub", depth)), _part(element, "sup", depth))
    if name == "rad":
        return root(base, _part(element, "deg", depth))
    if name == "nary":
        sign = _property(element, "naryPr", "chr", "∫")
        bounds = power(index(sign, _part(element, "sub", depth)), _part(element, "sup", depth))
        return f"{bounds} {base}"
    if name == "d":
        return _delimited(element, depth)
    if name in ("limLow", "limUpp"):
        return f"{base}_({_part(element, 'lim', depth)})"
    if name == "func":
        return f"{_part(element, 'fName', depth)} {base}"
    if name in ("m", "eqArr"):
        rows = [_write(child, depth + 1) for child in element]
        return "; ".join(filter(None, rows))
    if name == "mr":
        return ", ".join(_write(child, depth + 1) for child in element)
    return "".join(_write(child, depth + 1) for child in element)


def _delimited(element: _Element, depth: int) -> str:
    open_ = _property(element, "dPr", "begChr", "(")
    close = _property(element, "dPr", "endChr", ")")
    between = _property(element, "dPr", "sepChr", "|")
    inside = [_write(child, depth + 1) for child in element.findall(M + "e")]
    return open_ + between.join(inside) + close


def _part(element: _Element, name: str, depth: int) -> str:
    child = element.find(M + name)
    return "" if child is None else _write(child, depth + 1)


def _property(element: _Element, properties: str, name: str, default: str) -> str:
    found = element.find(f"{M}{properties}/{M}{name}")
    return default if found is None else str(found.get(M + "val") or "")
