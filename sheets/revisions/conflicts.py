"""Present a merge by section, with both sides and their sources, to resolve its conflicts.

The same values serve the page of a proposal and that of a conflict between two editors.
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
from sheets.rendering.labels import Label, reader_label
from sheets.schema.types import SectionBrief, SheetTemplate
from sheets.sources.citation_check import CheckedCitation, check_citations

Key = tuple[str, str]
LONG = 900


@dataclass(frozen=True)
class ConflictView:
    """A conflict as the page shows it: the blocks of both sides and their sources.

    `lead` and `tail` are the words of the same statement before and after the conflict.
    """

    conflict: Conflict
    label: Label
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
        """Tell whether a side has more than `LONG` characters, to be shown in a scrolling frame."""
        return max(len(self.conflict.ours), len(self.conflict.theirs)) > LONG


@dataclass(frozen=True)
class RemoteChange:
    """A block that only the other side changed, with the sources of its new text."""

    label: Label
    block: BlockChange
    sources: tuple[CheckedCitation, ...] = ()


@dataclass(frozen=True)
class ConflictSection:
    """One section of the page: its conflicts and the changes of the other side."""

    key: str
    heading: Label
    conflicts: tuple[ConflictView, ...]
    changes: tuple[RemoteChange, ...]


def section_of(conflict: Conflict, template: SheetTemplate) -> str:
    """Return the key of the section of a conflict."""
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
    conflicts = [(section_of(c.conflict, template), c) for c in conflict_views(merged, template)]
    changes = [
        (
            outline.section(b.section) if b.section else "",
            RemoteChange(block_label(b.section, b.field, outline, template), b),
        )
        for b in diff_blocks(ours.body, with_ours(merged).body)
        if b.kind not in ("same", "moved") and not (b.kind == "removed" and b.moved)
    ]
    fresh = diff_values(ours.values, with_ours(merged).values)
    changes += [(header_section(v.key, template), value_change(v, template)) for v in fresh]

    found = sources_of([c for _, c in conflicts], [c for _, c in changes], notes)
    parts: dict[str, tuple[list[ConflictView], list[RemoteChange]]] = {}
    for key, view in conflicts:
        parts.setdefault(key, ([], []))[0].append(
            ConflictView(
                **{**vars(view)}
                | {
                    "ours_sources": found.get((view.id, "ours"), ()),
                    "theirs_sources": found.get((view.id, "theirs"), ()),
                }
            )
        )
    for number, (key, change) in enumerate(changes):
        sources = found.get((str(number), "change"), ())
        parts.setdefault(key, ([], []))[1].append(RemoteChange(change.label, change.block, sources))
    order = {s.key: n for n, s in enumerate(template.sections)}
    headings = {s.key: reader_label(shown_heading(s), template, s.key) for s in template.sections}
    headings |= {
        outline.section(name): Label(name)
        for name in (
            *(c.conflict.section for _, c in conflicts),
            *(c.block.section for _, c in changes),
        )
        if name and outline.section(name) not in headings
    }
    return [
        ConflictSection(
            key, headings.get(key, Label(key)), tuple(parts[key][0]), tuple(parts[key][1])
        )
        for key in sorted(parts, key=lambda k: order.get(k, len(order)))
    ]


def with_ours(merged: MergeResult) -> Version:
    """Return the merged text with our side of every conflict."""
    mine = dict.fromkeys((c.id for c in merged.conflicts), MINE)
    return Version(resolve_conflicts(merged, mine), resolve_value_conflicts(merged, mine))


def shown_heading(section: SectionBrief) -> str:
    return f"{section.emoji} {section.heading}".strip()


def value_change(change: ValueChange, template: SheetTemplate) -> RemoteChange:
    """Return a change of header data as the change of a block."""
    block = BlockChange(change.kind, "", change.key, change.old, change.new, change.pieces)
    return RemoteChange(field_label(change.key, template), block)


def field_label(key: str, template: SheetTemplate) -> Label:
    """Return the heading of a header field in the reader's language, or its key."""
    fields = ((s, f) for s in template.sections if s.role == "header" for f in s.fields)
    labels = (reader_label(f.heading, template, s.key, key) for s, f in fields if f.key == key)
    return next(labels, Label(key))


def block_label(
    section: str, field: str, outline: OutlineTracker, template: SheetTemplate
) -> Label:
    """Return the heading `field`, below the heading `section`, in the reader's language."""
    if not (section and field):
        return Label(field)
    key = outline.section(section)
    return reader_label(field, template, key, outline.field(key, field))


def conflict_views(merged: MergeResult, template: SheetTemplate) -> Iterable[ConflictView]:
    """Yield each conflict with both sides compared, and the words around it."""
    for conflict in merged.value_conflicts:
        label = field_label(conflict.field, template)
        yield ConflictView(conflict, label, tuple(diff_blocks(conflict.ours, conflict.theirs)))
    outline = OutlineTracker(template)
    shown = [p.gap + p.ours if isinstance(p, Conflict) else p.text for p in merged.parts]
    for number, part in enumerate(merged.parts):
        if not isinstance(part, Conflict):
            continue
        lead = tail = ""
        if part.kind == "words":
            before = "".join(shown[:number]) + part.gap
            lead = MARKERS.split(before.rpartition("\n")[2])[-1]
            tail = statement_end(part.ours, "".join(shown[number + 1 :]).partition("\n")[0])
        label = block_label(part.section, part.field, outline, template)
        yield ConflictView(part, label, tuple(diff_blocks(part.ours, part.theirs)), lead, tail)


def statement_end(statement: str, rest: str) -> str:
    """Return the rest of a statement, up to the footnote markers that end it."""
    if MARKERS.search(statement[-12:]):
        return ""
    markers = MARKERS.search(rest)
    return rest[: markers.end()].rstrip() if markers else rest


def sources_of(
    conflicts: Iterable[ConflictView], changes: Iterable[RemoteChange], notes: Mapping[str, Note]
) -> dict[Key, tuple[CheckedCitation, ...]]:
    """Return the checked citations of each side, with one call of `check_citations`.

    A citation is checked against the statements of its own side only: the markers of each side
    are prefixed with its key for the check.
    """
    texts: dict[Key, str] = {}
    for view in conflicts:
        for side, text in (("ours", view.conflict.ours), ("theirs", view.conflict.theirs)):
            whole = text if view.conflict.kind != "words" else f"{view.lead}{text}{view.tail}"
            texts[view.id, side] = whole
    for number, change in enumerate(changes):
        texts[str(number), "change"] = change.block.new
    named: dict[str, Note] = {}
    owner: dict[str, Key] = {}
    statements: list[BodyStatement] = []
    for key, text in texts.items():
        for line in text.splitlines():
            for words, markers in split_marked(line):
                statements.append(BodyStatement("", "", words, tuple(f"{key}{m}" for m in markers)))
        for marker in dict.fromkeys(MARKER.findall(text)):
            if marker in notes and notes[marker].is_citation:
                named[f"{key}{marker}"] = notes[marker]
                owner[f"{key}{marker}"] = key
    found: dict[Key, list[CheckedCitation]] = {}
    for name, checked in zip(
        named, check_citations(named, statements) if named else [], strict=True
    ):
        found.setdefault(owner[name], []).append(checked)
    return {key: tuple(value) for key, value in found.items()}
