"""The result of a merge, and the text once its conflicts are resolved. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sheets.markdown.parse import MARKER
from sheets.merge.tokenize import cut_blocks, split_gap, widen_gap

Take = Literal["mine", "theirs", "both", "edit"]
Side = Literal["ours", "theirs"]


@dataclass(frozen=True)
class MergedText:
    """Merged text without conflicts."""

    text: str


@dataclass(frozen=True)
class MovedText(MergedText):
    """A text that is at this place if the side `place` wins the conflict of that id.

    `text` is "": the text of the conflict itself is shown at the place of the other side.
    """

    conflict: str = ""
    place: Side = "theirs"
    moved: str = ""


@dataclass(frozen=True)
class Conflict:
    """A text that both sides changed differently; "" for a side that removed it.

    One of kind "place" is a text that both sides moved to different places: it is in the text once,
    here if the side `place` is chosen, and else at its `MovedText`; `ours_after` and `theirs_after`
    are the texts before it on either side, "" at the start; `both` is it with all that both wrote.

    `section` and `field` are the texts of the headings above it, "" if there is none; for header
    data the section is "" and the field its key. `joint` separates the two texts if both are taken;
    `gap` is the whitespace before the chosen text. `kind` tells whether the texts are whole blocks,
    words inside one, or header data.
    """

    id: str
    section: str
    field: str
    base: str
    ours: str
    theirs: str
    joint: str = "\n\n"
    gap: str = ""
    kind: Literal["blocks", "words", "value", "place"] = "blocks"
    place: Side = "ours"
    ours_after: str = ""
    theirs_after: str = ""
    both: str = ""


@dataclass(frozen=True)
class ConflictChoice:
    """How to resolve a conflict; `text` is what a person wrote for "edit"."""

    take: Take
    text: str = ""


MINE, THEIRS, BOTH = ConflictChoice("mine"), ConflictChoice("theirs"), ConflictChoice("both")


@dataclass(frozen=True)
class MergedFootnote:
    """A footnote definition; if `kept`, it stays even without a marker."""

    label: str
    text: str
    kept: bool = False


@dataclass(frozen=True)
class MergeResult:
    """The result of a merge: the parts of the body, its footnotes, and the header data."""

    parts: Sequence[MergedText | Conflict]
    notes: Sequence[MergedFootnote] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    value_conflicts: Sequence[Conflict] = ()
    end: str = "\n"

    @property
    def conflicts(self) -> list[Conflict]:
        """All conflicts in page order, those of the header data first."""
        return [*self.value_conflicts, *(p for p in self.parts if isinstance(p, Conflict))]

    @property
    def text(self) -> str:
        """The merged body, with ours for every conflict."""
        return resolve_conflicts(self, {c.id: MINE for c in self.conflicts})


class UnresolvedConflicts(ValueError):
    """Some conflicts have no choice; `ids` are theirs."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = list(ids)
        super().__init__(", ".join(self.ids))


def resolve_conflicts(merged: MergeResult, choices: Mapping[str, ConflictChoice]) -> str:
    """Return the body with each conflict resolved; raise UnresolvedConflicts."""
    text = join_parts(resolve_parts(merged.parts, choices), choices)
    body = text.lstrip("\n") if merged.end or merged.notes else text
    return with_notes(body, merged, resolve_value_conflicts(merged, choices))


def join_parts(
    parts: Sequence[MergedText | Conflict], choices: Mapping[str, ConflictChoice]
) -> str:
    """Return the text of the parts with each conflict resolved."""
    text = ""
    dropped: str | None = None  # the whitespace before a conflict that was just resolved as empty
    for part in parts:
        gap, words = part_text(part, choices)
        if isinstance(part, MovedText) and not words:
            continue
        if isinstance(part, Conflict):
            if not words.strip():
                dropped = widen_gap(gap, dropped or "")
                continue
        elif dropped is not None:
            gap, words = split_gap(words)
        if dropped is not None:
            at_start = not text or text.endswith("\n")
            gap, dropped = "" if at_start and "\n" not in gap else widen_gap(gap, dropped), None
        if isinstance(part, Conflict) and gap.count("\n") == 1 and is_glued(text, words):
            gap = widen_gap(gap, "\n\n")
        text += gap + words
    return text


def is_glued(before: str, text: str) -> bool:
    """Tell whether a paragraph would continue the paragraph or list item on the line before it."""
    last = cut_blocks(before[before.rfind("\n") + 1 :])[0]
    first = cut_blocks(text.partition("\n")[0])[0]
    return bool(last and first) and last[-1].kind in {"text", "item"} and first[0].kind == "text"


def resolve_value_conflicts(
    merged: MergeResult, choices: Mapping[str, ConflictChoice]
) -> dict[str, str]:
    """Return the header data with each conflict resolved; a key with empty text is left out."""
    values = dict(merged.values)
    for conflict in resolve_parts(merged.value_conflicts, choices):
        assert isinstance(conflict, Conflict)
        values.pop(conflict.field, None)
        if chosen := chosen_text_of(conflict, choices):
            values[conflict.field] = chosen
    return values


def resolve_parts(
    parts: Sequence[MergedText | Conflict], choices: Mapping[str, ConflictChoice]
) -> Sequence[MergedText | Conflict]:
    """Return the parts; raise UnresolvedConflicts if a conflict has no choice."""
    left = [p.id for p in parts if isinstance(p, Conflict) and p.id not in choices]
    if left:
        raise UnresolvedConflicts(left)
    return parts


def part_text(
    part: MergedText | Conflict, choices: Mapping[str, ConflictChoice]
) -> tuple[str, str]:
    """Return the whitespace before a part, and its text, "" where another place was chosen."""
    if isinstance(part, Conflict):
        away = part.kind == "place" and is_away(part.place, choices[part.id])
        return part.gap, "" if away else chosen_text_of(part, choices)
    if isinstance(part, MovedText):
        return "", part.moved if is_away(OTHER[part.place], choices[part.conflict]) else ""
    return "", part.text


OTHER: Mapping[Side, Side] = {"ours": "theirs", "theirs": "ours"}


def is_away(place: Side, choice: ConflictChoice) -> bool:
    """Tell whether a choice puts a moved text at the place of the other side."""
    return choice.take == {"ours": "theirs", "theirs": "mine"}[place]


def chosen_text_of(conflict: Conflict, choices: Mapping[str, ConflictChoice]) -> str:
    """Return the chosen text of a conflict."""
    choice = choices[conflict.id]
    if choice.take == "edit":
        return choice.text
    if choice.take == "theirs":
        return conflict.theirs
    if choice.take == "mine" or not conflict.theirs.strip():
        return conflict.ours
    if conflict.kind == "place":
        return conflict.both
    if not conflict.ours.strip():
        return conflict.theirs
    return conflict.ours + conflict.joint + conflict.theirs


def with_notes(body: str, merged: MergeResult, values: Mapping[str, str]) -> str:
    """Return the body with its footnote definitions: called ones, and those marked `kept`."""
    called = set(MARKER.findall(body))
    called.update(m for value in values.values() for m in MARKER.findall(value))
    lines = [f"[^{n.label}]: {n.text}" for n in merged.notes if n.kept or n.label in called]
    if not lines:
        return body + merged.end
    return "\n\n".join(p for p in (body.rstrip("\n"), "\n".join(lines)) if p) + merged.end


def conflict_id(*texts: str) -> str:
    """Return an id that the same conflict also has in the next merge."""
    return hashlib.blake2s("\0".join(texts).encode(), digest_size=6).hexdigest()
