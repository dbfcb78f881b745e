"""Present a merge by section, with both sides and their sources, to resolve its conflicts.

The same values serve the page of a proposal and that of a conflict between two editors.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

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
from sheets.markdown.scanner import delimiter_cells, split_row
from sheets.markdown.splice import header_section
from sheets.merge import (
    MINE,
    THEIRS,
    Conflict,
    ConflictChoice,
    MergeResult,
    Version,
    itemise_changes,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.merge.diff import BlockChange, Kind, Piece, PieceKind, diff_blocks, word_pieces
from sheets.merge.tokenize import cut_body
from sheets.rendering.labels import Label, reader_label
from sheets.revisions.note_numbers import NoteNumbers, replaced_notes
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


Cells = tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True)
class ComparedRow:
    """The cells of a row of a table on both sides, () where a side does not have it.

    `head` tells the first row of its table.
    """

    old: Cells
    new: Cells
    head: bool = False


@dataclass(frozen=True)
class ChangedNote:
    """A note and the words of its text on both sides."""

    marker: str
    old: tuple[Piece, ...]
    new: tuple[Piece, ...]


@dataclass(frozen=True)
class RemoteChange:
    """What only the other side changed, with the sources of its new text.

    `id` names it where it can be left out by itself, else it is "". `rows` are those of a table,
    below the cells of its first row, `columns`. `notes` are the notes without a source whose text
    it changes.
    """

    label: Label
    blocks: tuple[BlockChange, ...]
    sources: tuple[CheckedCitation, ...] = ()
    id: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[ComparedRow, ...] = ()
    notes: tuple[ChangedNote, ...] = ()

    @property
    def old(self) -> str:
        return "\n".join(block.old for block in self.blocks if block.old)

    @property
    def new(self) -> str:
        return "\n".join(block.new for block in self.blocks if block.new)


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
    notes = split_notes(merged.text)[1] | read_notes(merged)
    conflicts = [(section_of(c.conflict, template), c) for c in conflict_views(merged, template)]
    whole = with_ours(merged)
    items = itemise_changes(ours, whole)
    item_notes = read_notes(items)  # their labels are not those of `notes`
    loose = loose_ids(merged, ours, items)
    before, after = (take_side(items, choice) for choice in (MINE, THEIRS))
    heads = table_heads(before.body) | table_heads(after.body)
    replaced = replaced_notes(items, after)
    changes = [
        (
            section_of(item, template),
            replace(
                remote_change(item, loose, heads, outline, template),
                notes=tuple(changed_notes(replaced.get(item.id, ()), item_notes)),
            ),
        )
        for item in items.conflicts
    ]

    found = sources_of([c for _, c in conflicts], notes, [c for _, c in changes], item_notes)
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
        parts.setdefault(key, ([], []))[1].append(replace(change, sources=sources))
    order = {s.key: n for n, s in enumerate(template.sections)}
    headings = {s.key: reader_label(shown_heading(s), template, s.key) for s in template.sections}
    headings |= {
        outline.section(name): Label(name)
        for name in (
            *(c.conflict.section for _, c in conflicts),
            *(item.section for item in items.conflicts),
        )
        if name and outline.section(name) not in headings
    }
    numbers = NoteNumbers(ours, template)
    numbers.hand_on(chain.from_iterable(replaced.values()), item_notes)
    view_numbers = Renumber(numbers.by_label(notes))
    change_numbers = Renumber(numbers.by_label(item_notes))
    return [
        ConflictSection(
            key,
            headings.get(key, Label(key)),
            tuple(view_numbers.view(view) for view in parts[key][0]),
            tuple(change_numbers.change(change) for change in parts[key][1]),
        )
        for key in sorted(parts, key=lambda k: order.get(k, len(order)))
    ]


def with_ours(merged: MergeResult) -> Version:
    """Return the merged text with our side of every conflict."""
    return take_side(merged, MINE)


def take_side(merged: MergeResult, choice: ConflictChoice) -> Version:
    """Return the merged text with the same choice in every conflict."""
    made = dict.fromkeys((c.id for c in merged.conflicts), choice)
    return Version(resolve_conflicts(merged, made), resolve_value_conflicts(merged, made))


def read_notes(merged: MergeResult) -> dict[str, Note]:
    """Return the notes of all sides of a merge by their labels in it."""
    return {note.label: read_note(note.label, note.text) for note in merged.notes}


def shown_heading(section: SectionBrief) -> str:
    return f"{section.emoji} {section.heading}".strip()


def loose_ids(merged: MergeResult, ours: Version, items: MergeResult) -> set[str]:
    """Return the ids of the items that stand whatever is chosen in the conflicts.

    The others share a block with a conflict: they are taken or left with it.
    """
    ids = {c.id for c in items.conflicts}
    if merged.conflicts:
        other = take_side(merged, THEIRS)
        ids &= {c.id for c in itemise_changes(ours, other).conflicts}
    return ids


def remote_change(
    item: Conflict,
    loose: Collection[str],
    heads: Mapping[str, tuple[str, ...]],
    outline: OutlineTracker,
    template: SheetTemplate,
) -> RemoteChange:
    """Return an item of `itemise_changes` as the page shows it."""
    name = item.id if item.id in loose else ""
    if item.kind == "value":
        kind: Kind = "changed"
        if not (item.ours and item.theirs):
            kind = "added" if item.theirs else "removed"
        pieces = tuple(word_pieces(item.ours, item.theirs))
        block = BlockChange(kind, "", item.field, item.ours, item.theirs, pieces)
        return RemoteChange(field_label(item.field, template), (block,), id=name)
    label = block_label(item.section, item.field, outline, template)
    old, new = item.ours.split("\n"), item.theirs.split("\n")
    columns = next((heads[row_key(row)] for row in (*new, *old) if row_key(row) in heads), None)
    blocks = tuple(diff_blocks(item.ours, item.theirs))
    if columns is None:
        return RemoteChange(label, blocks, id=name)
    rows = tuple(table_rows(old, new, columns))
    return RemoteChange(label, blocks, id=name, columns=columns, rows=rows)


def changed_notes(
    replaced: Iterable[tuple[str, str]], notes: Mapping[str, Note]
) -> Iterator[ChangedNote]:
    """Yield what changes in notes without a source; those with one are shown as sources."""
    for old, new in replaced:
        was, now = notes.get(old), notes.get(new)
        if was and now and not (was.is_citation or now.is_citation):
            texts = [word_pieces(was.text, now.text)]
            yield ChangedNote(new, *side_cells(texts, "added"), *side_cells(texts, "removed"))


def row_key(row: str) -> str:
    """Return a row of a table without the numbers of its notes."""
    return MARKER.sub("[^]", row.strip())


def table_heads(body: str) -> dict[str, tuple[str, ...]]:
    """Return the cells of the first row of its table by `row_key`, for each row of a text."""
    heads: dict[str, tuple[str, ...]] = {}
    head: tuple[str, ...] = ()
    for block in cut_body(body)[0]:
        if block.kind != "row":
            head = ()
            continue
        head = head or tuple(split_row(block.text))
        heads[row_key(block.text)] = head
    return heads


def table_rows(old: list[str], new: list[str], columns: tuple[str, ...]) -> Iterator[ComparedRow]:
    """Yield the rows of both sides, in pairs where there are as many."""
    before, after = (
        [split_row(row) for row in side if row.strip() and not delimiter_cells(row)]
        for side in (old, new)
    )
    pairs: list[tuple[list[str], list[str]]] = list(zip(before, after, strict=False))
    if len(before) != len(after):
        pairs = [*((row, []) for row in before), *(([], row) for row in after)]
    for was, now in pairs:
        cells = [word_pieces(a, b) for a, b in zip_longest(was, now, fillvalue="")]
        yield ComparedRow(
            side_cells(cells, "added") if was else (),
            side_cells(cells, "removed") if now else (),
            tuple(now or was) == columns,
        )


def side_cells(cells: Iterable[Iterable[Piece]], other: PieceKind) -> Cells:
    """Return the cells without the words that only the other side has."""
    return tuple(tuple(piece for piece in cell if piece[1] != other) for cell in cells)


# --- Numbers of notes -----------------------------------------------------------------------------


class Renumber:
    """Write the numbers of notes that readers see into what the page shows."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self.numbers = numbers

    def text(self, text: str) -> str:
        return MARKER.sub(lambda m: f"[^{self.numbers.get(m[1], m[1])}]", text)

    def pieces(self, pieces: Iterable[Piece]) -> tuple[Piece, ...]:
        return tuple((self.text(words), kind) for words, kind in pieces)

    def blocks(self, blocks: Iterable[BlockChange]) -> tuple[BlockChange, ...]:
        return tuple(
            replace(b, old=self.text(b.old), new=self.text(b.new), pieces=self.pieces(b.pieces))
            for b in blocks
        )

    def cells(self, cells: Cells) -> Cells:
        return tuple(self.pieces(cell) for cell in cells)

    def sources(self, sources: Iterable[CheckedCitation]) -> tuple[CheckedCitation, ...]:
        return tuple(
            replace(s, note=replace(s.note, marker=self.numbers.get(s.note.marker, s.note.marker)))
            for s in sources
        )

    def view(self, view: ConflictView) -> ConflictView:
        names = ("base", "ours", "theirs", "ours_after", "theirs_after", "both")
        texts = {name: self.text(getattr(view.conflict, name)) for name in names}
        return replace(
            view,
            conflict=replace(view.conflict, **texts),  # type: ignore[arg-type]
            blocks=self.blocks(view.blocks),
            lead=self.text(view.lead),
            tail=self.text(view.tail),
            ours_sources=self.sources(view.ours_sources),
            theirs_sources=self.sources(view.theirs_sources),
        )

    def change(self, change: RemoteChange) -> RemoteChange:
        rows = (replace(r, old=self.cells(r.old), new=self.cells(r.new)) for r in change.rows)
        return replace(
            change,
            blocks=self.blocks(change.blocks),
            sources=self.sources(change.sources),
            columns=tuple(self.text(cell) for cell in change.columns),
            rows=tuple(rows),
            notes=tuple(replace(n, marker=self.numbers.get(n.marker, "")) for n in change.notes),
        )


# --- What the page says of each -------------------------------------------------------------------


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
    conflicts: Iterable[ConflictView],
    notes: Mapping[str, Note],
    changes: Iterable[RemoteChange],
    change_notes: Mapping[str, Note],
) -> dict[Key, tuple[CheckedCitation, ...]]:
    """Return the checked citations of each side, with one call of `check_citations`.

    `notes` are those of the conflicts by label, `change_notes` those of the changes. A citation is
    checked against the statements of its own side only: the markers of each side are prefixed with
    its key for the check.
    """
    texts: dict[Key, tuple[str, Mapping[str, Note]]] = {}
    for view in conflicts:
        for side, text in (("ours", view.conflict.ours), ("theirs", view.conflict.theirs)):
            whole = text if view.conflict.kind != "words" else f"{view.lead}{text}{view.tail}"
            texts[view.id, side] = whole, notes
    for number, change in enumerate(changes):
        texts[str(number), "change"] = change.new, change_notes
    named: dict[str, Note] = {}
    owner: dict[str, Key] = {}
    statements: list[BodyStatement] = []
    for key, (text, known) in texts.items():
        for line in text.splitlines():
            for words, markers in split_marked(line):
                statements.append(BodyStatement("", "", words, tuple(f"{key}{m}" for m in markers)))
        for marker in dict.fromkeys(MARKER.findall(text)):
            if marker in known and known[marker].is_citation:
                named[f"{key}{marker}"] = known[marker]
                owner[f"{key}{marker}"] = key
    found: dict[Key, list[CheckedCitation]] = {}
    for name, checked in zip(
        named, check_citations(named, statements) if named else [], strict=True
    ):
        found.setdefault(owner[name], []).append(checked)
    return {key: tuple(value) for key, value in found.items()}
