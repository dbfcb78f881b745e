"""Compare two versions of a sheet by blocks and words. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sheets.markdown.scanner import scan
from sheets.merge.align import match_items, word_bag, word_overlap
from sheets.merge.footnotes import (
    KEYED,
    Content,
    FootnoteDefinitions,
    FootnoteTable,
    natural_key,
    take_notes,
)
from sheets.merge.moves import match_moved
from sheets.merge.tokenize import MarkdownBlock, cut_body, cut_words, gap_indent

Kind = Literal["same", "changed", "added", "removed", "moved"]
PieceKind = Literal["same", "added", "removed"]
Piece = tuple[str, PieceKind]

MOVED = 12  # shorter blocks, in characters, are never reported as moved
READABLE = 0.3  # below this share of common words, a block is shown whole: old, then new
FLOWING = {"text", "item", "row"}  # kinds of block that a blank line keeps apart
CAPTION = ("Table", ": ")
HARD_BREAK = re.compile(r"(?:  |\\)\n|`|<")  # what makes the whitespace around it count
SOFT_SPACE = re.compile(r"(?<![ \t])[ \t]*+\n[ \t]*+")
ISLAND = 3  # fewer unchanged words between two changes are shown as changed


@dataclass(frozen=True)
class BlockChange:
    """One block of the comparison.

    `section` and `field` are the texts of the headings above it. `old` and `new` are its Markdown
    on either side, "" where it is missing; `pieces` are the words of both in reading order. A moved
    block is listed at its new position; its `moved` number is also that of the "removed" block at
    its old position, 0 for other blocks. `level` is the heading's level, 0 for other blocks;
    `block` its kind: heading, text, item, row, code, html, rule.
    """

    kind: Kind
    section: str
    field: str
    old: str
    new: str
    pieces: tuple[Piece, ...]
    block: str = "text"
    level: int = 0
    moved: int = 0


@dataclass(frozen=True)
class ValueChange:
    """A header field that differs between the sides."""

    kind: Literal["changed", "added", "removed"]
    key: str
    old: str
    new: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class NoteChange:
    """A footnote that was added, removed or reworded."""

    kind: Literal["changed", "added", "removed"]
    old_label: str
    new_label: str
    old: str
    new: str


def diff_blocks(old: str, new: str) -> list[BlockChange]:
    """Return the blocks of both versions in reading order, without footnote definitions.

    Footnotes are compared by content: another number for the same note is no change.
    """
    before, after = normalize_line_ends(old), normalize_line_ends(new)
    sides = take_notes(before), take_notes(after)
    notes = FootnoteTable([sides[0], sides[0], sides[1]], borrow=False)
    first = notes.key_blocks(cut_body(before)[0], 0)
    second = notes.key_blocks(cut_body(after)[0], 2)
    was, now = Labels(notes, sides[0]), Labels(notes, sides[1])
    return list(compare_blocks(first, second, was.write, now.write))


def diff_values(old: Mapping[str, str], new: Mapping[str, str]) -> list[ValueChange]:
    """Return the header fields that changed, in the order of the new ones."""
    found: list[ValueChange] = []
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key, ""), new.get(key, "")
        if was != now:
            kind: Literal["changed", "added", "removed"] = "changed"
            if not was or not now:
                kind = "removed" if was else "added"
            found.append(ValueChange(kind, key, was, now, tuple(word_pieces(was, now))))
    return found


def diff_notes(old: str, new: str) -> list[NoteChange]:
    """Return the footnotes that were added, removed or reworded, in the order of their labels."""
    was, now = take_notes(normalize_line_ends(old)), take_notes(normalize_line_ends(new))
    gone = [c for c in was.written if c not in now.written]
    come = [c for c in now.written if c not in was.written]
    pairs = [(c, c) for c in was.written if now.written.get(c, was.written[c]) != was.written[c]]
    by_label = {now.label.get(c): c for c in come}
    for content in gone:
        label = was.label.get(content)
        other = by_label.get(label) if label else None
        if (
            other
            and word_overlap(word_bag(was.written[content]), word_bag(now.written[other]))
            >= READABLE
        ):
            pairs.append((content, other))
    old_of, new_of = dict(pairs), {b: a for a, b in pairs}
    found = [note_change("changed", was, now, a, b) for a, b in pairs]
    found += [note_change("removed", was, now, c, None) for c in gone if c not in old_of]
    found += [note_change("added", was, now, None, c) for c in come if c not in new_of]
    return sorted(found, key=lambda change: natural_key(change.new_label or change.old_label))


def note_change(
    kind: Literal["changed", "added", "removed"],
    was: FootnoteDefinitions,
    now: FootnoteDefinitions,
    old: Content | None,
    new: Content | None,
) -> NoteChange:
    return NoteChange(
        kind,
        was.label.get(old, "") if old else "",
        now.label.get(new, "") if new else "",
        was.written[old] if old else "",
        now.written[new] if new else "",
    )


def normalize_line_ends(text: str) -> str:
    """Return the text with `\\n` line ends and without the NUL that `FootnoteTable` uses."""
    return text.replace("\r\n", "\n").replace("\0", "")


class Labels:
    """The footnote labels of one side, to be written back into its keyed text."""

    def __init__(self, notes: FootnoteTable, side: FootnoteDefinitions) -> None:
        self.labels = {
            str(number): side.label.get(content, content[-1])
            for content, number in notes.numbers.items()
            if content in side.label or len(content) == 4
        }

    def write(self, text: str) -> str:
        if "\0" not in text:
            return text
        return KEYED.sub(lambda m: f"[^{self.labels[m[1]]}]", text)


Writer = Callable[[str], str]


def compare_blocks(
    old: Sequence[MarkdownBlock], new: Sequence[MarkdownBlock], was: Writer, now: Writer
) -> Iterator[BlockChange]:
    """Yield the changes of the blocks in order: removed before added, matched ones as a pair."""
    matches, moves = match_moved(old, new)
    moves = {i: j for i, j in moves.items() if min(len(old[i].text), len(new[j].text)) >= MOVED}
    origin = {j: i for i, j in moves.items()}
    number = {i: n for n, i in enumerate(sorted(moves), 1)}
    here, there = HeadingTrail(), HeadingTrail()
    j = 0
    for i, at in enumerate([*matches, len(new)]):
        if at < 0:
            block = old[i]
            text = was(block.text)
            here.update(block)
            yield BlockChange(
                "removed",
                here.section,
                here.field,
                text,
                "",
                ((text, "removed"),),
                block.kind,
                here.level(block),
                number.get(i, 0),
            )
            continue
        for y in range(j, at):
            there.update(new[y])
            before = None if y not in origin else old[origin[y]]
            yield there.change(before, new[y], was, now, moved=number.get(origin.get(y, -1), 0))
        if i < len(old):
            here.update(old[i])
            there.update(new[at])
            follows = i > 0 < at and matches[i - 1] == at - 1
            pair = (old[i - 1], new[at - 1]) if follows else None
            yield there.change(old[i], new[at], was, now, above=pair)
        j = at + 1


class HeadingTrail:
    """The texts of the headings above a block."""

    def __init__(self) -> None:
        self.section = self.field = ""

    def update(self, block: MarkdownBlock) -> None:
        if block.kind == "heading":
            heading = scan(block.text).blocks[0]
            if heading.level <= 2:
                self.section, self.field = heading.heading, ""
            else:
                self.field = heading.heading

    def level(self, block: MarkdownBlock) -> int:
        """Return the level of a heading, 0 for any other block."""
        return scan(block.text).blocks[0].level if block.kind == "heading" else 0

    def change(
        self,
        old: MarkdownBlock | None,
        new: MarkdownBlock,
        was: Writer,
        now: Writer,
        *,
        moved: int = 0,
        above: tuple[MarkdownBlock, MarkdownBlock] | None = None,
    ) -> BlockChange:
        """Return the change of a block that the new side has; `above` is the matched pair before.

        A block of the same words is the same only if its page is: its layout counts.
        """
        kind: Kind
        pieces: tuple[Piece, ...]
        text = now(new.text)
        before = was(old.text) if old else ""
        if old is None:
            kind, pieces = "added", ((text, "added"),)
        elif old.text == new.text:
            kind = "same" if is_laid_out_alike(old, new, above) else "changed"
            pieces = ((text, "same"),)
        else:
            cut = cut_lines if new.kind == "code" else cut_words
            pieces = tuple(
                (now(words) if side != "removed" else was(words), side)
                for words, side in word_pieces(old.text, new.text, cut)
            )
            alike = is_wrapped_alike(old, new) and is_laid_out_alike(old, new, above)
            kind = "same" if alike else "changed"
        if moved:
            kind = "moved"
        level = self.level(new)
        return BlockChange(
            kind, self.section, self.field, before, text, pieces, new.kind, level, moved
        )


def is_wrapped_alike(old: MarkdownBlock, new: MarkdownBlock) -> bool:
    """Tell whether two paragraphs differ only in where their lines end, without a line break."""
    return (
        old.kind == new.kind == "text"
        and not (HARD_BREAK.search(old.text) or HARD_BREAK.search(new.text))
        and SOFT_SPACE.sub(" ", old.text) == SOFT_SPACE.sub(" ", new.text)
    )


def is_laid_out_alike(
    old: MarkdownBlock,
    new: MarkdownBlock,
    above: tuple[MarkdownBlock, MarkdownBlock] | None,
) -> bool:
    """Tell whether two blocks are indented alike, and joined alike to the same block before them.

    A blank line matters among paragraphs, list items and table rows, but not before an item that
    follows a paragraph or an item: the list is the same, unless a quote ends there.
    """
    if gap_indent(old.gap) != gap_indent(new.gap) or old.kind != new.kind:
        return False
    around = {block.kind for block in above or ()}
    if above is None or not {old.kind, *around} <= FLOWING:
        return True
    is_same_list = old.kind == "item" and "row" not in around and not old.text.startswith(">")
    most = 3 if old.text.startswith(CAPTION) else 2  # a caption is one blank line below its table
    return is_same_list or min(old.gap.count("\n"), most) == min(new.gap.count("\n"), most)


def cut_lines(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of a code fence, and the line end before each."""
    lines = text.split("\n")
    return lines, ["", *["\n"] * (len(lines) - 1)]


def word_pieces(
    old: str, new: str, cut: Callable[[str], tuple[list[str], list[str]]] = cut_words
) -> list[Piece]:
    """Return the words of both texts in reading order, as same, removed or added."""
    if not old or not new:
        return [(text, kind) for text, kind in split_sides(old, new) if text]
    a, a_gaps = cut(old)
    b, b_gaps = cut(new)
    runs = readable_matches(match_items(a, b), len(b))
    kept = sum(len(a[x]) for start, stop, _ in runs for x in range(start, stop))
    if kept < READABLE * min(len(old), len(new)) and cut is cut_words:
        return split_sides(old, new)
    pieces: list[Piece] = []
    i = j = 0
    for start, stop, at in [*runs, (len(a), len(a), len(b))]:
        if i < start:
            pieces.append((join_words(a, a_gaps, i, start), "removed"))
        if j < at:
            pieces.append((join_words(b, b_gaps, j, at), "added"))
        if start < stop:
            pieces.append((join_words(b, b_gaps, at, at + stop - start), "same"))
        i, j = stop, at + stop - start
    return pieces


def split_sides(old: str, new: str) -> list[Piece]:
    return [(old, "removed"), (new, "added")]


def join_words(words: Sequence[str], gaps: Sequence[str], start: int, stop: int) -> str:
    return "".join(g + w for g, w in zip(gaps[start:stop], words[start:stop], strict=True))


def readable_matches(matches: Sequence[int], width: int) -> list[tuple[int, int, int]]:
    """Return the runs of common words: (start, stop) in the old text, start in the new.

    Runs under ISLAND words between two longer changes are dropped: they count as changed.
    """
    runs: list[tuple[int, int, int]] = []
    for x, y in enumerate(matches):
        if y < 0:
            continue
        if runs and runs[-1][1] == x and runs[-1][2] + x - runs[-1][0] == y:
            runs[-1] = (runs[-1][0], x + 1, runs[-1][2])
        else:
            runs.append((x, x + 1, y))
    ends = [(0, 0, 0), *runs, (len(matches), len(matches), width)]
    kept: list[tuple[int, int, int]] = []
    for n, (start, stop, at) in enumerate(runs, 1):
        _, before, before_at = ends[n - 1]
        after, _, after_at = ends[n + 1]
        left = start - before + at - (before_at + before - ends[n - 1][0])
        right = after - stop + after_at - (at + stop - start)
        if stop - start < ISLAND and left > 2 * ISLAND and right > 2 * ISLAND:
            continue
        kept.append((start, stop, at))
    return kept
