"""What stands within a paragraph besides Python-Markdown's own: what people write elsewhere.

Struck text, lowered and raised letters, formulas left as they are, bare addresses, the HTML tags
that change letters. Other tags of HTML and comments are not shown. Each pattern takes time linear
in the text. Pure.
"""

import re
from typing import Any, cast
from xml.etree.ElementTree import Element

import markdown
from markdown.inlinepatterns import InlineProcessor, SubstituteTagInlineProcessor
from markdown.util import AtomicString

from sheets.markdown.html_tags import COMMENT, LETTER_TAGS, SCRIPT, is_html
from sheets.markdown.scanner import TAG

DEEPEST_LETTERS = 3
"""Most HTML tags around a letter that are honoured."""

FORMULA = r"\$\$[^$]+\$\$|\$(?=[^\s$])[^$\n]*(?<=\S)\$(?!\d)|\\\((?:[^\\\n]|\\(?![()]))*+\\\)"
STRUCK = r"~~(?=\S)(?P<del>(?:[^~]|~(?!~))+)(?<=\S)~~"
LOWERED = r"(?<!~)~(?P<sub>[^\s~]{1,60})~(?!~)"
RAISED = r"\^(?P<sup>[^\s^\[\]]{1,60})\^"
ADDRESS = r"(?<![\w/@.:-])(?:https?://|www\.(?=\w))[^\s<>«»\"“”\[\]|\x02\x03\ue000-\uf8ff]+"
MAIL = r"(?<![\w.+@/:-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
ANGLED_MAIL = r"<(?:mailto:)?([^<>\s!]+@[^@<>\s]+)>"
LETTERS = rf"<({LETTER_TAGS})(?:\s[^<>]*)?>((?:[^<]|<(?!/?(?:{LETTER_TAGS})[\s>]))*+)</\1\s*>"
ANCHOR = r"<a\s([^<>]*)>((?:[^<]|<(?!/?a[\s>]))*+)</a\s*>"
HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s]*)", re.IGNORECASE)
TRAILING = "?!.,:;*_~'’"


def add_patterns(md: markdown.Markdown) -> None:
    """Replace the converter's patterns for HTML and add those of this module."""
    patterns = md.inlinePatterns
    for name in ("html", "automail"):
        patterns.deregister(name)
    patterns.register(Formula(FORMULA, md), "formula", 188)
    patterns.register(AngledMail(ANGLED_MAIL, md), "automail", 110)
    patterns.register(Hidden(rf"{SCRIPT}|{COMMENT}", md), "comment", 108)
    patterns.register(AnchorTag(ANCHOR, md), "anchor_tag", 107)
    patterns.register(BareAddress(rf"{ADDRESS}|(?P<mail>{MAIL})", md), "address", 106)
    line_end = r"(?i)\\\n|[\v\u2028]|<br\s*/?>"
    patterns.register(SubstituteTagInlineProcessor(line_end, "br"), "line_end", 102)
    for level in range(DEEPEST_LETTERS):
        patterns.register(LetterTag(LETTERS, md), f"letters_{level}", 99 - level)
    patterns.register(Hidden(TAG, md), "tag", 90)
    patterns.register(Marked(rf"{STRUCK}|{LOWERED}|{RAISED}", md), "marked", 72)


SIGNS = {
    "address": ("://", "www.", "WWW.", "@"),
    "anchor_tag": ("<",), "autolink": ("<",), "automail": ("<",), "comment": ("<",),
    "backtick": ("`",),
    "em_strong": ("*", "_"),
    "entity": ("&",),
    "escape": ("\\",),
    "formula": ("$", "\\("),
    "image_link": ("![",), "image_reference": ("![",), "short_image_ref": ("![",),
    "letters_0": ("<",), "letters_1": ("<",), "letters_2": ("<",), "tag": ("<",),
    "line_end": ("\\\n", "\v", "\u2028", "<"),
    "linebreak": ("  \n",),
    "marked": ("~", "^"),
    "sheet_link": ("[[",),
}  # fmt: skip
"""Of each pattern, the signs of which a text has one where the pattern matches."""


class PatternChoice:
    """Keeps those patterns in a converter that its text may need, since each costs time."""

    def __init__(self, md: markdown.Markdown) -> None:
        self.patterns = md.inlinePatterns
        places = {p.name: p.priority for p in cast("Any", self.patterns)._priority}
        self.all = {name: (self.patterns[name], places[name]) for name in SIGNS if name in places}
        self.chosen = set(self.all)

    def choose(self, text: str) -> None:
        """Register the patterns that the text may need, and no others of `SIGNS`."""
        wanted = {name for name in self.all if any(sign in text for sign in SIGNS[name])}
        for name in self.chosen - wanted:
            self.patterns.deregister(name)
        for name in wanted - self.chosen:
            pattern, priority = self.all[name]
            self.patterns.register(pattern, name, priority)
        self.chosen = wanted


Found = tuple[Element | str | None, int | None, int | None]


class Pattern(InlineProcessor):
    """A pattern that ignores the case of letters."""

    def __init__(self, pattern: str, md: markdown.Markdown) -> None:
        super().__init__(pattern, md)
        self.compiled_re = re.compile(pattern, re.IGNORECASE | re.DOTALL)


class Formula(Pattern):
    """Leaves a formula as it is written."""

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        formula = Element("span", {"class": "math"})
        formula.text = AtomicString(match[0])
        return formula, match.start(), match.end()


class Marked(Pattern):
    """Puts struck, lowered and raised text into elements."""

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        tag = str(match.lastgroup)
        element = Element(tag)
        element.text = match[tag]
        return element, match.start(), match.end()


class LetterTag(Pattern):
    """Honours an HTML tag that changes letters."""

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        element = Element(match[1].lower())
        element.text = match[2]
        return element, match.start(), match.end()


class Hidden(Pattern):
    """Hides a tag of HTML, a comment or a script."""

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        if not is_html(match[0]):
            return None, None, None
        return "", match.start(), match.end()


class AnchorTag(Pattern):
    """Makes a link of <a href>."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        href = HREF.search(match[1])
        if href is None:
            return None, None, None
        return link(href[1], match[2]), match.start(), match.end()


class AngledMail(Pattern):
    """Makes a link of a mail address in angle brackets."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        return link(f"mailto:{match[1]}", AtomicString(match[1])), match.start(), match.end()


class BareAddress(Pattern):
    """Makes a link of an address of the web, without the punctuation behind it, or of mail."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, match: re.Match[str], data: str) -> Found:  # type: ignore[override]  # noqa: N802
        if match["mail"]:
            return link(f"mailto:{match[0]}", AtomicString(match[0])), match.start(), match.end()
        address = match[0].rstrip(TRAILING)
        closing = len(address) - len(address.rstrip(")"))
        surplus = min(closing, max(address.count(")") - address.count("("), 0))
        address = address[: len(address) - surplus].rstrip(TRAILING)
        href = address if "://" in address else f"https://{address}"
        if len(href) <= len("https://"):
            return None, None, None
        return link(href, AtomicString(address)), match.start(), match.start() + len(address)


def link(href: str, text: str) -> Element:
    element = Element("a", {"href": href})
    element.text = text
    return element
