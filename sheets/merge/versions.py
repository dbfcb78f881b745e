"""Merge the bodies and the header data of three versions of a sheet. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Literal, NamedTuple

from sheets.markdown.parse import MARKER
from sheets.markdown.scanner import delimiter_cells, scan
from sheets.markdown.version import Version
from sheets.merge.blocks import Rows, conflict_hunk, merge_blocks
from sheets.merge.footnotes import KEYED, FootnoteTable, natural_key, take_notes
from sheets.merge.hunks import Hunk, gap_before, gaps_after, merge_gaps
from sheets.merge.moves import PLACE, align_sides
from sheets.merge.result import (
    BOTH,
    MINE,
    OTHER,
    THEIRS,
    Conflict,
    MergedFootnote,
    MergedText,
    MergeResult,
    MovedText,
    conflict_id,
    join_parts,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.merge.tokenize import cut_body, gap_indent, split_gap, widen_gap

BLANK_LINE = "\n\n"


def merge_bodies(base: str, ours: str, theirs: str) -> MergeResult:
    """Merge two bodies that started from `base`."""
    return merge_versions(Version(base), Version(ours), Version(theirs))


def merge_versions(base: Version, ours: Version, theirs: Version) -> MergeResult:
    """Merge two versions that started from `base`.

    Footnotes are identified by content: equal citations become one note; if two notes have the
    same number, one of them and its markers are renumbered. Swapping ours and theirs gives the same
    result, with the sides of its conflicts swapped.
    """
    if is_equal(ours, base) or is_equal(ours, theirs):
        return MergeResult([MergedText(theirs.body)], values=dict(theirs.values), end="")
    if is_equal(theirs, base):
        return MergeResult([MergedText(ours.body)], values=dict(ours.values), end="")
    if version_key(theirs) < version_key(ours):
        return swap_sides(merge_in_order(base, theirs, ours))
    return merge_in_order(base, ours, theirs)


def itemise_changes(old: Version, new: Version) -> MergeResult:
    """Return each block and header value in which two versions differ as a conflict of its own.

    Its `ours` is the text of `old`, its `theirs` that of `new`. A table that was added or taken out
    is one conflict. Blocks that only moved are at their new places.
    """
    return merge_in_order(old, old, new, itemised=True)


def take_items(old: Version, new: Version, left: Collection[str]) -> Version:
    """Return `new` without the items `left`, ids of conflicts of `itemise_changes`."""
    if not left:
        return new
    items = itemise_changes(old, new)
    choices = {c.id: MINE if c.id in left else THEIRS for c in items.conflicts}
    if all(choice is MINE for choice in choices.values()):
        return old
    if MINE not in choices.values():
        return new
    body = resolve_conflicts(items, choices)
    return Version(body, resolve_value_conflicts(items, choices))


def is_equal(a: Version, b: Version) -> bool:
    return a.body == b.body and dict(a.values) == dict(b.values)


def version_key(version: Version) -> tuple[str, list[tuple[str, str]]]:
    return version.body, sorted(version.values.items())


def swap_sides(merged: MergeResult) -> MergeResult:
    """Return the result with the two sides of each conflict swapped."""

    def turned(conflict: Conflict) -> Conflict:
        return replace(
            conflict,
            ours=conflict.theirs,
            theirs=conflict.ours,
            place=OTHER[conflict.place],
            ours_after=conflict.theirs_after,
            theirs_after=conflict.ours_after,
        )

    def turned_part(part: MergedText | Conflict) -> MergedText | Conflict:
        if isinstance(part, MovedText):
            return replace(part, place=OTHER[part.place])
        return turned(part) if isinstance(part, Conflict) else part

    return replace(
        merged,
        parts=[turned_part(part) for part in merged.parts],
        value_conflicts=[turned(c) for c in merged.value_conflicts],
    )


def merge_in_order(
    base: Version, ours: Version, theirs: Version, *, itemised: bool = False
) -> MergeResult:
    """Merge as `merge_versions` does; ours comes first where nothing else decides.

    If `itemised`, what only theirs changed is a conflict too.
    """
    versions = base, ours, theirs
    plain = [v.body.replace("\r\n", "\n").replace("\0", "") for v in versions]
    notes = FootnoteTable([take_notes(body) for body in plain])
    cut = [notes.key_blocks(cut_body(body)[0], side) for side, body in enumerate(plain)]
    headers = [
        {key: notes.key(value.replace("\0", ""), side) for key, value in v.values.items()}
        for side, v in enumerate(versions)
    ]
    rows = align_sides(*cut)
    hunks = merge_blocks(*rows)
    parts = join_places(list(write_hunks(open_hunks(hunks) if itemised else hunks)))
    values, value_conflicts = merge_values(*headers, itemised=itemised)
    labels = notes.label(
        [*values.values(), *(text for c in value_conflicts for text in part_texts(c))]
        + [text for part in parts for text in part_texts(part)]
    )

    def label(text: str) -> str:
        return KEYED.sub(lambda m: f"[^{labels[int(m[1])]}]", text)

    kept = [
        MergedFootnote(
            labels[n],
            notes.write(content),
            notes.stays(content) or (itemised and notes.is_uncalled(content)),
        )
        for content, n in notes.numbers.items()
        if any(content in side.written for side in notes.sides)
    ]
    ends = [body[len(body.rstrip()) :] for body in plain]
    return MergeResult(
        [label_part(part, label) for part in name_conflicts(parts)],
        sorted(kept, key=lambda note: natural_key(note.label)),
        {key: label(value) for key, value in values.items()},
        [label_conflict(c, label) for c in value_conflicts],
        merge_gaps(ends[0], ends[1], ends[2]),
    )


def part_texts(part: MergedText | Conflict) -> Sequence[str]:
    return (part.text,) if isinstance(part, MergedText) else (part.ours, part.theirs, part.base)


def label_part(part: MergedText | Conflict, label: Callable[[str], str]) -> MergedText | Conflict:
    """Return a part with footnote labels written into its texts."""
    if isinstance(part, MovedText):
        return replace(part, moved=label(part.moved))
    if isinstance(part, MergedText):
        return MergedText(label(part.text))
    return reduce_conflict(label_conflict(part, label))


def label_conflict(conflict: Conflict, label: Callable[[str], str]) -> Conflict:
    """Return a conflict with footnote labels written into its texts."""
    return replace(
        conflict,
        base=label(conflict.base),
        ours=label(conflict.ours),
        theirs=label(conflict.theirs),
        ours_after=label(conflict.ours_after),
        theirs_after=label(conflict.theirs_after),
        both=label(conflict.both),
    )


def reduce_conflict(conflict: Conflict) -> MergedText | Conflict:
    """Return the conflict; as text if its sides differ only invisibly (markers in code)."""
    if conflict.ours == conflict.theirs and conflict.kind != PLACE:
        return MergedText(conflict.gap + conflict.ours if conflict.ours else "")
    return conflict


def merge_values(
    base: Mapping[str, str],
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    *,
    itemised: bool = False,
) -> tuple[dict[str, str], list[Conflict]]:
    """Merge header data by key; a key changed in two ways is a conflict and gets our value.

    A missing key equals an empty value.
    """
    values: dict[str, str] = {}
    conflicts: list[Conflict] = []
    for key in dict.fromkeys([*base, *ours, *theirs]):
        was, mine, other = base.get(key, ""), ours.get(key, ""), theirs.get(key, "")
        if was != mine != other != was or (itemised and mine != other):
            name = conflict_identity(key, was, mine, other)
            conflicts.append(Conflict(name, "", key, was, mine, other, " ; ", "", "value"))
        chosen = other if mine == was else mine
        if chosen or (key in ours and key in theirs):
            values[key] = chosen
    return values, conflicts


# From hunks to parts


def open_hunks(hunks: Sequence[Hunk]) -> list[Hunk]:
    """Return the hunks with the changes of theirs as conflicts.

    A table that came or went is one conflict, told by the row of delimiters among its rows. A block
    in the place of another one of its kind is one conflict with it.
    """
    found: list[Hunk] = []
    for theirs, group in groupby(hunks, lambda hunk: hunk.side == "theirs"):
        run = list(group)
        if not theirs:
            found += run
            continue
        for kind, group_of_kind in groupby(run, lambda hunk: hunk.kind):
            found += open_run(kind, list(group_of_kind))
    return found


def open_run(kind: str, run: list[Hunk]) -> Iterator[Hunk]:
    """Yield the conflicts of a run of hunks of one kind that theirs changed."""
    if kind == "row":
        heads = [n - 1 for n, hunk in enumerate(run) if n and is_delimiter(hunk)]
        tables = [run[start:end] for start, end in pairwise([*heads, len(run)])]
        run = run[: heads[0]] if heads else run
        yield from open_run("text", run)
        yield from map(join_changes, tables)
        return
    gone, come = ([h for h in run if not text(h)] for text in (HUNK_THEIRS, HUNK_OURS))
    if len(gone) == len(come) and run == [*gone, *come]:
        yield from (join_changes(pair) for pair in zip(gone, come, strict=True))
    else:
        yield from (hunk._replace(merged=None) for hunk in run)


def is_delimiter(hunk: Hunk) -> bool:
    return delimiter_cells(hunk.ours or hunk.theirs) > 0


HUNK_OURS, HUNK_THEIRS = attrgetter("ours"), attrgetter("theirs")


def join_changes(rows: Sequence[Hunk]) -> Hunk:
    """Return changes of theirs that follow one another as one conflict."""
    ours = [h.starts[1] or h.starts[0] for h in rows if h.ours]
    theirs = [h.starts[2] for h in rows if h.theirs]
    old, new = ([block for block in side if block] for side in (ours, theirs))
    return conflict_hunk(Rows(old, old, new))._replace(side="theirs")


class PlaceMark(NamedTuple):
    """A mark of a place conflict among the parts, with the headings above it."""

    text: str
    section: str
    field: str
    before: str  # the block before it
    gap: str  # the whitespace before the moved text on the other side


def write_hunks(pieces: Sequence[Hunk]) -> Iterator[MergedText | Conflict | PlaceMark]:
    """Yield hunks as text and conflicts, with the whitespace between blocks."""
    text: list[str] = []
    path = HeadingPath()
    gap = dropped = kind = ""  # whitespace before the block; that of omitted blocks; its kind
    begun = False  # whether the block has any text yet
    shown: Hunk | None = None  # the last hunk with a text
    real = [piece for piece in pieces if piece.kind != PLACE]
    neighbours = zip([None, *real], [*real[1:], None], strict=False)
    for piece in pieces:
        if piece.kind == PLACE:
            if text:
                yield MergedText("".join(text))
                text = []
            mark = piece.starts[2]
            assert mark is not None
            line = "\n" if mark.before in {"item", "row"} else BLANK_LINE
            gap = mark.gap if "\n" in mark.gap else line
            yield PlaceMark(piece.base, path.section, path.field, path.last, gap)
            kind = kind or mark.before  # the moved text may come first
            continue
        last, following = next(neighbours)
        if piece.kind != "words":
            gap, begun = gap_before(piece, last, shown, dropped), False
            tight = kind == piece.kind and kind in {"item", "row"}
            if kind in {"text", "item"} and piece.kind == "text":
                gap = widen_gap(gap, BLANK_LINE)
            elif kind == "text" and piece.kind == "row" and not any(gaps_after(piece, shown)):
                gap = widen_gap(gap, BLANK_LINE)  # no side has this row right after that text
            elif kind and "\n" not in gap:  # it was the first block, but no longer is
                gap = widen_gap(gap, "\n" if tight else BLANK_LINE)
        if piece.merged == "":
            dropped = dropped if begun else widen_gap(gap, dropped)
            continue
        if piece.merged is not None:
            text.append(piece.merged if begun else gap + piece.merged.lstrip())
        else:
            alone = piece.kind != "words" and (following is None or following.kind != "words")
            if not begun and not alone:
                text.append(gap)
            if text:
                yield MergedText("".join(text))
                text = []
            if piece.kind == "heading":
                path.update(piece)
            yield path.conflict(piece, gap, begun=begun, alone=alone)
        begun, dropped, shown = True, "", piece
        if piece.kind != "words":
            path.update(piece)
            kind = piece.kind
    if text:
        yield MergedText("".join(text))


def join_places(
    parts: Sequence[MergedText | Conflict | PlaceMark],
) -> list[MergedText | Conflict]:
    """Return the parts, with one conflict for the text between two marks, and its other place.

    A conflict inside that text is part of it: each side has its own text at its own place.
    """
    marks = {p.text: n for n, p in enumerate(parts) if isinstance(p, PlaceMark)}
    moved: dict[str, Conflict] = {}
    ids: set[str] = set()
    for number in map(str, range(len(marks) // 3)):
        start, end, there = (marks[f"{which} {number}"] for which in ("begin", "end", "there"))
        conflict = place_conflict(parts[start : end + 1], parts[there])
        if conflict.id in ids:
            conflict = replace(conflict, id=conflict_id(conflict.id, number))
        ids.add(conflict.id)
        moved[number] = conflict
    joined: list[MergedText | Conflict] = []
    inside = False  # whether a moved text is being joined
    for part in parts:
        if not isinstance(part, PlaceMark):
            if not inside:
                joined.append(part)
            continue
        which, _space, number = part.text.partition(" ")
        if which == "there":
            text = part.gap + moved[number].theirs
            joined.append(MovedText("", moved[number].id, "theirs", text))
        else:
            inside = which == "begin"
            joined.extend([moved[number]] if inside else [])
    return joined


def place_conflict(
    parts: Sequence[MergedText | Conflict | PlaceMark], there: MergedText | Conflict | PlaceMark
) -> Conflict:
    """Return the conflict of a moved text, given with its first mark, and its other place."""
    begin = parts[0]
    assert isinstance(begin, PlaceMark)
    assert isinstance(there, PlaceMark)
    text = [part for part in parts if not isinstance(part, PlaceMark)]
    inner = [part.id for part in text if isinstance(part, Conflict)]
    mine, theirs, both = (join_parts(text, dict.fromkeys(inner, t)) for t in (MINE, THEIRS, BOTH))
    gap, ours = split_gap(mine)
    theirs, both = theirs.lstrip(), both.lstrip()
    name = conflict_identity(begin.section, begin.field, PLACE, ours, theirs)
    return Conflict(
        name, begin.section, begin.field, "", ours, theirs, BLANK_LINE, gap, "place", "ours",
        begin.before, there.before, both,
    )  # fmt: skip


@dataclass
class HeadingPath:
    """The texts of the headings above a position in the text, and the block before it."""

    section: str = ""
    field: str = ""
    last: str = ""

    def update(self, piece: Hunk) -> None:
        text = self.last = piece.merged or piece.ours or piece.theirs or piece.base
        if piece.kind == "code" or not ("#" in text or "\n=" in text or "\n-" in text):
            return
        for block in scan(text).blocks:
            if block.kind == "heading" and block.level <= 2:
                self.section, self.field = block.heading, ""
            elif block.kind == "heading":
                self.field = block.heading

    def conflict(self, piece: Hunk, gap: str, *, begun: bool, alone: bool) -> Conflict:
        """Return the conflict of a hunk; `alone` if it is its whole block.

        Whitespace that both texts begin with becomes its gap, so that it needs no decision.
        """
        base, ours, theirs = piece.base, piece.ours, piece.theirs
        kind: Literal["words", "blocks"] = "blocks" if alone else "words"
        joint = " "
        if alone:
            joint = f"\n{gap_indent(gap)}" if piece.kind in {"item", "row"} else BLANK_LINE
        elif begun:
            leads = {text[: len(text) - len(text.lstrip())] for text in (ours, theirs) if text}
            gap = leads.pop() if len(leads) == 1 else ""
            ours, theirs = ours.removeprefix(gap), theirs.removeprefix(gap)
        else:
            gap = ""
        if alone or not begun:
            ours, theirs = ours.lstrip(), theirs.lstrip()
        base = base.lstrip()
        name = conflict_identity(self.section, self.field, base, ours, theirs)
        return Conflict(name, self.section, self.field, base, ours, theirs, joint, gap, kind)


def conflict_identity(*texts: str) -> str:
    """Return the id of a conflict, independent of the order of the sides and of labels."""
    plain = [MARKER.sub("[^]", text) for text in texts]
    return conflict_id(*plain[:-2], *sorted(plain[-2:]))


def name_conflicts(parts: Sequence[MergedText | Conflict]) -> Iterator[MergedText | Conflict]:
    """Yield the parts, with a unique id for each conflict."""
    seen: Counter[str] = Counter()
    for part in parts:
        if isinstance(part, Conflict):
            seen[part.id] += 1
            if seen[part.id] > 1:
                part = replace(part, id=conflict_id(part.id, str(seen[part.id])))
        yield part
