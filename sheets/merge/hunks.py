"""The pieces that a merge is made of, and the rules that settle them. Pure.

A merge is a row of pieces. Each piece keeps what stood there on every side, so that the texts of
one side, read through all pieces, are that side again: nothing can be lost on the way. A piece is
settled by three rules and no other: a side that left the base alone gives way to the other, and
what both wrote alike stands. All else is a conflict. Blanks follow the same rules apart from
words, and where both changed them the longer ones stand.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sheets.merge.tokenize import MarkdownBlock, widen_gap

Side = Literal["", "ours", "theirs", "both"]


Starts = tuple[MarkdownBlock | None, MarkdownBlock | None, MarkdownBlock | None]
INSIDE: Starts = None, None, None


class Hunk(NamedTuple):
    """What stands in one place on each side, and what is to stand there; None in a conflict.

    A piece is a block or more, and `starts` the block it begins with on each side; or, its kind
    being "words", a part of the block that the piece before it began, with the blanks before each
    word. `hand` is whose change it is: "" where nobody changed anything or both did so alike.
    """

    starts: Starts
    base: str
    ours: str
    theirs: str
    merged: str | None
    hand: Side
    kind: str = "words"


def merge_texts(base: str, ours: str, theirs: str) -> tuple[str | None, Side]:
    """Return the text that the rules give, None for a conflict; and whose change it is."""
    if ours == theirs:
        return ours, ""
    if ours == base:
        return theirs, "theirs"
    return (ours, "ours") if theirs == base else (None, "both")


def merge_gaps(base: str, ours: str, theirs: str) -> str:
    """Return the blanks that the rules give; of two new ones the longer."""
    settled, _hand = merge_texts(base, ours, theirs)
    return max(ours, theirs, key=lambda gap: (len(gap), gap)) if settled is None else settled


class Region(NamedTuple):
    """A stretch between two places that all three sides have: from and to on each."""

    base: slice
    ours: slice
    theirs: slice


Shared = tuple[int, int, int, int]  # from where on each side, and how many


def split_regions(
    length: tuple[int, int, int], to_ours: Sequence[int], to_theirs: Sequence[int]
) -> Iterator[tuple[Region | None, Shared]]:
    """Yield each run of places that all sides have, with the stretch before it, if there is one.

    The last run has no places where the sides do not end alike.
    """
    b = o = t = 0  # where the open run ends on each side
    region: Region | None = None
    run = 0
    for place, mine, other in zip(range(length[0]), to_ours, to_theirs, strict=True):
        if mine < 0 or other < 0:
            continue
        if place > b or mine > o or other > t:
            if run or region:
                yield region, (b - run, o - run, t - run, run)
            region = Region(slice(b, place), slice(o, mine), slice(t, other))
            run = 0
        run += 1
        b, o, t = place + 1, mine + 1, other + 1
    if run or region:
        yield region, (b - run, o - run, t - run, run)
    if (b, o, t) != length:
        yield Region(*map(slice, (b, o, t), length)), (*length, 0)


def longer_text(*texts: str) -> str:
    """Return the longer of texts that differ in their blanks alone."""
    return max(texts, key=lambda text: (len(text), text))


def join_hunks(pieces: Sequence[Hunk]) -> Hunk:
    """Return several pieces as one conflict."""
    return Hunk(pieces[0].starts, *concatenate_hunks(pieces), None, "both", pieces[0].kind)


def concatenate_hunks(pieces: Sequence[Hunk]) -> tuple[str, str, str]:
    """Return what each side has in several pieces of one block together."""
    return (
        "".join([p.base for p in pieces]),
        "".join([p.ours for p in pieces]),
        "".join([p.theirs for p in pieces]),
    )


def gap_before(piece: Hunk, last: Hunk | None, shown: Hunk | None, dropped: str) -> str:
    """Return the blanks before a block: those of the sides on which the same block precedes it.

    What a side has there because it took away or put in the block before it is no change. `last`
    is the piece before, `shown` the last one with a text, `dropped` the blanks before any between.
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
    """Return the blanks before a block on each side, None where another block precedes it."""
    if before is None:
        return [block and block.gap for block in piece.starts]
    texts = before.base, before.ours, before.theirs
    return [
        block.gap if block and ends_alike(block.before, text) else None
        for block, text in zip(piece.starts, texts, strict=True)
    ]


def ends_alike(before: str, text: str) -> bool:
    """Tell whether a block is, or ends, what stands in a piece, or the other way round."""
    text = text.strip()
    return bool(before and text) and (before.endswith(text) or text.endswith(before))
