"""Three-way merge by blocks, and by words where both sides changed a block. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sheets.merge.align import match_blocks, match_items
from sheets.merge.hunks import Hunk, merge_texts, split_regions
from sheets.merge.tokenize import MarkdownBlock
from sheets.merge.words import merge_words

INDIVISIBLE = {"heading", "row", "rule"}  # kinds of block that conflict as a whole


class Rows(NamedTuple):
    """The blocks of a stretch on all three sides."""

    base: Sequence[MarkdownBlock]
    ours: Sequence[MarkdownBlock]
    theirs: Sequence[MarkdownBlock]

    def texts(self) -> tuple[list[str], list[str], list[str]]:
        base, ours, theirs = ([b.text for b in side] for side in self)
        return base, ours, theirs


def merge_blocks(
    base: Sequence[MarkdownBlock],
    ours: Sequence[MarkdownBlock],
    theirs: Sequence[MarkdownBlock],
    matches: tuple[Sequence[int], Sequence[int]] | None = None,
) -> list[Hunk]:
    """Merge three sequences of blocks into hunks.

    `matches` are the indices of the versions of each base block on both sides, or -1, increasing.
    """
    pieces: list[Hunk] = []
    lengths = len(base), len(ours), len(theirs)
    to_ours, to_theirs = matches or (match_blocks(base, ours), match_blocks(base, theirs))
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
    text, side = merge_texts(base.text, ours.text, theirs.text)
    whole = Hunk(starts, base.text, ours.text, theirs.text, text, side, kind)
    if side != "both":
        return [whole]
    if kind == "code":
        return [merge_code(whole)]
    first, *rest = merge_words(base.text, ours.text, theirs.text, whole=kind in INDIVISIBLE)
    return [first._replace(starts=starts, kind=kind), *rest]


def merge_stretch(rows: Rows) -> Iterator[Hunk]:
    """Yield the hunks of a stretch in which no block has a version on all three sides."""
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
    """Split a stretch into changes of one side and overlapping changes of both."""
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
    """Return (start, end) of the blocks that a side inserted at index `cut` of the base.

    None if the cut is inside a change.
    """
    before = 0 if cut == 0 else matches[cut - 1] + 1
    after = end if cut == len(matches) else matches[cut]
    if cut and matches[cut - 1] < 0:
        return None if after < 0 else (after, after)
    return (before, before) if after < 0 else (before, after)


def is_part(some: Sequence[str], whole: Sequence[str]) -> bool:
    """Tell whether `some` is a subsequence of `whole`."""
    rest = iter(whole)
    return all(text in rest for text in some)


def both_removed(rows: Rows) -> Iterator[Hunk]:
    """Yield the hunks of a stretch where both sides only removed blocks."""
    base, ours, theirs = rows
    texts = [b.text for b in base]
    in_ours = match_items([b.text for b in ours], texts)
    in_theirs = match_items([b.text for b in theirs], texts)
    for place, block in enumerate(base):
        mine = block.text if place in in_ours else ""
        other = block.text if place in in_theirs else ""
        _text, side = merge_texts(block.text, mine, other)
        yield Hunk((block, None, None), block.text, mine, other, "", side, block.kind)


def merge_common(rows: Rows) -> Iterator[Hunk]:
    """Yield the hunks of a stretch that both sides rewrote, aligned by their similar blocks."""
    base, ours, theirs = rows
    of_ours = {y: x for x, y in enumerate(match_blocks(base, ours)) if y >= 0}
    of_theirs = {y: x for x, y in enumerate(match_blocks(base, theirs)) if y >= 0}
    b = o = t = 0
    for mine, other in enumerate(match_blocks(ours, theirs)):
        from_ours, from_theirs = of_ours.get(mine, -1), of_theirs.get(other, -1)
        if other < 0 or (from_ours != from_theirs and from_ours >= 0 <= from_theirs):
            continue  # no partner, or a partner that is a version of another block of the base
        origin = max(from_ours, from_theirs)
        if comes_later(of_ours, mine, b, origin) or comes_later(of_theirs, other, b, origin):
            continue
        yield from merge_unrelated(Rows(base[b : max(b, origin)], ours[o:mine], theirs[t:other]))
        root = base[origin] if origin >= b else MarkdownBlock("", "", ours[mine].kind)
        yield from merge_block(root, ours[mine], theirs[other])
        b, o, t = max(b, origin + 1), mine + 1, other + 1
    yield from merge_unrelated(Rows(base[b:], ours[o:], theirs[t:]))


def comes_later(origins: Mapping[int, int], index: int, start: int, end: int) -> bool:
    """Tell whether a block after `index` is a version of one in `start`..`end` of the base.

    A cut at `index` would separate the two.
    """
    return any(y > index and start <= origin < end for y, origin in origins.items())


def merge_unrelated(rows: Rows) -> Iterator[Hunk]:
    """Yield the hunks of a stretch where the two sides have nothing in common."""
    base, ours, theirs = rows.texts()
    if ours in (base, theirs) or theirs == base:
        yield from merge_one_sided(rows)
    elif not base and continues_block(rows.ours) and not continues_block(rows.theirs[:1]):
        yield from added_blocks(rows.ours, ours=True)
        yield from added_blocks(rows.theirs, ours=False)
    elif not base and continues_block(rows.theirs) and not continues_block(rows.ours[:1]):
        yield from added_blocks(rows.theirs, ours=False)
        yield from added_blocks(rows.ours, ours=True)
    else:
        yield conflict_hunk(rows)


def continues_block(blocks: Sequence[MarkdownBlock]) -> bool:
    """Tell whether blocks follow the text before them without a blank line.

    One side that extends a list and one that begins something after it do not conflict.
    """
    return all(b.gap.count("\n") < 2 for b in blocks)


def added_blocks(blocks: Sequence[MarkdownBlock], *, ours: bool) -> Iterator[Hunk]:
    for b in blocks:
        if ours:
            yield Hunk((None, b, None), "", b.text, "", b.text, "ours", b.kind)
        else:
            yield Hunk((None, None, b), "", "", b.text, b.text, "theirs", b.kind)


def merge_one_sided(rows: Rows) -> Iterator[Hunk]:
    """Yield the hunks of a stretch that only one side changed, or both in the same way."""
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
    """Return a stretch as one conflict, which a person must resolve."""
    base, ours, theirs = (side[0] if side else None for side in rows)
    kind = next(block.kind for block in (ours, theirs, base) if block)
    texts = join_flow(rows.base), join_flow(rows.ours), join_flow(rows.theirs)
    return Hunk((base, ours, theirs), *texts, None, "both", kind)


def join_flow(blocks: Sequence[MarkdownBlock]) -> str:
    """Return blocks as text, without the whitespace before the first."""
    return "".join(b.gap + b.text for b in blocks)[len(blocks[0].gap) :] if blocks else ""


def merge_code(whole: Hunk) -> Hunk:
    """Merge a code fence by lines; if any line conflicts, the whole fence does."""
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
