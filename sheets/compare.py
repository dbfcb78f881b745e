"""Compare two versions of a sheet for a reader: what changed, what to fold, the page with marks.

Pure, but for the words of languages.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sheets.body import TABLE_RULE, Note, read_note
from sheets.diff import BlockChange, NoteChange, ValueChange, diff, diff_notes, diff_values
from sheets.drafts import Template
from sheets.graft import note_lines
from sheets.merge import Version
from sheets.merge.blocks import WORD
from sheets.reconcile import field_heading
from sheets.render import Shown, render

AROUND = 1
"""Unchanged blocks that are shown on either side of a change."""
LEAST_FOLDED = 3
MOST_FOLDED = 30
"""A longer run of unchanged blocks is counted only, unless all of it is asked for."""


@dataclass(frozen=True)
class Run:
    """Blocks that stand together: to be shown, or the same on both sides and folded.

    `changes` is empty where so many are folded that they are only counted. `section` and `field`
    are the headings under which a run after folded ones begins.
    """

    folded: bool
    count: int
    changes: Sequence[BlockChange]
    section: str = ""
    field: str = ""


@dataclass(frozen=True)
class NoteLine:
    """A footnote that is not the same on both sides, read as a citation where it is one."""

    change: NoteChange
    old: Note | None
    new: Note | None


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions: text, header data with their headings, footnotes."""

    runs: Sequence[Run]
    values: Sequence[tuple[str, ValueChange]]
    notes: Sequence[NoteLine]
    counts: Mapping[str, int]

    @property
    def is_empty(self) -> bool:
        """Tell whether both versions say the same."""
        return not (self.values or self.notes or sum(self.counts.values()))


def compare(old: Version, new: Version, template: Template, *, whole: bool = False) -> Comparison:
    """Return what differs; with `whole` every unchanged block is there to be unfolded."""
    changes = diff(old.body, new.body)
    counts = Counter(kind for c in changes if (kind := counted(c)))
    return Comparison(
        runs=list(runs_of(changes, whole=whole)),
        values=[(field_heading(v.key, template), v) for v in diff_values(old.values, new.values)],
        notes=[
            NoteLine(n, read_note(n.old_label, n.old) if n.old else None,
                     read_note(n.new_label, n.new) if n.new else None)
            for n in diff_notes(old.body, new.body)
        ],
        counts=counts,
    )  # fmt: skip


def counted(change: BlockChange) -> str:
    """Return as what a block counts; a moved one counts once."""
    if change.kind == "same" or (change.kind == "removed" and change.moved):
        return ""
    return change.kind


def runs_of(changes: Sequence[BlockChange], *, whole: bool) -> Iterator[Run]:
    """Yield the blocks in runs to show, and in runs to fold between them."""
    near = [False] * len(changes)
    for place, change in enumerate(changes):
        if change.kind != "same":
            for at in range(max(place - AROUND, 0), min(place + AROUND + 1, len(changes))):
                near[at] = True
    start, after_fold = 0, False
    while start < len(changes):
        end = start
        while end < len(changes) and near[end] == near[start]:
            end += 1
        run = changes[start:end]
        folded = not near[start] and len(run) >= LEAST_FOLDED
        kept = run if not folded or whole or len(run) <= MOST_FOLDED else []
        begins = after_fold and run[0].block != "heading"
        yield Run(
            folded,
            len(run),
            kept,
            run[0].section if begins else "",
            run[0].field if begins else "",
        )
        start, after_fold = end, folded


# --- The page with marks --------------------------------------------------------------------------

ADD, ADDED, CUT, GONE = "\ue010", "\ue011", "\ue012", "\ue013"
MARKS = str.maketrans(dict.fromkeys((ADD, ADDED, CUT, GONE), ""))
TAGS = {ADD: "<ins>", ADDED: "</ins>", CUT: "<del>", GONE: "</del>"}
TAG = re.compile(r"(<[^>]*>)")
TIGHT = re.compile(r"</(ins|del)>(\s*)<\1>")
LEAD = re.compile(r"^\s*(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|\|\s*)")
CLOSE = {"item", "row"}


def changed_page(
    old: Version, new: Version, template: Template, citations: Mapping[str, Shown]
) -> str:
    """Return the page of the new version with what is new in <ins> and what went in <del>."""
    old = Version(old.body.translate(MARKS), old.values)
    new = Version(new.body.translate(MARKS), new.values)
    lines: list[str] = []
    last = ""
    for change in diff(old.body, new.body):
        text = marked_block(change)
        if text:
            lines.append("\n" if last == change.block and last in CLOSE else "\n\n")
            lines.append(text)
            last = change.block
    notes = note_lines(old.body) | note_lines(new.body)
    ends = "\n".join(f"[^{label}]: {text}" for label, text in notes.items())
    page = render(f"{''.join(lines)}\n\n{ends}\n", {}, template, citations).body
    return "".join(
        piece.translate(MARKS) if piece.startswith("<") else with_tags(piece)
        for piece in TAG.split(page)
    )


def with_tags(text: str) -> str:
    for mark, tag in TAGS.items():
        text = text.replace(mark, tag)
    return TIGHT.sub(r"\2", text)


def marked_block(change: BlockChange) -> str:
    """Return a block's Markdown with its new and its removed words between marks."""
    if change.kind == "same" or change.block in ("code", "rule") or TABLE_RULE.match(change.new):
        return change.new
    if not change.new:
        return "" if TABLE_RULE.match(change.old) else marked_words(change.old, CUT, GONE)
    if change.kind in ("added", "moved"):
        return marked_words(change.new, ADD, ADDED)
    parts: list[str] = []
    for words, kind in change.pieces:
        if kind == "same":
            parts.append(words)
        elif kind == "added":
            parts.append(marked_words(words, ADD, ADDED, begins=not parts))
        else:
            parts.append(plain_words(words))
    return "".join(parts)


def marked_words(text: str, start: str, end: str, *, begins: bool = True) -> str:
    """Return the text with each word between marks, its Markdown left as it is."""
    lead = LEAD.match(text) if begins else None
    head = lead[0] if lead else ""
    found = WORD.findall(text[len(head) :])
    return head + "".join(
        f"{gap}{start}{word}{end}" if is_word(word) else f"{gap}{word}" for gap, word in found
    )


def plain_words(text: str) -> str:
    """Return the words that went, between marks, without the Markdown around them."""
    return "".join(f"{gap}{CUT}{word}{GONE}" for gap, word in WORD.findall(text) if is_word(word))


def is_word(word: str) -> bool:
    return word[0].isalnum() and not word.startswith("http")
