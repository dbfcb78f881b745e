"""The three-way merge by blocks, and by words in the blocks that both sides changed. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sheets.merge.align import match_blocks, match_items
from sheets.merge.hunks import Hunk, merge_texts, split_regions
from sheets.merge.tokenize import MarkdownBlock
from sheets.merge.words import merge_words

INDIVISIBLE = {"heading", "row", "rule"}  # kinds of block that are judged whole


class Rows(NamedTuple):
    """Blocks of all three sides."""

    base: Sequence[MarkdownBlock]
    ours: Sequence[MarkdownBlock]
    theirs: Sequence[MarkdownBlock]

    def texts(self) -> tuple[list[str], list[str], list[str]]:
        base, ours, theirs = ([b.text for b in side] for side in self)
        return base, ours, theirs


def merge_blocks(
    base: Sequence[MarkdownBlock], ours: Sequence[MarkdownBlock], theirs: Sequence[MarkdownBlock]
) -> list[Hunk]:
    """Merge three rows of blocks."""
    pieces: list[Hunk] = []
    lengths = len(base), len(ours), len(theirs)
    to_ours, to_theirs = match_blocks(base, ours), match_blocks(base, theirs)
    for region, shared in split_regions(lengths, to_ours, to_theirs):
        if region:
            rows = Rows(base[region.base], ours[region.ours], theirs[region.theirs])
            pieces.extend(merge_stretch(rows))
        x, y, z, count = shared
        for n in range(count):
            pieces.extend(merge_block(base[x + n], ours[y + n], theirs[z + n]))
    return pieces


def merge_block(base: MarkdownBlock, ours: MarkdownBlock, theirs: MarkdownBlock) -> list[Hunk]:
    """Merge three versions of one block."""
    starts = base if base.text else None, ours, theirs
    kind = theirs.kind if ours.kind == base.kind else ours.kind
    text, hand = merge_texts(base.text, ours.text, theirs.text)
    whole = Hunk(starts, base.text, ours.text, theirs.text, text, hand, kind)
    if hand != "both":
        return [whole]
    if kind == "code":
        return [merge_code(whole)]
    first, *rest = merge_words(base.text, ours.text, theirs.text, whole=kind in INDIVISIBLE)
    return [first._replace(starts=starts, kind=kind), *rest]


def merge_stretch(rows: Rows) -> Iterator[Hunk]:
    """Yield the pieces of a stretch of which no block has a version on all three sides."""
    for part in split_changes(rows):
        base, ours, theirs = part.texts()
        if ours in (base, theirs) or theirs == base:
            yield from merge_one_sided(part)
        elif is_part(ours, base) and is_part(theirs, base):
            yield from both_removed(part)
        elif not ours or not theirs:
            yield conflict_hunk(part)
        else:
            yield from merge_common(part)


def split_changes(rows: Rows) -> Iterator[Rows]:
    """Cut a stretch into changes of one side and changes of both that overlap."""
    base, ours, theirs = rows
    from_base = [b.text for b in base]
    to_ours = match_items(from_base, [b.text for b in ours])
    to_theirs = match_items(from_base, [b.text for b in theirs])
    b = o = t = 0
    for cut in range(len(base) + 1):
        mine, other = (
            new_block_range(to_ours, cut, len(ours)),
            new_block_range(to_theirs, cut, len(theirs)),
        )
        if mine and other:
            if cut > b:
                yield Rows(base[b:cut], ours[o : mine[0]], theirs[t : other[0]])
            if mine[1] > mine[0] or other[1] > other[0]:
                yield Rows([], ours[mine[0] : mine[1]], theirs[other[0] : other[1]])
            b, o, t = cut, mine[1], other[1]


def new_block_range(matches: Sequence[int], cut: int, end: int) -> tuple[int, int] | None:
    """Return from where to where a side has new blocks at a cut of the base.

    None where the cut lies inside a change.
    """
    before = 0 if cut == 0 else matches[cut - 1] + 1
    after = end if cut == len(matches) else matches[cut]
    if cut and matches[cut - 1] < 0:
        return None if after < 0 else (after, after)
    return (before, before) if after < 0 else (before, after)


def is_part(some: Sequence[str], whole: Sequence[str]) -> bool:
    """Tell whether all of `some` stand in `whole` in the same order."""
    rest = iter(whole)
    return all(text in rest for text in some)


def both_removed(rows: Rows) -> Iterator[Hunk]:
    """Yield the pieces of a stretch from which both sides only took blocks away."""
    base, ours, theirs = rows
    texts = [b.text for b in base]
    in_ours = match_items([b.text for b in ours], texts)
    in_theirs = match_items([b.text for b in theirs], texts)
    for place, block in enumerate(base):
        mine = block.text if place in in_ours else ""
        other = block.text if place in in_theirs else ""
        _text, hand = merge_texts(block.text, mine, other)
        yield Hunk((block, None, None), block.text, mine, other, "", hand, block.kind)


def merge_common(rows: Rows) -> Iterator[Hunk]:
    """Yield the pieces of a stretch that both sides wrote anew, by what they have in common."""
    base, ours, theirs = rows
    of_ours = {y: x for x, y in enumerate(match_blocks(base, ours)) if y >= 0}
    of_theirs = {y: x for x, y in enumerate(match_blocks(base, theirs)) if y >= 0}
    b = o = t = 0
    for place, other in enumerate(match_blocks(ours, theirs)):
        home, home_too = of_ours.get(place, -1), of_theirs.get(other, -1)
        if other < 0 or (home != home_too and home >= 0 <= home_too):
            continue  # without a partner, or with one that comes from another block of the base
        home = max(home, home_too)
        if comes_later(of_ours, place, b, home) or comes_later(of_theirs, other, b, home):
            continue
        yield from merge_unrelated(Rows(base[b : max(b, home)], ours[o:place], theirs[t:other]))
        root = base[home] if home >= b else MarkdownBlock("", "", ours[place].kind)
        yield from merge_block(root, ours[place], theirs[other])
        b, o, t = max(b, home + 1), place + 1, other + 1
    yield from merge_unrelated(Rows(base[b:], ours[o:], theirs[t:]))


def comes_later(homes: Mapping[int, int], place: int, start: int, end: int) -> bool:
    """Tell whether a version of a block between `start` and `end` of the base comes after a place.

    Cutting there would part it from its block.
    """
    return any(y > place and start <= home < end for y, home in homes.items())


def merge_unrelated(rows: Rows) -> Iterator[Hunk]:
    """Yield the pieces of a stretch where the two sides have nothing in common."""
    base, ours, theirs = rows.texts()
    if ours in (base, theirs) or theirs == base:
        yield from merge_one_sided(rows)
    elif not base and goes_on(rows.ours) and not goes_on(rows.theirs[:1]):
        yield from added_blocks(rows.ours, ours=True)
        yield from added_blocks(rows.theirs, ours=False)
    elif not base and goes_on(rows.theirs) and not goes_on(rows.ours[:1]):
        yield from added_blocks(rows.theirs, ours=False)
        yield from added_blocks(rows.ours, ours=True)
    else:
        yield conflict_hunk(rows)


def goes_on(blocks: Sequence[MarkdownBlock]) -> bool:
    """Tell whether blocks go on with what stands before them, with no blank line between.

    A side that adds to a list and one that begins something after it are no conflict.
    """
    return all(b.gap.count("\n") < 2 for b in blocks)


def added_blocks(blocks: Sequence[MarkdownBlock], *, ours: bool) -> Iterator[Hunk]:
    for b in blocks:
        if ours:
            yield Hunk((None, b, None), "", b.text, "", b.text, "ours", b.kind)
        else:
            yield Hunk((None, None, b), "", "", b.text, b.text, "theirs", b.kind)


def merge_one_sided(rows: Rows) -> Iterator[Hunk]:
    """Yield the blocks of a stretch that one side left alone, or both changed alike."""
    base, ours, theirs = rows.texts()
    if ours == theirs:
        for o, t in zip(rows.ours, rows.theirs, strict=True):
            yield Hunk((None, o, t), "", o.text, o.text, o.text, "", o.kind)
        return
    by_ours = theirs == base
    old, new = rows.base, rows.ours if by_ours else rows.theirs
    same = rows.theirs if by_ours else rows.ours
    y = 0
    for place, at in enumerate(
        [*match_items([b.text for b in old], [b.text for b in new]), len(new)]
    ):
        if place < len(old) and at < 0:
            yield removed_block(old[place], by_ours=by_ours)
            continue
        yield from added_blocks(new[y:at], ours=by_ours)
        if place < len(old):
            b, o, t = old[place], same[place], new[at]
            starts = (b, t, o) if by_ours else (b, o, t)
            yield Hunk(starts, b.text, b.text, b.text, b.text, "", b.kind)
        y = at + 1


def removed_block(block: MarkdownBlock, *, by_ours: bool) -> Hunk:
    if by_ours:
        return Hunk((block, None, None), block.text, "", block.text, "", "ours", block.kind)
    return Hunk((block, None, None), block.text, block.text, "", "", "theirs", block.kind)


def conflict_hunk(rows: Rows) -> Hunk:
    """Return blocks that a person must choose between as one piece."""
    base, ours, theirs = (side[0] if side else None for side in rows)
    kind = next(block.kind for block in (ours, theirs, base) if block)
    texts = join_flow(rows.base), join_flow(rows.ours), join_flow(rows.theirs)
    return Hunk((base, ours, theirs), *texts, None, "both", kind)


def join_flow(blocks: Sequence[MarkdownBlock]) -> str:
    """Return blocks as text, without the blanks before the first."""
    return "".join(b.gap + b.text for b in blocks)[len(blocks[0].gap) :] if blocks else ""


def merge_code(whole: Hunk) -> Hunk:
    """Merge a code fence by its lines; where they conflict, all of it is the conflict."""
    b, o, t = whole.base.split("\n"), whole.ours.split("\n"), whole.theirs.split("\n")
    lines: list[str] = []
    for region, shared in split_regions(
        (len(b), len(o), len(t)), match_items(b, o), match_items(b, t)
    ):
        if region:
            was, mine, other = b[region.base], o[region.ours], t[region.theirs]
            if mine != was != other != mine:
                return whole
            lines.extend(other if mine == was else mine)
        lines.extend(b[shared[0] : shared[0] + shared[3]])
    return whole._replace(merged="\n".join(lines))
