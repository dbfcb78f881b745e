"""Apply the moves of one side to the base and the other side before a merge. Pure.

A merge sees a moved block as removed here and added there, so that a change by the other side
would conflict with the removal. Therefore the other side's block and the base's are first moved to
the block's new position.
"""

from collections.abc import Sequence

from sheets.merge.align import match_blocks, match_items
from sheets.merge.tokenize import MarkdownBlock

LONG = 20  # shorter blocks, in characters, are never treated as moved

Blocks = list[MarkdownBlock]


def follow_moves(base: Blocks, ours: Blocks, theirs: Blocks) -> tuple[Blocks, Blocks, Blocks]:
    """Return the three sequences of blocks, each side's moves applied to the other two."""
    base, theirs = follow_side(base, ours, theirs)
    base, ours = follow_side(base, theirs, ours)
    return base, ours, theirs


def follow_side(base: Blocks, mover: Blocks, other: Blocks) -> tuple[Blocks, Blocks]:
    """Return the base and the other side with the moves of `mover` applied.

    Only blocks that the other side changed are moved, and only behind a block that all sides have.
    """
    texts = [block.text for block in mover]
    in_place = match_items([block.text for block in base], texts, anchored=True)
    kept = set(in_place)
    free = {text: y for y, text in enumerate(texts) if y not in kept and len(text) >= LONG}
    gone = [i for i, y in enumerate(in_place) if y < 0 and base[i].text in free]
    if not gone:
        return base, other
    to_mover, to_other = match_blocks(base, mover), match_blocks(base, other)
    moved = [
        (i, free[base[i].text])
        for i in gone
        if to_mover[i] < 0 <= to_other[i] and other[to_other[i]].text != base[i].text
    ]
    origin = {y: i for i, y in enumerate(to_mover) if y >= 0}
    moves: list[tuple[int, int, MarkdownBlock]] = []
    for i, y in moved:
        after = origin.get(y - 1, -2 if y else -1)
        if after >= 0 and to_other[after] < 0:
            after = -2
        if after > -2:
            moves.append((i, after, mover[y]))
    if not moves:
        return base, other
    places = [(to_other[i], to_other[k] if k >= 0 else -1, block) for i, k, block in moves]
    return move_blocks(base, moves), move_blocks(other, places)


def move_blocks(
    blocks: Sequence[MarkdownBlock], moves: Sequence[tuple[int, int, MarkdownBlock]]
) -> Blocks:
    """Return the blocks with some moved: (index, index to follow or -1, model of whitespace)."""
    gone = {i for i, _after, _model in moves}
    behind: dict[int, Blocks] = {}
    for i, after, model in moves:
        behind.setdefault(after, []).append(blocks[i]._replace(gap=model.gap, before=model.before))
    row = list(behind.get(-1, ()))
    for index, block in enumerate(blocks):
        if index not in gone:
            row.append(block)
        row.extend(behind.get(index, ()))
    return row
