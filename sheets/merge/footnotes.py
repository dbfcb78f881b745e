"""Identify footnotes by their content, not their number, while texts are merged. Pure.

In each text a marker such as `[^3]` is replaced by one for the note's content: equal notes are
equal words on all sides, different notes never are. Afterwards each note gets its old label if no
other note has it, and a new number otherwise.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from sheets.markdown.parse import MARKER, outside_code, read_note
from sheets.markdown.scanner import scan
from sheets.merge.tokenize import MarkdownBlock

KEYED = re.compile(r"\[\^\0(\d+)\]")
Content = tuple[str, ...]


@dataclass(frozen=True)
class FootnoteDefinitions:
    """The footnotes of one text: the content of each label, and each content as written."""

    by_label: Mapping[str, Content]
    written: Mapping[Content, str]
    label: Mapping[Content, str]  # the first one of each content


def take_notes(text: str) -> FootnoteDefinitions:
    """Return the definitions in a text."""
    document = scan(text)
    by_label: dict[str, Content] = {}
    written: dict[Content, str] = {}
    label_of: dict[Content, str] = {}
    for note in document.notes:
        source = document.source(note.start, note.end).partition("]:")[2].strip()
        content = content_of(source)
        if by_label.setdefault(note.marker, content) == content:
            label_of.setdefault(content, note.marker)
        written.setdefault(content, source)
    return FootnoteDefinitions(by_label, written, label_of)


def content_of(text: str) -> Content:
    """Return the identity of a definition: (document, page, quote), or (its text,)."""
    return _content_of(" ".join(text.split()))


@lru_cache(maxsize=4096)  # the three texts of a merge share most footnotes
def _content_of(text: str) -> Content:
    note = read_note("", text)
    if note.is_citation:
        return str(note.document_id), str(note.page), " ".join(note.quote.split())
    return (text,)


@dataclass
class FootnoteTable:
    """The footnotes of base, ours and theirs, in this order, numbered by content."""

    sides: Sequence[FootnoteDefinitions]
    borrow: bool = True  # take a definition that a side lost from the base
    numbers: dict[Content, int] = field(default_factory=dict)
    called: list[set[Content]] = field(default_factory=lambda: [set(), set(), set()])

    def key(self, text: str, side: int) -> str:
        """Return a text of one side with every marker replaced by the key of its content."""
        if "[^" not in text:
            return text
        return outside_code(text, partial(self.key_markers, side))

    def key_markers(self, side: int, text: str) -> str:
        """Do so in a text without code blocks."""

        def replace(match: re.Match[str]) -> str:
            label = match[1]
            known = self.sides[side].by_label.get(label)
            if known is None and self.borrow:
                known = self.sides[0].by_label.get(label)
            content = known or ("", "", "", label)  # a marker without a definition stays as it is
            self.called[side].add(content)
            return f"[^\0{self.numbers.setdefault(content, len(self.numbers))}]"

        return MARKER.sub(replace, text)

    def key_blocks(self, blocks: Iterable[MarkdownBlock], side: int) -> list[MarkdownBlock]:
        """Return blocks of one side with the same done to those that are no code."""
        keyed: list[MarkdownBlock] = []
        before = ""
        for gap, text, kind, _before in blocks:
            if "[^" in text and kind != "code":
                text = self.key_markers(side, text)
            keyed.append(MarkdownBlock(gap, text, kind, before))
            before = text
        return keyed

    def label(self, texts: Iterable[str]) -> dict[int, str]:
        """Return the label of each content number, for texts given in reading order.

        A note keeps its label of the base; the others are numbered in the order of the texts.
        """
        order = [int(n) for text in texts for n in KEYED.findall(text)]
        for definitions in self.sides:
            for content in definitions.written:
                order.append(self.numbers.setdefault(content, len(self.numbers)))
        contents = {n: c for c, n in self.numbers.items()}
        wanted = {n: self.wanted(contents[n]) for n in dict.fromkeys(order)}
        base = self.sides[0]

        def claim(n: int) -> int:
            if len(contents[n]) == 4:
                return 0
            return 1 if wanted[n] and base.label.get(contents[n]) == wanted[n] else 2

        labels: dict[int, str] = {}
        taken: set[str] = set()
        late: list[int] = []
        for n in sorted(wanted, key=claim):  # stable: else in order of the texts
            label = wanted[n]
            if label is None or label in taken:
                late.append(n)
            else:
                labels[n] = label
                taken.add(label)
        free = max((int(m) for m in taken if m.isdecimal() and len(m) < 9), default=0)
        for n in late:
            free += 1
            labels[n] = str(free)
        return labels

    def wanted(self, content: Content) -> str | None:
        """Return the preferred label of a note: the one a side changed it to, if any did."""
        if len(content) == 4:
            return content[3]
        base, ours, theirs = (side.label.get(content) for side in self.sides)
        if ours is None or theirs is None:
            return ours or theirs or base
        if ours == base:
            return theirs
        return ours if theirs == base else min(ours, theirs, key=natural_key)

    def write(self, content: Content) -> str:
        """Return a definition as a side rewrote it, else as in the base."""
        base, ours, theirs = (side.written.get(content) for side in self.sides)
        if ours is None or theirs is None:
            return ours or theirs or base or ""
        return theirs if ours == base else ours

    def is_uncalled(self, content: Content) -> bool:
        """Tell whether the base has a definition that no marker of the base calls."""
        return content in self.sides[0].written and content not in self.called[0]

    def stays(self, content: Content) -> bool:
        """Tell whether a definition is kept although no marker of its side calls it."""
        base, ours, theirs = (content in side.written for side in self.sides)
        for side, defined in enumerate((base, ours, theirs)):
            if side and defined and content in self.called[side]:
                return False
        return theirs if ours == base else ours


def natural_key(label: str) -> tuple[int, int, str]:
    """Return a sort key of labels: numbers by value, then names."""
    return (0, int(label), "") if label.isdecimal() and len(label) < 9 else (1, 0, label)
