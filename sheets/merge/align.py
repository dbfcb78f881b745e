"""Align two sequences: equal items, and similar blocks. Pure.

In large windows, items that are unique on both sides are matched first (patience diff); smaller
ones use the longest common subsequence, computed on the bits of long integers.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from itertools import chain
from types import MappingProxyType

from sheets.markdown.parse import MARKER
from sheets.merge.tokenize import MarkdownBlock

DIRECT = 250_000  # up to this many pairs, the longest common subsequence is computed directly
LARGEST = 100_000_000  # above this many pairs without an anchor, nothing is matched
LIKE = 0.35  # share of common words from which two blocks are versions of each other
WORDS = re.compile(r"\w+|#+").findall
COMMON = 12  # a word in more blocks is ignored when candidates are chosen
CANDIDATES = 6  # how many blocks, those with most words in common, are compared with each one


def match_items(a: Sequence[str], b: Sequence[str], *, anchored: bool = False) -> list[int]:
    """Return for each index of `a` the index of its match in `b`, or -1; matches are increasing.

    `anchored` matches unique items first, also in small windows.
    """
    found = [-1] * len(a)
    windows = [(0, len(a), 0, len(b), anchored)]
    while windows:
        i, i_end, j, j_end, anchors_first = windows.pop()
        while i < i_end and j < j_end and a[i] == b[j]:
            found[i] = j
            i, j = i + 1, j + 1
        while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
            found[i_end] = j_end
        pairs = (i_end - i) * (j_end - j)
        if not pairs:
            continue
        if anchors_first or pairs > DIRECT:
            anchors = unique_anchors(a, b, i, i_end, j, j_end)
            if anchors:
                for x, y in anchors:
                    windows.append((i, x, j, y, anchored))
                    found[x] = y
                    i, j = x + 1, y + 1
                windows.append((i, i_end, j, j_end, anchored))
                continue
        if pairs <= LARGEST:
            for x, y in common_subsequence(a[i:i_end], b[j:j_end]):
                found[i + x] = j + y
    return found


def unique_anchors(
    a: Sequence[str], b: Sequence[str], i: int, i_end: int, j: int, j_end: int
) -> list[tuple[int, int]]:
    """Return the longest increasing run of index pairs of items unique on both sides."""
    in_a, in_b = Counter(a[i:i_end]), Counter(b[j:j_end])
    index = {b[y]: y for y in range(j, j_end) if in_b[b[y]] == 1}
    pairs = [(x, index[a[x]]) for x in range(i, i_end) if in_a[a[x]] == 1 and a[x] in index]
    return longest_rising(pairs)


def longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs increasing on both sides; first items must be sorted."""
    tails: list[int] = []
    ends: list[int] = []  # which pair ends the best run of each length
    before = [-1] * len(pairs)
    for n, (_x, y) in enumerate(pairs):
        length = bisect_left(tails, y)
        if length == len(tails):
            tails.append(y)
            ends.append(n)
        else:
            tails[length], ends[length] = y, n
        before[n] = ends[length - 1] if length else -1
    run: list[tuple[int, int]] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        run.append(pairs[n])
        n = before[n]
    return run[::-1]


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Return the index pairs of a longest common subsequence.

    Each row of the usual table is stored as its increments, one bit for each index of b
    (Hyyrö 2004); the pairs are read back from the end.
    """
    masks: dict[str, int] = {}
    bit = 1
    for key in b:
        masks[key] = masks.get(key, 0) | bit
        bit <<= 1
    full = bit - 1
    row = full
    rows = [row]
    for key in a:
        mask = masks.get(key)
        if mask:
            grown = row & mask
            row = ((row + grown) | (row - grown)) & full
        rows.append(row)
    found: list[tuple[int, int]] = []
    x, y = len(a), len(b)
    while x and y:
        if rows[x] >> (y - 1) & 1:
            y -= 1
        else:
            x -= 1
            if rows[x] >> (y - 1) & 1:
                y -= 1
                found.append((x, y))
    return found[::-1]


def match_blocks(a: Sequence[MarkdownBlock], b: Sequence[MarkdownBlock]) -> list[int]:
    """Return for each block of `a` the index of the equal or a similar block in `b`, or -1."""
    found = match_equal(a, b)
    match_similar(a, b, found)
    return found


def match_equal(a: Sequence[MarkdownBlock], b: Sequence[MarkdownBlock]) -> list[int]:
    """Return for each block of `a` the index of the equal block in `b`, or -1."""
    return match_items([x.text for x in a], [y.text for y in b], anchored=True)


def match_similar(
    a: Sequence[MarkdownBlock],
    b: Sequence[MarkdownBlock],
    found: list[int],
    moves: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Add to the matches the similar blocks between them, except blocks that were moved."""
    moved = set(moves.values())
    i = j = 0
    for end in range(len(a) + 1):
        y = found[end] if end < len(a) else len(b)
        if y < 0:
            continue
        if i < end and j < y:
            left = [x for x in range(i, end) if x not in moves]
            right = [k for k in range(j, y) if k not in moved]
            for x, k in similar_blocks([a[x] for x in left], [b[k] for k in right]):
                found[left[x]] = right[k]
        i, j = end + 1, y + 1


def similar_blocks(a: Sequence[MarkdownBlock], b: Sequence[MarkdownBlock]) -> list[tuple[int, int]]:
    """Return the index pairs of blocks that are versions of each other, increasing on both sides.

    Among several candidates, shared words that few other blocks contain weigh most.
    """
    bags_a, bags_b = [word_bag(x.text) for x in a], [word_bag(y.text) for y in b]
    block_counts = Counter(chain.from_iterable(bags_a + bags_b))
    weighted: list[tuple[int, int, float]] = []
    for i, near in enumerate(candidate_blocks(bags_a, bags_b)):
        words, heading = bags_a[i], a[i].kind == "heading"
        for j in near:
            overlap = word_overlap(words, bags_b[j])
            if overlap >= LIKE and heading == (b[j].kind == "heading"):
                rarity = sum(1 / block_counts[word] for word in words & bags_b[j])
                weighted.append((i, j, overlap * rarity))
    return heaviest_rising(weighted, len(b))


def candidate_blocks(
    bags_a: Sequence[frozenset[str]], bags_b: Sequence[frozenset[str]]
) -> Iterator[Iterable[int]]:
    """Yield for each bag of `a` the indices of the bags of `b` that may be similar."""
    if len(bags_a) * len(bags_b) <= COMMON * COMMON:
        yield from (range(len(bags_b)) for _ in bags_a)
        return
    indices: defaultdict[str, list[int]] = defaultdict(list)
    for j, words in enumerate(bags_b):
        for word in words:
            indices[word].append(j)
    rare = {word: at for word, at in indices.items() if len(at) <= COMMON}
    for words in bags_a:
        shared = Counter(chain.from_iterable(rare.get(word, ()) for word in words))
        yield nlargest(CANDIDATES, shared, shared.__getitem__)


def word_bag(text: str) -> frozenset[str]:
    """Return the words of a block, without its footnote markers."""
    if "[^" in text:
        text = MARKER.sub(" ", text)
    return frozenset(WORDS(text.lower()))


def word_overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the share of words that two blocks have in common, from 0 to 1."""
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


def heaviest_rising(weighted: list[tuple[int, int, float]], width: int) -> list[tuple[int, int]]:
    """Return the increasing run of index pairs with the largest sum of weights."""
    # best[k]: the weight and last pair of the best run that ends before index k, as a Fenwick tree
    best: list[tuple[float, int]] = [(0.0, -1)] * (width + 1)
    before: list[int] = []
    weighted.sort(key=lambda w: (w[0], -w[1]))
    for n, (_i, j, weight) in enumerate(weighted):
        top, k = (0.0, -1), j
        while k > 0:
            top = max(top, best[k])
            k -= k & -k
        before.append(top[1])
        total, k = (top[0] + weight, n), j + 1
        while k <= width:
            best[k] = max(best[k], total)
            k += k & -k
    top, k = (0.0, -1), width
    while k > 0:
        top = max(top, best[k])
        k -= k & -k
    run: list[tuple[int, int]] = []
    n = top[1]
    while n >= 0:
        run.append(weighted[n][:2])
        n = before[n]
    return run[::-1]
