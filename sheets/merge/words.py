"""The three-way merge of one block by its words. Pure."""

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

NEAR = 2  # that many words keep two hands' changes in one sentence apart
JOIN = 120  # up to that many characters do not keep two conflicts in one block apart
SHORT = 80  # a sentence of up to that many characters is judged as a whole
KEPT = 0.5  # share of a sentence that a side must have kept, for the other's change to fit in
SHARE = 0.25  # ... and one of which more than that is in conflict
ENDS = (".", "!", "?", "…")
LAST_MARKER = re.compile(r"\[\^[^\[\]\s]+\]")


class Words(NamedTuple):
    """The words of one side, and the blanks before each; a space before the first."""

    words: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> "Words":
        words, gaps = cut_words(text)
        return cls(words, [" ", *gaps[1:]])

    def text(self, part: slice) -> str:
        """Return the words of a part, with the blanks before each."""
        return "".join(map(add, self.gaps[part], self.words[part]))

    def sentences(self) -> set[int]:
        """Return which words begin a sentence or a line."""
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
        """Tell whether a word, but for the markers of footnotes at its end, ends a sentence."""
        while n and self.words[n].startswith("[^"):
            n -= 1
        return self.words[n] in ENDS


Sides = tuple[Words, Words, Words]


def merge_words(base: str, ours: str, theirs: str, *, whole: bool = False) -> list[Hunk]:
    """Merge three versions of one block by words, joined to pieces that a person can judge.

    With `whole` the block is not divided: any conflict in it is all of it.
    """
    sides = Words.of(base), Words.of(ours), Words.of(theirs)
    sentences: list[list[Hunk]] = [[]]
    for piece, fresh in word_hunks(sides):
        if fresh and not whole:
            sentences.append([])
        sentences[-1].append(piece)
    judged = [p for sentence in sentences for p in judge_sentence(sentence, whole=whole)]
    return merge_agreeing(join_near(judged))


def word_hunks(sides: Sides) -> Iterator[tuple[Hunk, bool]]:
    """Yield the pieces of one block by words, each with whether it begins a sentence."""
    b, o, t = sides
    lengths = len(b.words), len(o.words), len(t.words)
    begins = b.sentences()
    ended = False  # whether the word before ended a sentence
    for region, (x, y, z, count) in split_regions(
        lengths, match_items(b.words, o.words), match_items(b.words, t.words)
    ):
        for piece in word_stretch(sides, region) if region else ():
            yield piece, ended and piece.theirs[:1].isspace()
            ended = not piece.hand and said(piece.ours).endswith(ENDS)
        start, fresh = 0, ended or x in begins
        for stop in [*(n for n in range(1, count) if x + n in begins), count]:
            if start < stop:
                yield shared_words(sides, (x + start, y + start, z + start, stop - start)), fresh
            start, fresh = stop, True
        if count:
            ended = b.ends_sentence(x + count - 1)


def said(text: str) -> str:
    """Return a text without the markers of footnotes at its end."""
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
    """Return a run of words that all sides have, with the blanks by the rules."""
    b, o, t = sides
    x, y, z = (slice(start, start + run[3]) for start in run[:3])
    base, ours, theirs = b.text(x), o.text(y), t.text(z)
    merged = base
    if not base == ours == theirs:
        gaps = map(merge_gaps, b.gaps[x], o.gaps[y], t.gaps[z])
        merged = "".join(map(add, gaps, b.words[x]))
    return Hunk(INSIDE, base, ours, theirs, merged, "")


def word_stretch(sides: Sides, region: Region) -> Iterator[Hunk]:
    """Yield the pieces of a stretch of words that the three sides do not share.

    Where both wrote anew, what they wrote alike stands, and all else is a conflict.
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
        left = base  # stands with the first piece, since it belongs to all of them
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
    """Return the runs of words that both have: from where in each, and how many."""
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
    """Return the pieces, those in a row in which both sides agree made one."""
    out: list[Hunk] = []
    for agreed, group in groupby(pieces, lambda p: p.hand == ""):
        row = list(group)
        if agreed and len(row) > 1:
            merged = "".join(p.merged or "" for p in row)
            out.append(Hunk(row[0].starts, *concatenate_hunks(row), merged, "", row[0].kind))
        else:
            out.extend(row)
    return out


def judge_sentence(sentence: list[Hunk], *, whole: bool) -> list[Hunk]:
    """Return a sentence as it can be judged: as one conflict, or with its conflicts by words.

    As one where it is short, or much of it is in conflict; where a side rewrote most of what the
    other side changed too, since words put into another sentence make no sense; and where the
    footnotes are part of it, since a source bears the words that it was given for.
    """
    hands = {p.hand for p in sentence} - {""}
    if "both" not in hands and len(hands) < 2:
        return sentence
    if any(p.hand and "[^" in p.base + p.ours + p.theirs for p in sentence):
        return [join_hunks(sentence)]
    length = max(map(len, concatenate_hunks(sentence)))
    if "both" in hands:
        open_ones = sum(max(len(p.ours), len(p.theirs)) for p in sentence if p.hand == "both")
        if whole or length <= SHORT or open_ones > length * SHARE:
            return [join_hunks(sentence)]
    for hand in ("ours", "theirs"):
        kept = sum(len(p.merged or "") for p in sentence if p.hand not in {hand, "both"})
        if kept < length * KEPT:
            return [join_hunks(sentence)]
    return apart_enough(sentence)


def apart_enough(sentence: list[Hunk]) -> list[Hunk]:
    """Join the changes of two hands in one sentence that too few words keep apart."""
    out: list[Hunk] = []
    last = -1  # the last change in `out`
    for piece in sentence:
        out.append(piece)
        if not piece.hand:
            continue
        between = sum(len(cut_words(p.ours)[0]) for p in out[last + 1 : -1])
        if last >= 0 and between < NEAR and not out[last].hand == piece.hand != "both":
            out[last:] = [join_hunks(out[last:])]
        last = len(out) - 1
    return out


def join_near(pieces: list[Hunk]) -> list[Hunk]:
    """Join conflicts of one block with little between them."""
    out: list[Hunk] = []
    last = -1  # the last conflict in `out`
    for piece in pieces:
        out.append(piece)
        if piece.hand != "both":
            continue
        between = sum(max(len(p.ours), len(p.theirs)) for p in out[last + 1 : -1])
        if last >= 0 and between <= JOIN:
            out[last:] = [join_hunks(out[last:])]
        last = len(out) - 1
    return out
