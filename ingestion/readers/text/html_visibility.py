"""Tell which elements of a web page are hidden, struck, raised or lowered by its own styles.

Only styles in the page count: attributes, and rules for one class, identifier or tag. Style sheets
in other files are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_RULES = 20_000
MAX_NESTED = 10
MAX_STYLE = 4_000
"""Characters of the style of an element that are looked at."""

MAX_ANCESTORS = 30
_SHIFTED_TAGS = frozenset(
    {"span", "a", "font", "small", "b", "strong", "i", "em", "u", "q", "code"}
)
"""Elements on a line; in a cell or a picture `vertical-align` says something else."""

STRUCK_TAGS = frozenset({"del", "s", "strike"})
_HIDDEN = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|content-visibility\s*:"
    r"\s*hidden|font-size\s*:\s*0*(?:[01]|0?\.\d+)(?:px|pt)?\s*(?:!|;|$)"
    r"|(?:left|right|top|text-indent|margin-left)\s*:\s*-\d{4,}"
    r"|clip\s*:\s*rect\(\s*(?:0|1px)[^)]*\)|clip-path\s*:\s*inset\(\s*(?:50|100)%)",
    re.IGNORECASE,
)
_FADED = re.compile(r"(?:^|[;\s])opacity\s*:\s*0?(?:\.0+)?\s*(?:!|;|$)", re.IGNORECASE)
"""Of an element; rules of a style sheet fade text in."""

_WHOLE = frozenset({"html", "body", "main", "article"})
"""Elements that rules hide only until a page is loaded."""

_SHOWN = re.compile(r"(?:^|[;\s])display\s*:\s*(?!none)|visibility\s*:\s*visible", re.IGNORECASE)
_STRUCK = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
_SHIFT = re.compile(
    r"(?:^|[;\s])vertical-align\s*:\s*(super|sub|text-top|0?\.[3-9]\d*em|[3-9]\d%)\s*(?:!|;|$)",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?:^|[;\s])color\s*:\s*(?:white|#fff(?:fff)?|transparent|rgba\([^)]*,\s*0?(?:\.0+)?\))\s*(?:!|;|$)"
    r"|(?:^|[;\s])color\s*:\s*rgb\(\s*255\s*,\s*255\s*,\s*255\s*\)",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(r"background(?:-color|-image)?\s*:", re.IGNORECASE)
_SELECTOR = re.compile(r"\s*([a-z][a-z0-9]*)?([.#][\w-]+)?\s*\Z", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class HidingRules:
    """The selectors by which the style sheets in a page hide, strike, raise or lower elements."""

    hidden: frozenset[str] = field(default_factory=frozenset)  # ".note", "#x", "p", "p.note"
    struck: frozenset[str] = field(default_factory=frozenset)
    shifts: Mapping[str, int] = field(default_factory=dict)  # 1 raised, -1 lowered

    @classmethod
    def of(cls, root: _Element) -> HidingRules:
        """Read the style sheets in a page."""
        hidden: set[str] = set()
        struck: set[str] = set()
        shifts: dict[str, int] = {}
        sheets = (sheet.text or "" for sheet in root.iter("style"))
        rules = (rule for sheet in sheets for rule in _rules(_without_comments(sheet)))
        for selectors, stated in islice(rules, MAX_RULES):
            declarations, found = stated[:MAX_STYLE], None
            if _HIDDEN.search(declarations):
                found = hidden
            elif _STRUCK.search(declarations):
                found = struck
            if found is not None:
                found.update(_simple_selectors(selectors))
            elif shift := _stated_shift(declarations):
                shifts.update(dict.fromkeys(_simple_selectors(selectors), shift))
        return cls(frozenset(hidden), frozenset(struck), shifts)

    def left_out(self, element: _Element, tag: str) -> str:
        """Return "hidden_text" or "deleted_text" for an element that is not shown as current."""
        style = (element.get("style") or "")[:MAX_STYLE]
        if tag == "font" and element.get("color"):
            style = f"color:{(element.get('color') or '')[:40]};{style}"
        if tag in STRUCK_TAGS or (style and _STRUCK.search(style)):
            return "deleted_text"
        if element.get("hidden") is not None and not _SHOWN.search(style):
            return "hidden_text"
        if style and (_HIDDEN.search(style) or _FADED.search(style) or _is_white(element, style)):
            return "hidden_text"
        if (self.hidden or self.struck) and tag not in _WHOLE and not _SHOWN.search(style):
            names = set(_names(element, tag))
            if names & self.hidden:
                return "hidden_text"
            if names & self.struck:
                return "deleted_text"
        return ""

    def shift_of(self, element: _Element, tag: str) -> int:
        """Return how an element shifts its text: 1 raised, -1 lowered, 0 not."""
        if tag in ("sup", "sub"):
            return 1 if tag == "sup" else -1
        if tag not in _SHIFTED_TAGS:
            return 0
        if shift := _stated_shift((element.get("style") or "")[:MAX_STYLE]):
            return shift
        names = _names(element, tag) if self.shifts else ()
        return next((self.shifts[name] for name in names if name in self.shifts), 0)


def _stated_shift(style: str) -> int:
    """Return how declarations shift text: 1 raised, -1 lowered, 0 not."""
    match = _SHIFT.search(style)
    return 0 if match is None else -1 if match[1].lower() == "sub" else 1


def _without_comments(sheet: str) -> str:
    kept, start = [], 0
    while (begin := sheet.find("/*", start)) >= 0:
        kept.append(sheet[start:begin])
        end = sheet.find("*/", begin + 2)
        start = len(sheet) if end < 0 else end + 2
    return "".join([*kept, sheet[start:]])


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield the selectors and declarations of the rules of a style sheet for screens."""
    opened: list[str] = []
    start = 0
    for brace in _BRACE.finditer(sheet):
        text = sheet[start : brace.start()]
        start = brace.end()
        if brace.group() == "{":
            opened.append(text.rpartition(";")[2].strip())
        elif opened:
            selectors = opened.pop()
            nested = len(opened) <= MAX_NESTED and all(map(_is_for_screens, opened))
            if nested and not selectors.startswith("@"):
                yield selectors, text


def _is_for_screens(rule: str) -> bool:
    """Tell whether the rules inside another apply to any screen."""
    lowered = rule.lower()
    return lowered.startswith(("@supports", "@layer", "@media screen", "@media all")) and not (
        "(" in lowered and lowered.startswith("@media")
    )


def _simple_selectors(selectors: str) -> Iterator[str]:
    for selector in selectors.split(","):
        match = _SELECTOR.match(selector)
        if match is not None and (match[1] or match[2]):
            yield (match[1] or "").lower() + (match[2] or "")


def _names(element: _Element, tag: str) -> Iterator[str]:
    yield tag
    names = [f".{name}" for name in (element.get("class") or "").split()[:50]]
    if identifier := element.get("id"):
        names.append(f"#{identifier}")
    for name in names:
        yield name
        yield tag + name


def _is_white(element: _Element, style: str) -> bool:
    """Tell white text from white text on a background, which an ancestor may have by its class."""
    if not _WHITE.search(style):
        return False
    current: _Element | None = element
    for _ in range(MAX_ANCESTORS):
        if current is None or current.tag == "html":
            return True
        if _BACKGROUND.search((current.get("style") or "")[:MAX_STYLE]) or current.get("bgcolor"):
            return False
        if current.get("class") and current is not element:
            return False
        current = current.getparent()
    return True
