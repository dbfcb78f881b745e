"""Find the notes of a web page and their calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers.repair.raised import SUPERSCRIPTS

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_ANCESTORS = 5
MAX_ADDRESS = 500
MAX_TEXT = 40
"""Characters, or elements, of a link that may be the call of a note."""

_SIGN = re.compile(r"[\[(]?(\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡§]{1,3})(?::\d+)?[\])]?\.?\Z")
_CALL_WORDS = re.compile(
    r"\b(?:doc-noteref|noteref|footnote-?ref|footnote-?call|appel-?note)", re.I
)
_RETURN_WORDS = re.compile(r"\b(?:doc-backlink|footnote-?back(?:ref|link)?|reversefootnote)", re.I)
_ARROWS = frozenset("↩ ↩︎ ⏎ ↑ ^ ⬆ ⤴".split())
_INLINE = frozenset("a b em font i mark small span strong sup u".split())


@dataclass(slots=True)
class HtmlNotes:
    """The calls of a page by their element, and the notes by the address that is called."""

    calls: dict[_Element, str] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)  # identifier of a note, to its sign
    typed: frozenset[str] = frozenset()  # the signs of all notes

    @classmethod
    def of(cls, root: _Element) -> HtmlNotes:
        """Find the notes of a page: those that links call, and those typed with a raised sign."""
        notes = cls()
        typed = set()
        for link in root.iter("a"):
            sign, target = _sign(link), _target(link)
            if sign and target and _is_call(link) and not _begins_block(link):
                notes.calls[_outermost(link)] = sign
                notes.signs.setdefault(target, sign)
        for raised in root.iter("sup"):
            if (sign := _sign(raised)) and _begins_block(raised):
                typed.add(sign)
        notes.typed = frozenset(typed | set(notes.signs.values()))
        return notes


def is_return_link(element: _Element, tag: str) -> bool:
    """Tell the link that leads from a note back to its call."""
    if tag != "a" or not _target(element):
        return False
    words = f"{element.get('class') or ''} {element.get('role') or ''}"
    return _RETURN_WORDS.search(words) is not None or _short_text(element) in _ARROWS


def without_sign(text: str, sign: str) -> str:
    """Return a note without the sign that it begins with, however that is written."""
    for form in (f"[{sign}]", f"⁽{sign.translate(SUPERSCRIPTS)}⁾", f"({sign})", sign):
        for written in (form, form.translate(SUPERSCRIPTS)):
            rest = text.removeprefix(written)
            if rest != text and not rest[:1].isalnum():
                return rest.lstrip(" .:)\t")
    return text


def _sign(element: _Element) -> str:
    """Return the number or sign that is the whole text of an element, `""` if it is more."""
    match = _SIGN.match(_short_text(element))
    return match[1] if match else ""


def _short_text(element: _Element) -> str:
    """Return the text of an element if it is a few characters, `""` if it is longer."""
    text = ""
    for number, part in enumerate(element.iter()):
        text += f"{part.text or ''}{(part.tail or '') if part is not element else ''}"
        if len(text) > MAX_TEXT or number > MAX_TEXT:
            return ""
    return text.strip()


def _target(link: _Element) -> str:
    """Return the identifier that a link leads to, in this page as far as one can tell."""
    address = link.get("href") or ""
    return address.partition("#")[2] if len(address) < MAX_ADDRESS else ""


def _is_call(link: _Element) -> bool:
    """Tell the call of a note from any other link in the page: it is raised, or named so."""
    words = " ".join(link.get(name) or "" for name in ("class", "role", "rel"))
    if _CALL_WORDS.search(words) or next(link.iter("sup"), None) is not None:
        return True
    return any(parent.tag == "sup" for parent in _parents(link))


def _parents(element: _Element) -> Iterator[_Element]:
    parent = element.getparent()
    for _ in range(MAX_ANCESTORS):
        if parent is None:
            return
        yield parent
        parent = parent.getparent()


def _outermost(link: _Element) -> _Element:
    """Return the raised element that holds only a link, else the link."""
    outer = link
    for parent in _parents(link):
        if parent.tag == "sup" and _short_text(parent) == _short_text(link):
            outer = parent
    return outer


def _begins_block(element: _Element) -> bool:
    """Tell whether nothing comes before an element in its paragraph."""
    for parent in _parents(element):
        before = element.getprevious()
        if before is not None and before.tag == "a" and not len(before):
            if (before.text or before.tail or "").strip():
                return False
            before = before.getprevious()  # an empty anchor
        if before is not None or (parent.text or "").strip():
            return False
        if parent.tag not in _INLINE:
            return True
        element = parent
    return False
