"""Lasting addresses of statements: an anchor that its words make, wherever it stands."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from html import unescape
from typing import Any

from wikico2.text.normalize import folded_words

DIGITS = 10
TAG = re.compile(r"(<[^<>]*>)")
NAME = re.compile(r"</?([a-z0-9]+)")
CELLS = {"td", "th", "br"}
INSIDE = {
    "a", "abbr", "b", "code", "del", "em", "i", "img", "input", "ins", "kbd", "mark", "s", "small",
    "span", "strong", "sub", "u",
}  # fmt: skip
"""Tags within a statement; every other one ends it."""


def statement_anchor(text: str) -> str:
    """Return the anchor of a statement: it depends on its words alone, not on its typography."""
    words = " ".join(folded_words(text)) or text
    return f"s-{hashlib.blake2s(words.encode(), digest_size=8).hexdigest()[:DIGITS]}"


class AnchorCounter:
    """Gives anchors to statements in their order; the same words again get a number."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}

    def of(self, text: str) -> str:
        anchor = statement_anchor(text)
        self.times[anchor] = self.times.get(anchor, 0) + 1
        return anchor if self.times[anchor] == 1 else f"{anchor}-{self.times[anchor]}"


def statement_anchors(texts: Iterable[str]) -> Iterator[str]:
    """Yield the anchor of each statement."""
    counter = AnchorCounter()
    return (counter.of(text) for text in texts)


def counted_statements(check: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the counted statements of a `RevisionCheck` with their anchors; [] for None."""
    stored = [one for one in check.statements if one.get("counts", True)] if check else []
    anchors = statement_anchors(one["text"] for one in stored)
    return list(zip(anchors, stored, strict=True))


def with_anchors(html: str, wanted: Collection[str]) -> str:
    """Return the HTML of a sheet with the anchors of its statements.

    A statement with markers has its anchor at the first of them, one without at its block.
    `wanted` are the anchors of the statements; what has none of them gets no id.
    """
    pieces = TAG.split(html)
    walk = _AnchorWalk(pieces, wanted)
    for index, piece in enumerate(pieces):
        walk.take(index, piece)
    walk.end_statement()
    return "".join(pieces)


class _AnchorWalk:
    """Reads the pieces of an HTML text, and puts anchors into its tags."""

    def __init__(self, pieces: list[str], wanted: Collection[str]) -> None:
        self.pieces = pieces
        self.wanted = wanted
        self.counter = AnchorCounter()
        self.text: list[str] = []
        self.block = -1
        self.in_marker = False

    def take(self, index: int, piece: str) -> None:
        """Read one piece: a tag, or the text between two."""
        if not piece.startswith("<"):
            if not self.in_marker:
                self.text.append(piece)
            return
        match = NAME.match(piece)
        name = match[1] if match else ""
        if name == "sup":
            self.take_sup(index, piece)
        elif name in CELLS:
            self.text.append(" ")
        elif name not in INSIDE:
            self.end_statement()
            self.block = -1 if piece.startswith("</") else index

    def take_sup(self, index: int, piece: str) -> None:
        """Read a raised text; a marker ends a statement."""
        if piece.startswith("</"):
            self.in_marker = False
        elif 'class="cite"' in piece:
            self.in_marker = True
            self.put(index)

    def end_statement(self) -> None:
        """End a statement that has no marker."""
        self.put(self.block)

    def put(self, index: int) -> None:
        """Give the statement read so far an anchor in the tag at `index`."""
        words = unescape("".join(self.text))
        self.text.clear()
        if not words.strip():
            return
        anchor = self.counter.of(words)
        tag = self.pieces[index] if index >= 0 else ""
        if anchor in self.wanted and tag and " id=" not in tag:
            self.pieces[index] = f'{tag[:-1]} id="{anchor}">'
