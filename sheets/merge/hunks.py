"""The hunks of a merge, and the rules that resolve them. Pure.

A merge is a sequence of hunks. Each hunk has the text of every side, so that the texts of one side
joined over all hunks are that side again: nothing is lost. Three rules resolve a hunk: if one side
equals the base, the other is taken; if both sides are equal, they are taken; all else is a
conflict. Whitespace is merged by the same rules, separately from words; where both sides changed
it, the longer one is taken.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sheets.merge.tokenize import MarkdownBlock, widen_gap

Side = Literal["", "ours", "theirs", "both"]


Starts = tuple[MarkdownBlock | None, MarkdownBlock | None, MarkdownBlock | None]
INSIDE: Starts = None, None, None


class Hunk(NamedTuple):
    """The text of each side and the merged text, which is None in a conflict.

    A hunk is one or more blocks, and `starts` its first block on each side; or, if its kind is
    "words", a part of the block that an earlier hunk began, with the whitespace before each word.
    `side` is whose change it is: "" if nobody changed anything or both made the same change.
    """

    starts: Starts
    base: str
    ours: str
    theirs: str
    merged: str | None
    side: Side
    kind: str = "words"


def merge_texts(base: str, ours: str, theirs: str) -> tuple[str | None, Side]:
    """Return the merged text, None for a conflict, and whose change it is."""
    if ours == theirs:
        return ours, ""
    if ours == base:
        return theirs, "theirs"
    return (ours, "ours") if theirs == base else (None, "both")


def merge_gaps(base: str, ours: str, theirs: str) -> str:
    """Return the merged whitespace; the longer one if both sides changed it."""
    merged, _side = merge_texts(base, ours, theirs)
    return max(ours, theirs, key=lambda gap: (len(gap), gap)) if merged is None else merged


class Region(NamedTuple):
    """A stretch between two items that all three sides share: its slice of each side."""

    base: slice
    ours: slice
    theirs: slice


Shared = tuple[int, int, int, int]  # the start on each side, and the number of items


def split_regions(
    length: tuple[int, int, int], to_ours: Sequence[int], to_theirs: Sequence[int]
) -> Iterator[tuple[Region | None, Shared]]:
    """Yield each run of items that all sides share, with the unshared stretch before it, or None.

    If the sides do not end with a shared item, the last run is empty.
    """
    b = o = t = 0  # the end of the open run on each side
    region: Region | None = None
    run = 0
    for index, mine, other in zip(range(length[0]), to_ours, to_theirs, strict=True):
        if mine < 0 or other < 0:
            continue
        if index > b or mine > o or other > t:
            if run or region:
                yield region, (b - run, o - run, t - run, run)
            region = Region(slice(b, index), slice(o, mine), slice(t, other))
            run = 0
        run += 1
        b, o, t = index + 1, mine + 1, other + 1
    if run or region:
        yield region, (b - run, o - run, t - run, run)
    if (b, o, t) != length:
        yield Region(*map(slice, (b, o, t), length)), (*length, 0)


def longer_text(*texts: str) -> str:
    """Return the longest of texts that differ only in whitespace."""
    return max(texts, key=lambda text: (len(text), text))


def join_hunks(pieces: Sequence[Hunk]) -> Hunk:
    """Return several hunks as one conflict."""
    return Hunk(pieces[0].starts, *concatenate_hunks(pieces), None, "both", pieces[0].kind)


def concatenate_hunks(pieces: Sequence[Hunk]) -> tuple[str, str, str]:
    """Return the joined texts of each side of several hunks of one block."""
    return (
        "".join([p.base for p in pieces]),
        "".join([p.ours for p in pieces]),
        "".join([p.theirs for p in pieces]),
    )


def gap_before(piece: Hunk, last: Hunk | None, shown: Hunk | None, dropped: str) -> str:
    """Return the whitespace before a block, from the sides on which the same block precedes it.

    Whitespace that differs because a side removed or inserted the block before is no change. `last`
    is the hunk before, `shown` the last one with a text, `dropped` the whitespace before the empty
    ones between them.
    """
    base, ours, theirs = gaps_after(piece, shown)
    if dropped and ours is None and theirs is None:
        base, ours, theirs = gaps_after(piece, last)
    elif dropped:
        dropped = ""
        base = None
    if ours is not None and theirs is not None:
        gap = merge_gaps(ours if base is None else base, ours, theirs)
    else:
        known = [g for g in (ours, theirs, base) if g is not None]
        gap = known[0] if known else longer_text(*(block.gap for block in piece.starts if block))
    return widen_gap(gap, dropped)


def gaps_after(piece: Hunk, before: Hunk | None) -> list[str | None]:
    """Return the whitespace before a block on each side, None if another block precedes it."""
    if before is None:
        return [block and block.gap for block in piece.starts]
    texts = before.base, before.ours, before.theirs
    return [
        block.gap if block and ends_alike(block.before, text) else None
        for block, text in zip(piece.starts, texts, strict=True)
    ]


def ends_alike(before: str, text: str) -> bool:
    """Tell whether a block and the text of a hunk are equal, or one ends with the other."""
    text = text.strip()
    return bool(before and text) and (before.endswith(text) or text.endswith(before))
