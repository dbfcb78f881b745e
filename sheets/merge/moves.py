"""Find the blocks that each side moved, and put all sides in one order before a merge. Pure.

A merge of texts sees a moved block as removed here and added there, and settles the two apart: the
block may stand twice, or nowhere. Therefore the base and both sides are first put in one order, in
which each moved block stands where its mover put it. Where both sides moved a block to different
places, its place is a conflict: marks (blocks of kind "place") tell where it begins and ends at the
place of ours, and where it would stand at that of theirs.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sheets.merge.align import match_equal, match_similar, word_bag, word_overlap
from sheets.merge.tokenize import MarkdownBlock

MOVED_LIKE = 0.75  # word overlap from which a changed block counts as moved
FEWEST = 3  # a changed block of fewer words never does
COMMON = 8  # a word in more of the added blocks is ignored when candidates are chosen
START = -1  # in the place of the block before the first one

Blocks = Sequence[MarkdownBlock]
Matches = list[int]
PLACE = "place"


# --- What one side moved --------------------------------------------------------------------------


def match_moved(old: Blocks, new: Blocks) -> tuple[Matches, dict[int, int]]:
    """Return for each old block the index of its version in `new`, or -1, and the moved ones.

    The first list is increasing; the moved blocks, old index to new index, are not in it.
    """
    found = match_equal(old, new)
    moves = exact_moves(old, new, found)
    moves |= headings_of_moved(old, new, found, moves)
    match_similar(old, new, found, moves)
    moves |= similar_moves(old, new, found, moves)
    return found, moves


def headings_of_moved(
    old: Blocks, new: Blocks, found: Sequence[int], moves: Mapping[int, int]
) -> dict[int, int]:
    """Return the reworded headings right above moved blocks: their sections moved with them."""
    taken = {*found, *moves.values()}
    fresh: dict[int, int] = {}
    for below, at in moves.items():
        i, j = below - 1, at - 1
        if (
            min(i, j) >= 0
            and found[i] < 0
            and i not in moves
            and j not in taken
            and old[i].kind == new[j].kind == "heading"
            and heading_level(old[i].text) == heading_level(new[j].text)
        ):
            fresh[i] = j
    return fresh


def heading_level(text: str) -> int:
    return len(text) - len(text.lstrip("#"))


def exact_moves(old: Blocks, new: Blocks, found: Sequence[int]) -> dict[int, int]:
    """Return the unmatched blocks that occur once in each text, with equal neighbours of each."""
    gone = {i for i, j in enumerate(found) if j < 0}
    come = set(range(len(new))) - set(found)
    if not gone or not come:
        return {}
    once = [Counter(block.text for block in side) for side in (old, new)]
    places = {new[j].text: j for j in come}
    moves: dict[int, int] = {}
    open_pairs = [
        (i, places[text])
        for i in sorted(gone)
        if (text := old[i].text) in places
        and once[0][text] == once[1][text] == 1
        and any(map(str.isalnum, text))
    ]
    while open_pairs:
        i, j = open_pairs.pop()
        if i in gone and j in come and old[i].text == new[j].text:
            moves[i] = j
            gone.remove(i)
            come.remove(j)
            open_pairs += [(i - 1, j - 1), (i + 1, j + 1)]
    return moves


def similar_moves(
    old: Blocks, new: Blocks, found: Sequence[int], moves: Mapping[int, int]
) -> dict[int, int]:
    """Return the unmatched blocks with a version among the unmatched ones elsewhere."""
    gone = [i for i, j in enumerate(found) if j < 0 and i not in moves]
    taken = {*found, *moves.values()}
    bags = {j: word_bag(block.text) for j, block in enumerate(new) if j not in taken}
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    for j, words in bags.items() if gone else ():
        for word in words:
            by_word[word].append(j)
    fresh: dict[int, int] = {}
    for i in gone:
        words = word_bag(old[i].text)
        near = {j for word in words if len(by_word[word]) <= COMMON for j in by_word[word]} - taken
        best = max(near, key=lambda j: (word_overlap(words, bags[j]), -j), default=-1)
        if best >= 0 and len(words) >= FEWEST and word_overlap(words, bags[best]) >= MOVED_LIKE:
            fresh[i] = best
            taken.add(best)
    return fresh


# --- One order for all sides ----------------------------------------------------------------------


class Aligned(NamedTuple):
    """The blocks of the three sides in one order; the versions of each base block, or -1."""

    base: Blocks
    ours: Blocks
    theirs: Blocks
    matches: tuple[Matches, Matches]


@dataclass(frozen=True)
class SideOrder:
    """One side: its version of each base block, and the base block before each of those."""

    blocks: Blocks
    index: Mapping[int, int]
    moved: Set[int]
    before: Mapping[int, int]  # in the order of the side; START before the first

    @classmethod
    def of(cls, base: Blocks, blocks: Blocks) -> "SideOrder":
        found, moves = match_moved(base, blocks)
        index = {i: j for i, j in enumerate(found) if j >= 0} | moves
        row = sorted(index, key=index.__getitem__)
        return cls(blocks, index, set(moves), dict(zip(row, [START, *row], strict=False)))

    def anchors(self, fit: Set[int]) -> dict[int, int]:
        """Return the nearest fit base block before each one, or START."""
        found = {START: START}
        for block, before in self.before.items():
            found[block] = before if before in fit else found[before]
        return found

    def block(self, base_block: int) -> MarkdownBlock:
        return self.blocks[self.index[base_block]]


class Mark(NamedTuple):
    """A mark of a block, or of blocks in a row, whose place is a conflict."""

    group: Sequence[int]
    number: int
    which: Literal["begin", "end", "there"]


def align_sides(base: Blocks, ours: Blocks, theirs: Blocks) -> Aligned:
    """Return the three sequences in one order, with the moves of each side applied to all."""
    mine, other = SideOrder.of(base, ours), SideOrder.of(base, theirs)
    if not (mine.moved or other.moved):
        same = [[side.index.get(i, -1) for i in range(len(base))] for side in (mine, other)]
        return Aligned(base, ours, theirs, (same[0], same[1]))
    order, marks = target_order(base, mine, other)
    by_mine = {i: mine.block(i) for i in mine.moved}
    by_other = {i: other.block(i) for i in other.moved - mine.moved}
    whole = SideOrder(base, {i: i for i in range(len(base))}, set(), {})
    rows = [
        Arrangement(base, side, marks, models).arrange(order)
        for side, models in ((whole, by_mine | by_other), (mine, by_other), (other, by_mine))
    ]
    places = [{i: n for n, (i, _block) in enumerate(row) if i != NEW} for row in rows]
    found = [[side.get(i, -1) for i, _block in rows[0]] for side in places[1:]]
    blocks = [[block for _i, block in row] for row in rows]
    return Aligned(blocks[0], blocks[1], blocks[2], (found[0], found[1]))


def target_order(
    base: Blocks, mine: SideOrder, other: SideOrder
) -> tuple[list[int], dict[int, Mark]]:
    """Return the base blocks in their merged order, with marks, numbered after the base blocks."""
    moved = mine.moved | other.moved
    fit = {i for i in mine.index if i in other.index and i not in moved}
    anchors = mine.anchors(fit), other.anchors(fit)
    after = {i: (mine if i in mine.moved else other).before[i] for i in moved}
    break_cycles(after, {i: anchors[i not in mine.moved][i] for i in moved})
    groups = disputed_groups(mine, other, *anchors)
    marks: dict[int, Mark] = {}
    behind: dict[int, int] = {}  # the mark that ends a group, behind its last block
    for number, group in enumerate(groups):
        begin, end, there = range(len(base) + 3 * number, len(base) + 3 * number + 3)
        marks[begin], marks[end] = Mark(group, number, "begin"), Mark(group, number, "end")
        marks[there] = Mark(group, number, "there")
        after[begin], after[group[0]] = after[group[0]], begin
        after[there] = other.before[group[0]]
        behind[group[-1]] = end
    after = {i: behind.get(block, block) for i, block in after.items()}
    after |= {end: block for block, end in behind.items()}
    followers: defaultdict[int, list[int]] = defaultdict(list)
    for i in sorted(after, key=lambda i: is_section(i, base, marks)):
        followers[after[i]].append(i)
    order: list[int] = []
    open_blocks = [*reversed([i for i in range(len(base)) if i not in moved]), START]
    while open_blocks:
        block = open_blocks.pop()
        order.append(block)
        open_blocks += reversed(followers.get(block, ()))
    return order[1:], marks


def is_section(block: int, base: Blocks, marks: Mapping[int, Mark]) -> bool:
    """Tell whether a base block, or what a mark stands before, is a heading."""
    if (mark := marks.get(block)) is not None:
        return mark.which != "end" and base[mark.group[0]].kind == "heading"
    return base[block].kind == "heading"


def break_cycles(after: dict[int, int], anchors: Mapping[int, int]) -> None:
    """Put one block of each cycle behind its anchor: each side moved a block behind the other's."""
    settled: set[int] = set()
    for start in sorted(after):
        path: list[int] = []
        block = start
        while block in after and block not in settled:
            settled.add(block)
            path.append(block)
            block = after[block]
        if block in path:
            after[block] = anchors[block]


def disputed_groups(
    mine: SideOrder, other: SideOrder, by_mine: Mapping[int, int], by_other: Mapping[int, int]
) -> list[list[int]]:
    """Return the blocks that both sides moved to different places, those in a row together."""
    groups: list[list[int]] = []
    both = mine.moved & other.moved
    for block, before in mine.before.items():
        if block not in both or by_mine[block] == by_other[block]:
            continue
        if groups and groups[-1][-1] == before == other.before[block]:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


NEW = -2  # in the place of the base block of a block that is new


@dataclass(frozen=True)
class Arrangement:
    """Puts the blocks of one side in the merged order; `models` holds the moved ones elsewhere.

    A new block stays behind the block before it, unless that one is moved away from it.
    """

    base: Blocks
    side: SideOrder
    marks: Mapping[int, Mark]
    models: Mapping[int, MarkdownBlock]

    def arrange(self, order: Sequence[int]) -> list[tuple[int, MarkdownBlock]]:
        """Return the blocks, each with its base block; NEW for a new one."""
        new = self.new_blocks()
        row: list[tuple[int, MarkdownBlock]] = []
        waiting: deque[MarkdownBlock] = deque()  # from a new heading on, before which it belongs
        for i in [START, *order]:
            comes = i in self.models or i in self.marks
            if not (comes and not is_section(i, self.base, self.marks)):
                row += [(NEW, block) for block in waiting]
                waiting.clear()
            if i in self.marks:
                row.append((i, self.mark_block(self.marks[i])))
            elif i in self.side.index:
                row.append((i, self.moved_block(i)))
            added = new.get(i, [])
            heading = next((n for n, b in enumerate(added) if b.kind == "heading"), len(added))
            row += [(NEW, block) for block in added[:heading]]
            waiting.extendleft(reversed(added[heading:]))
        return [*row, *((NEW, block) for block in waiting)]

    def new_blocks(self) -> dict[int, list[MarkdownBlock]]:
        """Return the new blocks behind each base block, START for the first."""
        known = {j: i for i, j in self.side.index.items()}
        new: defaultdict[int, list[MarkdownBlock]] = defaultdict(list)
        stays = behind = START
        section = False  # whether the moved blocks before begin with a heading: a moved section
        for j, block in enumerate(self.side.blocks):
            if j in known:
                before, behind = behind, known[j]
                section = behind in self.models and (
                    block.kind == "heading" or (section and before in self.models)
                )
                stays = stays if behind in self.models else behind
            else:
                goes_along = section and block.kind != "heading"
                new[behind if goes_along or behind not in self.models else stays].append(block)
        return new

    def moved_block(self, i: int) -> MarkdownBlock:
        """Return the side's version of a base block, with the whitespace of its new place."""
        block, model = self.side.block(i), self.models.get(i)
        return block._replace(gap=model.gap, before=model.before) if model else block

    def mark_block(self, mark: Mark) -> MarkdownBlock:
        """Return the block of a mark: its gap is that of the moved text, `before` its kind."""
        moved = self.side.block(mark.group[0])
        return MarkdownBlock(moved.gap, f"{mark.which} {mark.number}", PLACE, moved.kind)
