"""Measure merging and comparing: `python -m bench.merge [FILE.jsonl…] [--size N] [--repeat N]`.

A file holds one merge a line, {"base": …, "ours": …, "theirs": …}. For each file prints the
conflicts and the characters in them (of both sides) that are left to a person, compared with those
of `git merge-file`; how often the words are git's where git merges cleanly; and how many words are
lost. Then measures merging and comparing generated sheets of the given size: medians of wall-clock
and processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
django.setup()

from sheets.merge import Conflict, MergeResult, merge_bodies  # noqa: E402
from sheets.merge.diff import diff_blocks  # noqa: E402
from sheets.merge.tokenize import cut_blocks, cut_words  # noqa: E402

MARKED = re.compile(
    r"^<{7} [^\n]*\n(?P<ours>.*?)^={7}\n(?P<theirs>.*?)^>{7} [^\n]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
SYLLABLES = "cha leur ré cu pé ra tion com pres seur air va peur gaz é ner gie ren de ment".split()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--size", type=int, default=200_000, metavar="CHARACTERS")
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    options = parser.parse_args()
    for path in options.files:
        report(path)
    for size in (8_000, options.size):
        report_speed(size, options.repeat)
    return 0


class Unmerged(NamedTuple):
    """What a merge leaves to a person: conflicts, and the characters of both sides in them."""

    conflicts: int
    characters: int


def report(path: Path) -> None:
    """Print what the merges of a file leave to a person."""
    ours, gits = [], []
    agreed = differing = lost = asymmetric = 0
    for line in path.read_text().splitlines():
        base, mine, other = (json.loads(line)[side] for side in ("base", "ours", "theirs"))
        merged = merge_bodies(base, mine, other)
        by_git, text = merge_by_git(base, mine, other)
        ours.append(unmerged(merged))
        gits.append(by_git)
        if not by_git.conflicts:
            same = not merged.conflicts and merged.text.split() == text.split()
            agreed, differing = agreed + same, differing + (not same)
        lost += lost_words(merged, base, mine, other)
        asymmetric += not is_mirror(merged, merge_bodies(base, other, mine))
    hard = [result for result, by_git in zip(ours, gits, strict=True) if by_git.conflicts]
    out(f"{path.name}: {len(ours)} merges")
    out(f"  git merges cleanly: {agreed + differing}, the same words here: {agreed}")
    out(f"  git conflicts in:   {len(hard)}, of which merged here: {sum(not h[0] for h in hard)}")
    before, after = total(gits), total(ours)
    share = after.characters / before.characters if before.characters else 0
    out(f"  git:   {before.conflicts:4} conflicts, {before.characters:6} characters")
    out(f"  here:  {after.conflicts:4} conflicts, {after.characters:6} characters, {share:.1%}")
    out(f"  words lost: {lost}; merges that depend on the order of the sides: {asymmetric}")


def merge_by_git(base: str, ours: str, theirs: str) -> tuple[Unmerged, str]:
    """Return what `git merge-file` leaves to a person, and its text."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            Path(folder, name).write_text(text)
        command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
        text = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout.decode()
    found = MARKED.findall(text)
    return Unmerged(len(found), sum(len(a) + len(b) for a, b in found)), text


def unmerged(merged: MergeResult) -> Unmerged:
    characters = sum(len(c.ours) + len(c.theirs) for c in merged.conflicts)
    return Unmerged(len(merged.conflicts), characters)


def total(found: list[Unmerged]) -> Unmerged:
    return Unmerged(sum(f.conflicts for f in found), sum(f.characters for f in found))


def lost_words(merged: MergeResult, base: str, ours: str, theirs: str) -> int:
    """Count the words that one side added and that are missing from the result for that side."""
    lost = 0
    for side, text in (("ours", ours), ("theirs", theirs)):
        shown = "".join(
            p.gap + getattr(p, side) if isinstance(p, Conflict) else p.text for p in merged.parts
        )
        added = set(tokens(text)) - set(tokens(base))
        lost += len(added - set(tokens(shown)))
    return lost


def tokens(text: str) -> list[str]:
    return [word for block in cut_blocks(text)[0] for word in cut_words(block.text)[0]]


def is_mirror(merged: MergeResult, other: MergeResult) -> bool:
    """Tell whether two merges are equal with their sides swapped."""
    swapped = [
        (p.base, p.theirs, p.ours) if isinstance(p, Conflict) else p.text for p in other.parts
    ]
    return swapped == [
        (p.base, p.ours, p.theirs) if isinstance(p, Conflict) else p.text for p in merged.parts
    ]


def report_speed(size: int, repeat: int) -> None:
    """Print the times of merging and comparing sheets of a size."""
    head = f"sheets of {size // 1000} KB"
    out(f"{head:<31} merge: clock      cpu   conflicts   compare: clock      cpu")
    base = sheet(size, random.Random(1))  # noqa: S311
    for share in (0.02, 0.1, 0.3, 1.0):
        ours, theirs = (edited(base, share, random.Random(seed)) for seed in (2, 3))  # noqa: S311
        merging = timed(lambda o=ours, t=theirs: merge_bodies(base, o, t), repeat)  # type: ignore[misc]
        comparing = timed(lambda o=ours: diff_blocks(base, o), repeat)  # type: ignore[misc]
        conflicts = len(merge_bodies(base, ours, theirs).conflicts)
        out(
            f"  {share:4.0%} of lines edited {merging[0]:15.1f} ms {merging[1]:5.1f} ms"
            f" {conflicts:8} {comparing[0]:17.1f} ms {comparing[1]:5.1f} ms"
        )


def timed(call: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Return the median milliseconds of a call: wall-clock and processor time."""
    clock: list[float] = []
    processor: list[float] = []
    for _ in range(max(repeat, 1)):
        begun, spent = time.perf_counter(), time.process_time()
        call()
        clock.append(time.perf_counter() - begun)
        processor.append(time.process_time() - spent)
    return statistics.median(clock) * 1000, statistics.median(processor) * 1000


def sheet(size: int, rng: random.Random) -> str:
    """Return a generated sheet of about `size` characters: sections, lists, tables, citations."""
    vocabulary = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(4_000)]
    notes: list[str] = []

    def sentence(*, cited: bool) -> str:
        text = " ".join(rng.choices(vocabulary, k=rng.randint(8, 25))).capitalize()
        if not cited:
            return text + "."
        place = f"/sources/{rng.randint(1, 9)}/pages/{rng.randint(1, 90)}/"
        number = len(notes) + 1
        notes.append(f"[^{number}]: [Guide, p. 4]({place}) « {text[:80]} »")
        return f"{text}[^{number}]."

    blocks: list[str] = []
    length = 0
    while length + sum(map(len, notes)) < size:
        title = " ".join(rng.choices(vocabulary, k=3))
        new_blocks = [f"## {title}" if len(blocks) % 9 == 0 else f"### {title}"]
        new_blocks.append(" ".join(sentence(cited=n % 2 == 0) for n in range(3)))
        new_blocks.append("\n".join(f"- {sentence(cited=n == 0)}" for n in range(4)))
        rows = [f"| {sentence(cited=False)} | {sentence(cited=n == 0)} |" for n in range(3)]
        new_blocks.append("\n".join(["| Risque | Parade |", "| --- | --- |", *rows]))
        length += sum(map(len, new_blocks))
        blocks += new_blocks
    return "\n\n".join([*blocks, "\n".join(notes)]) + "\n"


def edited(text: str, share: float, rng: random.Random) -> str:
    """Return a sheet with a share of its lines edited: words replaced, lines added and removed."""
    lines: list[str] = []
    for line in text.split("\n"):
        draw = rng.random() / share
        words = line.split(" ")
        if len(words) < 5 or line.startswith("[^") or draw >= 1:
            lines.append(line)
        elif draw < 0.8:
            for _ in range(1 + len(words) // 10):
                words[rng.randrange(2, len(words))] = "".join(rng.choices(SYLLABLES, k=3))
            lines.append(" ".join(words))
        elif draw < 0.9:
            lines += [line, "- " + " ".join(rng.choices(SYLLABLES, k=12))]
    return "\n".join(lines)


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
