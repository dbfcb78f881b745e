"""Lay out a merge for the person who settles it: section by section, both sides, their sources.

One screen serves proposals and conflicts between editors alike: it is made of a merge and of the
text that stands today.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sheets.markdown.parse import (
    MARKER,
    MARKERS,
    BodyStatement,
    Note,
    OutlineTracker,
    read_note,
    split_marked,
    split_notes,
)
from sheets.markdown.splice import header_section
from sheets.merge import (
    MINE,
    Conflict,
    MergeResult,
    Version,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.merge.diff import BlockChange, ValueChange, diff_blocks, diff_values
from sheets.schema.types import SectionBrief, SheetTemplate
from sheets.sources.citation_check import CheckedCitation, check_citations

Key = tuple[str, str]
LONG = 900


@dataclass(frozen=True)
class ConflictView:
    """A conflict as the screen shows it: the blocks of both sides, the words around, the sources.

    `lead` and `tail` are the words of the same statement before and after the place.
    """

    conflict: Conflict
    label: str
    blocks: tuple[BlockChange, ...]
    lead: str = ""
    tail: str = ""
    ours_sources: tuple[CheckedCitation, ...] = ()
    theirs_sources: tuple[CheckedCitation, ...] = ()

    @property
    def id(self) -> str:
        return self.conflict.id

    @property
    def is_long(self) -> bool:
        """Tell whether a side is so long that it is shown in a frame that scrolls."""
        return max(len(self.conflict.ours), len(self.conflict.theirs)) > LONG


@dataclass(frozen=True)
class RemoteChange:
    """A place that only the other side changed, with the sources of what it says now."""

    label: str
    block: BlockChange
    sources: tuple[CheckedCitation, ...] = ()


@dataclass(frozen=True)
class ConflictSection:
    """One section of the screen."""

    key: str
    heading: str
    clashes: tuple[ConflictView, ...]
    changes: tuple[RemoteChange, ...]


def section_of(conflict: Conflict, template: SheetTemplate) -> str:
    """Return the key of the section that a conflict stands in."""
    if conflict.kind == "value":
        return header_section(conflict.field, template)
    return OutlineTracker(template).section(conflict.section) if conflict.section else ""


def conflict_sections(
    merged: MergeResult, ours: Version, template: SheetTemplate
) -> list[ConflictSection]:
    """Return the sections in which the two sides differ, in the order of the text."""
    outline = OutlineTracker(template)
    notes = split_notes(merged.text)[1]
    notes |= {n.label: read_note(n.label, n.text) for n in merged.notes}
    clashes = [(section_of(c.conflict, template), c) for c in conflict_views(merged, template)]
    changes = [
        (outline.section(b.section) if b.section else "", RemoteChange(b.field, b))
        for b in diff_blocks(ours.body, with_ours(merged).body)
        if b.kind not in ("same", "moved") and not (b.kind == "removed" and b.moved)
    ]
    fresh = diff_values(ours.values, with_ours(merged).values)
    changes += [(header_section(v.key, template), value_change(v, template)) for v in fresh]

    found = sources_of([c for _, c in clashes], [c for _, c in changes], notes)
    parts: dict[str, tuple[list[ConflictView], list[RemoteChange]]] = {}
    for key, clash in clashes:
        parts.setdefault(key, ([], []))[0].append(
            ConflictView(
                **{**vars(clash)}
                | {
                    "ours_sources": found.get((clash.id, "ours"), ()),
                    "theirs_sources": found.get((clash.id, "theirs"), ()),
                }
            )
        )
    for number, (key, change) in enumerate(changes):
        sources = found.get((str(number), "change"), ())
        parts.setdefault(key, ([], []))[1].append(RemoteChange(change.label, change.block, sources))
    order = {s.key: n for n, s in enumerate(template.sections)}
    headings = {s.key: shown_heading(s) for s in template.sections}
    headings |= {
        outline.section(name): name
        for name in (
            *(c.conflict.section for _, c in clashes),
            *(c.block.section for _, c in changes),
        )
        if name and outline.section(name) not in headings
    }
    return [
        ConflictSection(key, headings.get(key, key), tuple(parts[key][0]), tuple(parts[key][1]))
        for key in sorted(parts, key=lambda k: order.get(k, len(order)))
    ]


def with_ours(merged: MergeResult) -> Version:
    """Return the merged text with ours wherever the two sides clash."""
    mine = dict.fromkeys((c.id for c in merged.conflicts), MINE)
    return Version(resolve_conflicts(merged, mine), resolve_value_conflicts(merged, mine))


def shown_heading(section: SectionBrief) -> str:
    return f"{section.emoji} {section.heading}".strip()


def value_change(change: ValueChange, template: SheetTemplate) -> RemoteChange:
    """Return a change of header data as one of a block."""
    block = BlockChange(change.kind, "", change.key, change.old, change.new, change.pieces)
    return RemoteChange(field_heading(change.key, template), block)


def field_heading(key: str, template: SheetTemplate) -> str:
    """Return what a header field is called."""
    fields = (f for s in template.sections if s.role == "header" for f in s.fields)
    return next((f.heading for f in fields if f.key == key), key)


def conflict_views(merged: MergeResult, template: SheetTemplate) -> Iterable[ConflictView]:
    """Yield each conflict with both sides compared, and the words around it."""
    for conflict in merged.value_conflicts:
        label = field_heading(conflict.field, template)
        yield ConflictView(conflict, label, tuple(diff_blocks(conflict.ours, conflict.theirs)))
    shown = [p.gap + p.ours if isinstance(p, Conflict) else p.text for p in merged.parts]
    for number, part in enumerate(merged.parts):
        if not isinstance(part, Conflict):
            continue
        lead = tail = ""
        if part.kind == "words":
            before = "".join(shown[:number]) + part.gap
            lead = MARKERS.split(before.rpartition("\n")[2])[-1]
            tail = statement_end(part.ours, "".join(shown[number + 1 :]).partition("\n")[0])
        yield ConflictView(part, part.field, tuple(diff_blocks(part.ours, part.theirs)), lead, tail)


def statement_end(said: str, rest: str) -> str:
    """Return the words with which a statement goes on, up to the markers that end it."""
    if MARKERS.search(said[-12:]):
        return ""
    markers = MARKERS.search(rest)
    return rest[: markers.end()].rstrip() if markers else rest


def sources_of(
    clashes: Iterable[ConflictView], changes: Iterable[RemoteChange], notes: Mapping[str, Note]
) -> dict[Key, tuple[CheckedCitation, ...]]:
    """Return the checked citations of each side, all in one go.

    A citation is judged by the statements of its own side alone: each side's markers get names
    of their own while they are checked.
    """
    texts: dict[Key, str] = {}
    for clash in clashes:
        for side, text in (("ours", clash.conflict.ours), ("theirs", clash.conflict.theirs)):
            whole = text if clash.conflict.kind != "words" else f"{clash.lead}{text}{clash.tail}"
            texts[clash.id, side] = whole
    for number, change in enumerate(changes):
        texts[str(number), "change"] = change.block.new
    named: dict[str, Note] = {}
    owner: dict[str, Key] = {}
    said: list[BodyStatement] = []
    for key, text in texts.items():
        for line in text.splitlines():
            for words, markers in split_marked(line):
                said.append(BodyStatement("", "", words, tuple(f"{key}{m}" for m in markers)))
        for marker in dict.fromkeys(MARKER.findall(text)):
            if marker in notes and notes[marker].is_citation:
                named[f"{key}{marker}"] = notes[marker]
                owner[f"{key}{marker}"] = key
    found: dict[Key, list[CheckedCitation]] = {}
    for name, checked in zip(named, check_citations(named, said) if named else [], strict=True):
        found.setdefault(owner[name], []).append(checked)
    return {key: tuple(value) for key, value in found.items()}
