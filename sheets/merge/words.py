"""Three-way merge of one block by words. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import add
from typing import NamedTuple

from sheets.merge.align import match_items
from sheets.merge.hunks import (
    INSIDE,
    Hunk,
    Region,
    Shared,
    concatenate_hunks,
    join_hunks,
    longer_text,
    merge_gaps,
    split_regions,
)
from sheets.merge.tokenize import cut_words

NEAR = 2  # fewer words between changes of two sides in one sentence make them one conflict
JOIN = 120  # up to that many characters between them, two conflicts of a block become one
SHORT = 80  # a sentence of up to that many characters conflicts as a whole
KEPT = 0.5  # share of a sentence a side must leave unchanged to take the other's change
SHARE = 0.25  # a longer one with more than this share in conflict does too
ENDS = (".", "!", "?", "…")
LAST_MARKER = re.compile(r"\[\^[^\[\]\s]+\]")


class Words(NamedTuple):
    """The words of one side, and the whitespace before each; a space before the first."""

    words: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> "Words":
        words, gaps = cut_words(text)
        return cls(words, [" ", *gaps[1:]])

    def text(self, part: slice) -> str:
        """Return the words of a slice, with the whitespace before each."""
        return "".join(map(add, self.gaps[part], self.words[part]))

    def sentences(self) -> set[int]:
        """Return the indices of the words that begin a sentence or a line."""
        begins = {n for n, gap in enumerate(self.gaps) if "\n" in gap}
        for n, word in enumerate(self.words):
            if word in ENDS:
                n += 1
                while n < len(self.words) and self.words[n].startswith("[^"):
                    n += 1
                if n < len(self.words) and self.gaps[n]:
                    begins.add(n)
        return begins

    def ends_sentence(self, n: int) -> bool:
        """Tell whether word `n`, or the word before its footnote markers, ends a sentence."""
        while n and self.words[n].startswith("[^"):
            n -= 1
        return self.words[n] in ENDS


Sides = tuple[Words, Words, Words]


def merge_words(base: str, ours: str, theirs: str, *, whole: bool = False) -> list[Hunk]:
    """Merge three versions of one block by words, in conflicts that a person can judge.

    With `whole` the block is not divided: any conflict covers all of it.
    """
    sides = Words.of(base), Words.of(ours), Words.of(theirs)
    sentences: list[list[Hunk]] = [[]]
    for piece, fresh in word_hunks(sides):
        if fresh and not whole:
            sentences.append([])
        sentences[-1].append(piece)
    judged = [p for sentence in sentences for p in judge_sentence(sentence, whole=whole)]
    return merge_agreeing(join_close_conflicts(judged))


def word_hunks(sides: Sides) -> Iterator[tuple[Hunk, bool]]:
    """Yield (hunk, whether it begins a sentence) of one block."""
    b, o, t = sides
    lengths = len(b.words), len(o.words), len(t.words)
    begins = b.sentences()
    ended = False  # whether the word before ended a sentence
    for region, (x, y, z, count) in split_regions(
        lengths, match_items(b.words, o.words), match_items(b.words, t.words)
    ):
        for piece in word_stretch(sides, region) if region else ():
            yield piece, ended and piece.theirs[:1].isspace()
            ended = not piece.side and without_end_markers(piece.ours).endswith(ENDS)
        start, fresh = 0, ended or x in begins
        for stop in [*(n for n in range(1, count) if x + n in begins), count]:
            if start < stop:
                yield shared_words(sides, (x + start, y + start, z + start, stop - start)), fresh
            start, fresh = stop, True
        if count:
            ended = b.ends_sentence(x + count - 1)


def without_end_markers(text: str) -> str:
    """Return a text without the footnote markers at its end."""
    end = len(text)
    while True:
        stop = end
        while stop and text[stop - 1].isspace():
            stop -= 1
        start = text.rfind("[^", 0, stop)
        if start < 0 or not LAST_MARKER.fullmatch(text, start, stop):
            return text[:end]
        end = start


def shared_words(sides: Sides, run: Shared) -> Hunk:
    """Return a run of words that all sides share, with merged whitespace."""
    b, o, t = sides
    x, y, z = (slice(start, start + run[3]) for start in run[:3])
    base, ours, theirs = b.text(x), o.text(y), t.text(z)
    merged = base
    if not base == ours == theirs:
        gaps = map(merge_gaps, b.gaps[x], o.gaps[y], t.gaps[z])
        merged = "".join(map(add, gaps, b.words[x]))
    return Hunk(INSIDE, base, ours, theirs, merged, "")


def word_stretch(sides: Sides, region: Region) -> Iterator[Hunk]:
    """Yield the hunks of a stretch of words that the three sides do not share.

    If both sides rewrote it, their common words are taken and all else is a conflict.
    """
    b, o, t = sides
    was, mine, other = b.words[region.base], o.words[region.ours], t.words[region.theirs]
    base, ours, theirs = (s.text(part) for s, part in zip(sides, region, strict=True))
    if mine == other:
        yield Hunk(INSIDE, base, ours, theirs, longer_text(ours, theirs), "")
    elif other == was:
        yield Hunk(INSIDE, base, ours, theirs, ours, "ours")
    elif mine == was:
        yield Hunk(INSIDE, base, ours, theirs, theirs, "theirs")
    else:
        left = base  # goes to the first hunk, since it belongs to all of them
        y, z = region.ours.start, region.theirs.start
        for here, there, length in [*common_runs(mine, other), (len(mine), len(other), 0)]:
            here, there = here + region.ours.start, there + region.theirs.start
            if y < here or z < there or (left and not length):
                yield Hunk(
                    INSIDE, left, o.text(slice(y, here)), t.text(slice(z, there)), None, "both"
                )
                left = ""
            y, z = here + length, there + length
            if length:
                ours, theirs = o.text(slice(here, y)), t.text(slice(there, z))
                yield Hunk(INSIDE, left, ours, theirs, longer_text(ours, theirs), "")
                left = ""


def common_runs(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the runs of common words: start in each, and number of words."""
    runs: list[tuple[int, int, int]] = []
    for x, y in enumerate(match_items(a, b)):
        if y < 0:
            continue
        if runs and sum(runs[-1][::2]) == x and sum(runs[-1][1:]) == y:
            runs[-1] = runs[-1][0], runs[-1][1], runs[-1][2] + 1
        else:
            runs.append((x, y, 1))
    return runs


def merge_agreeing(pieces: Sequence[Hunk]) -> list[Hunk]:
    """Return the hunks; consecutive ones on which both sides agree are joined."""
    out: list[Hunk] = []
    for agreed, group in groupby(pieces, lambda p: p.side == ""):
        row = list(group)
        if agreed and len(row) > 1:
            merged = "".join(p.merged or "" for p in row)
            out.append(Hunk(row[0].starts, *concatenate_hunks(row), merged, "", row[0].kind))
        else:
            out.extend(row)
    return out


def judge_sentence(sentence: list[Hunk], *, whole: bool) -> list[Hunk]:
    """Return a sentence as one conflict, or with its conflicts by words.

    It is one conflict if it is short or largely in conflict; if one side rewrote most of what the
    other side changed too, since words put into another sentence make no sense; or if a change
    contains footnote markers, since a source supports the words that it was given for.
    """
    changed = {p.side for p in sentence} - {""}
    if "both" not in changed and len(changed) < 2:
        return sentence
    if any(p.side and "[^" in p.base + p.ours + p.theirs for p in sentence):
        return [join_hunks(sentence)]
    length = max(map(len, concatenate_hunks(sentence)))
    if "both" in changed:
        open_ones = sum(max(len(p.ours), len(p.theirs)) for p in sentence if p.side == "both")
        if whole or length <= SHORT or open_ones > length * SHARE:
            return [join_hunks(sentence)]
    for side in ("ours", "theirs"):
        kept = sum(len(p.merged or "") for p in sentence if p.side not in {side, "both"})
        if kept < length * KEPT:
            return [join_hunks(sentence)]
    return join_close_changes(sentence)


def join_close_changes(sentence: list[Hunk]) -> list[Hunk]:
    """Join changes of different sides in one sentence with fewer than NEAR words between."""
    out: list[Hunk] = []
    last = -1  # the last change in `out`
    for piece in sentence:
        out.append(piece)
        if not piece.side:
            continue
        between = sum(len(cut_words(p.ours)[0]) for p in out[last + 1 : -1])
        if last >= 0 and between < NEAR and not out[last].side == piece.side != "both":
            out[last:] = [join_hunks(out[last:])]
        last = len(out) - 1
    return out


def join_close_conflicts(pieces: list[Hunk]) -> list[Hunk]:
    """Join conflicts of one block with at most JOIN characters between."""
    out: list[Hunk] = []
    last = -1  # the last conflict in `out`
    for piece in pieces:
        out.append(piece)
        if piece.side != "both":
            continue
        between = sum(max(len(p.ours), len(p.theirs)) for p in out[last + 1 : -1])
        if last >= 0 and between <= JOIN:
            out[last:] = [join_hunks(out[last:])]
        last = len(out) - 1
    return out
