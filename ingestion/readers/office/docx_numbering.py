"""Number the paragraphs of a Word document as Word does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers.office.docx_styles import W, child_value

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_DEPTH = 9
_PLACEHOLDER = re.compile(r"%(\d)")
_ROMAN = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)


@dataclass(frozen=True, slots=True)
class ListLevel:
    form: str  # numFmt: decimal, bullet, lowerLetter, …
    text: str  # such as "%1.%2"
    start: int


@dataclass(slots=True)
class ListNumbering:
    """The list definitions of a document, and the current number of each list."""

    levels: dict[str, dict[int, ListLevel]] = field(default_factory=dict)  # by list id, then depth
    kinds: dict[str, str] = field(default_factory=dict)  # abstract definition of each list id
    counts: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: _Element | None) -> ListNumbering:
        """Read the definitions of a numbering part; empty if there is none."""
        numbering = cls()
        if root is None:
            return numbering
        kinds = {
            str(kind.get(W + "abstractNumId")): _list_levels(kind)
            for kind in root.findall(W + "abstractNum")
        }
        for number in root.findall(W + "num"):
            name = str(number.get(W + "numId"))
            link = number.find(W + "abstractNumId")
            kind = str(link.get(W + "val")) if link is not None else ""
            numbering.kinds[name] = kind
            numbering.levels[name] = kinds.get(kind, {})
        return numbering

    def marker(self, name: str, depth: int) -> str:
        """Count one paragraph of a list and return its number, `-` for a bullet."""
        levels = self.levels.get(name, {})
        level = levels.get(depth)
        if level is None or not 0 <= depth < MAX_DEPTH:
            return "-"
        counts = self.counts.setdefault(self.kinds[name], [0] * MAX_DEPTH)
        counts[depth] = counts[depth] + 1 if counts[depth] else level.start
        counts[depth + 1 :] = [0] * (MAX_DEPTH - depth - 1)
        if level.form == "none" or not level.text:
            return ""
        if level.form == "bullet":
            return "-"

        def expand(placeholder: re.Match[str]) -> str:
            i = int(placeholder[1]) - 1
            other = levels.get(i)
            return numeral(counts[i] or 1, other.form) if other is not None else ""

        return _PLACEHOLDER.sub(expand, level.text)


def _list_levels(kind: _Element) -> dict[int, ListLevel]:
    found: dict[int, ListLevel] = {}
    for level in kind.findall(W + "lvl"):
        form, text, start = (child_value(level, name) for name in ("numFmt", "lvlText", "start"))
        depth = str(level.get(W + "ilvl") or "0")
        if depth.isdecimal():
            begin = int(start) if start.isdecimal() else 1
            found[int(depth)] = ListLevel(form or "decimal", text, begin)
    return found


def numeral(number: int, form: str) -> str:
    """Return a number as Word's number format writes it: "iv" for "lowerRoman"."""
    if form in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (number - 1) % 26)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman"):
        roman = ""
        for value, letters in _ROMAN:
            roman += letters * (number // value)
            number %= value
        return roman if form == "lowerRoman" else roman.upper()
    return str(number)
