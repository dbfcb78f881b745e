"""Find what two sequences have in common: exactly, and among blocks by likeness. Pure.

Exact matches come from what is unique on both sides (patience) where the window is large, and from
the longest common subsequence, computed on the bits of long integers, where it is not.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import chain

from sheets.markdown.parse import MARKER
from sheets.merge.tokenize import MarkdownBlock

DIRECT = 250_000  # up to this many pairs the longest common subsequence needs no anchors
LARGEST = 100_000_000  # above this many pairs without an anchor nothing is matched
LIKE = 0.35  # share of common words from which two blocks are versions of each other
WORDS = re.compile(r"\w+|#+").findall
COMMON = 12  # a word in more blocks than that says nothing about which ones belong together
CANDIDATES = 6  # so many blocks, those with most words in common, are looked at for each one


def match_items(a: Sequence[str], b: Sequence[str], *, anchored: bool = False) -> list[int]:
    """Return for each place of `a` the place of its match in `b`, -1 without one; in order.

    `anchored` begins with what is unique on both sides however small the window.
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
    """Return the longest rising run of pairs that occur once on each side of the window."""
    in_a, in_b = Counter(a[i:i_end]), Counter(b[j:j_end])
    place = {b[y]: y for y in range(j, j_end) if in_b[b[y]] == 1}
    pairs = [(x, place[a[x]]) for x in range(i, i_end) if in_a[a[x]] == 1 and a[x] in place]
    return longest_rising(pairs)


def longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs that rises on both sides; the first sides rise already."""
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
    """Return the pairs of a longest common subsequence.

    Row by row of the usual table, of which only where it grows is kept, a bit for each place of b
    (Hyyrö 2004); then back from the end.
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
    """Return for each block of `a` its version in `b`, the same or a similar one, or -1."""
    found = match_items([x.text for x in a], [y.text for y in b], anchored=True)
    i = j = 0
    for end in range(len(a) + 1):
        y = found[end] if end < len(a) else len(b)
        if y < 0:
            continue
        if i < end and j < y:
            for x, k in similar_blocks(a[i:end], b[j:y]):
                found[i + x] = j + k
        i, j = end + 1, y + 1
    return found


def similar_blocks(a: Sequence[MarkdownBlock], b: Sequence[MarkdownBlock]) -> list[tuple[int, int]]:
    """Return the pairs of blocks that are versions of each other, rising on both sides.

    Among several that may be, the words decide that few other blocks have.
    """
    bags_a, bags_b = [word_bag(x.text) for x in a], [word_bag(y.text) for y in b]
    holders = Counter(chain.from_iterable(bags_a + bags_b))
    weighted: list[tuple[int, int, float]] = []
    for i, near in enumerate(candidate_blocks(bags_a, bags_b)):
        words, heading = bags_a[i], a[i].kind == "heading"
        for j in near:
            alike = word_overlap(words, bags_b[j])
            if alike >= LIKE and heading == (b[j].kind == "heading"):
                told = sum(1 / holders[word] for word in words & bags_b[j])
                weighted.append((i, j, alike * told))
    return heaviest_rising(weighted, len(b))


def candidate_blocks(
    bags_a: Sequence[frozenset[str]], bags_b: Sequence[frozenset[str]]
) -> Iterator[Iterable[int]]:
    """Yield for each bag of `a` the places of those in `b` that may be like it."""
    if len(bags_a) * len(bags_b) <= COMMON * COMMON:
        yield from (range(len(bags_b)) for _ in bags_a)
        return
    places: defaultdict[str, list[int]] = defaultdict(list)
    for j, words in enumerate(bags_b):
        for word in words:
            places[word].append(j)
    rare = {word: at for word, at in places.items() if len(at) <= COMMON}
    for words in bags_a:
        shared = Counter(chain.from_iterable(rare.get(word, ()) for word in words))
        yield nlargest(CANDIDATES, shared, shared.__getitem__)


def word_bag(text: str) -> frozenset[str]:
    """Return the words of a block; a block is known by what it says, not by what it cites."""
    if "[^" in text:
        text = MARKER.sub(" ", text)
    return frozenset(WORDS(text.lower()))


def word_overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the share of words that two blocks have in common, from 0 to 1."""
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


def heaviest_rising(weighted: list[tuple[int, int, float]], width: int) -> list[tuple[int, int]]:
    """Return the rising run of pairs that weighs most."""
    # best[k]: the weight and last pair of the best run that ends before place k, as a Fenwick tree
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
