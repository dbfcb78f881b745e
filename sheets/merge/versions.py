"""Merge the bodies and the header data of three versions of a sheet. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sheets.markdown.parse import MARKER
from sheets.markdown.scanner import scan
from sheets.markdown.version import Version
from sheets.merge.blocks import merge_blocks
from sheets.merge.footnotes import KEYED, FootnoteTable, natural_key, take_notes
from sheets.merge.hunks import Hunk, gap_before, merge_gaps
from sheets.merge.moves import follow_moves
from sheets.merge.result import Conflict, MergedFootnote, MergedText, MergeResult, conflict_id
from sheets.merge.tokenize import cut_body, gap_indent, widen_gap

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


def is_equal(a: Version, b: Version) -> bool:
    return a.body == b.body and dict(a.values) == dict(b.values)


def version_key(version: Version) -> tuple[str, list[tuple[str, str]]]:
    return version.body, sorted(version.values.items())


def swap_sides(merged: MergeResult) -> MergeResult:
    """Return the result with the two sides of each conflict swapped."""

    def turned(conflict: Conflict) -> Conflict:
        return replace(conflict, ours=conflict.theirs, theirs=conflict.ours)

    return replace(
        merged,
        parts=[turned(p) if isinstance(p, Conflict) else p for p in merged.parts],
        value_conflicts=[turned(c) for c in merged.value_conflicts],
    )


def merge_in_order(base: Version, ours: Version, theirs: Version) -> MergeResult:
    """Merge as `merge_versions` does; ours comes first where nothing else decides."""
    versions = base, ours, theirs
    plain = [v.body.replace("\r\n", "\n").replace("\0", "") for v in versions]
    notes = FootnoteTable([take_notes(body) for body in plain])
    cut = [notes.key_blocks(cut_body(body)[0], side) for side, body in enumerate(plain)]
    headers = [
        {key: notes.key(value.replace("\0", ""), side) for key, value in v.values.items()}
        for side, v in enumerate(versions)
    ]
    rows = follow_moves(*cut)
    parts = list(write_hunks(merge_blocks(*rows)))
    values, value_conflicts = merge_values(*headers)
    labels = notes.label(
        [*values.values(), *(text for c in value_conflicts for text in part_texts(c))]
        + [text for part in parts for text in part_texts(part)]
    )

    def label(text: str) -> str:
        return KEYED.sub(lambda m: f"[^{labels[int(m[1])]}]", text)

    kept = [
        MergedFootnote(labels[n], notes.write(content), notes.stays(content))
        for content, n in notes.numbers.items()
        if any(content in side.written for side in notes.sides)
    ]
    ends = [body[len(body.rstrip()) :] for body in plain]
    return MergeResult(
        [
            MergedText(label(part.text))
            if isinstance(part, MergedText)
            else reduce_conflict(label_conflict(part, label))
            for part in name_conflicts(parts)
        ],
        sorted(kept, key=lambda note: natural_key(note.label)),
        {key: label(value) for key, value in values.items()},
        [label_conflict(c, label) for c in value_conflicts],
        merge_gaps(ends[0], ends[1], ends[2]),
    )


def part_texts(part: MergedText | Conflict) -> Sequence[str]:
    return (part.text,) if isinstance(part, MergedText) else (part.ours, part.theirs, part.base)


def label_conflict(conflict: Conflict, label: Callable[[str], str]) -> Conflict:
    """Return a conflict with footnote labels written into its texts."""
    base, ours, theirs = label(conflict.base), label(conflict.ours), label(conflict.theirs)
    return replace(conflict, base=base, ours=ours, theirs=theirs)


def reduce_conflict(conflict: Conflict) -> MergedText | Conflict:
    """Return the conflict; as text if its sides differ only invisibly (markers in code)."""
    if conflict.ours == conflict.theirs:
        return MergedText(conflict.gap + conflict.ours if conflict.ours else "")
    return conflict


def merge_values(
    base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]
) -> tuple[dict[str, str], list[Conflict]]:
    """Merge header data by key; a key changed in two ways is a conflict and gets our value.

    A missing key equals an empty value.
    """
    values: dict[str, str] = {}
    conflicts: list[Conflict] = []
    for key in dict.fromkeys([*base, *ours, *theirs]):
        was, mine, other = base.get(key, ""), ours.get(key, ""), theirs.get(key, "")
        if was != mine != other != was:
            name = conflict_identity(key, was, mine, other)
            conflicts.append(Conflict(name, "", key, was, mine, other, " ; ", "", "value"))
        chosen = other if mine == was else mine
        if chosen or (key in ours and key in theirs):
            values[key] = chosen
    return values, conflicts


# From hunks to parts


def write_hunks(pieces: Sequence[Hunk]) -> Iterator[MergedText | Conflict]:
    """Yield hunks as text and conflicts, with the whitespace between blocks."""
    text: list[str] = []
    path = HeadingPath()
    gap = dropped = kind = ""  # whitespace before the block; that of omitted blocks; its kind
    begun = False  # whether the block has any text yet
    shown: Hunk | None = None  # the last hunk with a text
    for last, piece, following in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        if piece.kind != "words":
            gap, begun = gap_before(piece, last, shown, dropped), False
            tight = kind == piece.kind and kind in {"item", "row"}
            if kind in {"text", "item"} and piece.kind == "text":
                gap = widen_gap(gap, BLANK_LINE)
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


@dataclass
class HeadingPath:
    """The texts of the headings above a position in the text."""

    section: str = ""
    field: str = ""

    def update(self, piece: Hunk) -> None:
        text = piece.merged or piece.ours or piece.theirs or piece.base
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
                part = replace(part, id=f"{part.id}-{seen[part.id]}")
        yield part
