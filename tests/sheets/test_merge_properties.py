"""What holds for any two edits: nothing that one side did is lost, and the sides are equals."""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.markdown.parse import MARKERS, split_notes
from sheets.merge import (
    BOTH,
    MINE,
    THEIRS,
    Conflict,
    ConflictChoice,
    MergedText,
    MergeResult,
    merge_bodies,
    resolve_conflicts,
)
from sheets.merge.blocks import merge_blocks
from sheets.merge.hunks import Hunk
from sheets.merge.result import OTHER, MovedText
from sheets.merge.tokenize import cut_blocks, cut_words, split_gap

SCRIPTS = 1000
MOVING_SCRIPTS = 3000 if os.environ.get("LONG") else 300
TAGGED = re.compile(r"\b[bot]\d+\b")  # every word is one of a kind: of the base, ours or theirs


class Writer:
    """Writes and edits sheets of which every word says who wrote it, and occurs once."""

    def __init__(self, chance: random.Random, side: str) -> None:
        self.chance, self.side, self.count = chance, side, 0

    def word(self) -> str:
        self.count += 1
        return f"{self.side}{self.count}"

    def words(self, low: int, high: int) -> list[str]:
        return [self.word() for _ in range(self.chance.randint(low, high))]

    def sentence(self) -> str:
        return " ".join(self.words(3, 12)) + self.chance.choice([".", ".", " !", ""])

    def block(self) -> str:
        kind = self.chance.random()
        if kind < 0.2:
            return "#" * self.chance.randint(2, 4) + " " + " ".join(self.words(1, 4))
        if kind < 0.5:
            return "- " + self.sentence()
        if kind < 0.65:
            return f"| {' '.join(self.words(1, 4))} | {' '.join(self.words(1, 4))} |"
        if kind < 0.7:
            return "```\n" + "\n".join(" ".join(self.words(1, 3)) for _ in range(3)) + "\n```"
        return " ".join(self.sentence() for _ in range(self.chance.randint(1, 4)))

    def sheet(self) -> list[str]:
        return [self.block() for _ in range(self.chance.randint(1, 14))]

    def edit(self, blocks: list[str]) -> list[str]:
        """Return the blocks after a few edits: of words, of whole blocks, of their order."""
        blocks = list(blocks)
        for _ in range(self.chance.randint(1, 6)):
            at = self.chance.randrange(len(blocks) + 1)
            edit = self.chance.random()
            if edit < 0.2 or at == len(blocks):
                blocks.insert(at, self.block())
            elif edit < 0.3:
                del blocks[at]
            elif edit < 0.35:
                blocks[at] = self.block()
            else:
                blocks[at] = self.edit_words(blocks[at])
        return blocks

    def edit_words(self, block: str) -> str:
        found = list(TAGGED.finditer(block))
        if not found:
            return block
        hit = self.chance.choice(found)
        new = self.chance.choice(["", self.word(), f"{hit[0]} {self.word()}"])
        return block[: hit.start()] + new + block[hit.end() :]


def together(blocks: list[str]) -> str:
    """Return blocks as Markdown: lists and tables without blank lines in them."""
    text = ""
    for before, block in zip(["", *blocks], blocks, strict=False):
        tight = before[:2] == block[:2] and block[:2] in {"- ", "| "}
        text += ("\n" if tight else "\n\n" if before else "") + block
    return text + "\n"


def scripts(count: int) -> Iterator[tuple[str, str, str]]:
    for seed in range(count):
        chance = random.Random(seed)
        base = Writer(chance, "b").sheet()
        ours, theirs = (Writer(chance, side).edit(base) for side in "ot")
        yield together(base), together(ours), together(theirs)


def tagged(text: str) -> Counter[str]:
    return Counter(TAGGED.findall(text))


def shown(merged: MergeResult, side: str) -> str:
    """Return what one side sees: the settled text, and its own in the conflicts."""
    return "".join(
        p.text if isinstance(p, MergedText) else p.gap + getattr(p, side) for p in merged.parts
    )


def turned(merged: MergeResult) -> list[object]:
    return [
        (p.id, p.section, p.field, p.base, p.theirs, p.ours)
        if isinstance(p, Conflict)
        else replace(p, place=OTHER[p.place])
        if isinstance(p, MovedText)
        else p
        for p in merged.parts
    ]


def straight(merged: MergeResult) -> list[object]:
    return [
        (p.id, p.section, p.field, p.base, p.ours, p.theirs) if isinstance(p, Conflict) else p
        for p in merged.parts
    ]


def test_a_thousand_scripts_lose_no_edit_and_bring_nothing_back() -> None:
    conflicts = clean = 0
    for base, ours, theirs in scripts(SCRIPTS):
        merged = merge_bodies(base, ours, theirs)
        settled = tagged("\n".join(p.text for p in merged.parts if isinstance(p, MergedText)))
        mine, other = tagged(shown(merged, "ours")), tagged(shown(merged, "theirs"))
        in_base, in_ours, in_theirs = tagged(base), tagged(ours), tagged(theirs)
        for word in in_ours - in_base:  # what one side wrote is there once, and as its own
            assert mine[word] == 1
            assert other[word] == settled[word]
        for word in in_theirs - in_base:
            assert other[word] == 1
            assert mine[word] == settled[word]
        for word in (in_base - in_ours) + (in_base - in_theirs):  # what one removed stays away
            assert not settled[word]
        for word in in_base & in_ours & in_theirs:  # what nobody touched is there for both
            assert mine[word] == other[word] == 1
        conflicts, clean = conflicts + bool(merged.conflicts), clean + (not merged.conflicts)
    assert conflicts > SCRIPTS / 10
    assert clean > SCRIPTS / 10


def test_a_thousand_scripts_treat_both_sides_alike() -> None:
    for base, ours, theirs in scripts(SCRIPTS):
        merged, other = merge_bodies(base, ours, theirs), merge_bodies(base, theirs, ours)

        assert straight(merged) == turned(other)
        choices = {c.id: MINE for c in merged.conflicts}
        assert resolve_conflicts(merged, choices) == resolve_conflicts(
            other, dict.fromkeys(choices, THEIRS)
        )


def test_a_thousand_scripts_merged_with_themselves_change_nothing() -> None:
    for base, ours, _theirs in scripts(SCRIPTS):
        assert merge_bodies(base, base, ours).text == ours
        assert merge_bodies(base, ours, base).text == ours
        assert merge_bodies(base, ours, ours).text == ours


def moving_scripts(count: int) -> Iterator[tuple[str, str, str]]:
    """Yield scripts of which both sides move blocks and whole sections, and edit most of them."""
    for seed in range(count):
        chance = random.Random(seed)
        base = Writer(chance, "b").sheet()
        sides = []
        for side in "ot":
            kind = chance.random()
            blocks = moved(base, chance) if kind < 0.8 else base
            sides.append(Writer(chance, side).edit(blocks) if kind > 0.4 else blocks)
        yield together(base), together(sides[0]), together(sides[1])


def moved(blocks: list[str], chance: random.Random) -> list[str]:
    """Return the blocks after one to three moves, of a few blocks or of a section."""
    blocks = list(blocks)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(blocks))
        stop = start + chance.randint(1, 3)
        headings = [n for n, block in enumerate(blocks) if block.startswith("#")]
        if headings and chance.random() < 0.4:
            start = chance.choice(headings)
            stop = next((n for n in headings if n > start), len(blocks))
        part, blocks[start:stop] = blocks[start:stop], []
        at = chance.randrange(len(blocks) + 1)
        blocks[at:at] = part
    return blocks


def test_moves_lose_and_double_nothing_whatever_is_chosen() -> None:
    """What both sides kept stands in the result once, under every choice and any mix of them."""
    places = 0
    for seed, (base, ours, theirs) in enumerate(moving_scripts(MOVING_SCRIPTS)):
        chance = random.Random(seed)
        merged = merge_bodies(base, ours, theirs)
        assert straight(merged) == turned(merge_bodies(base, theirs, ours))
        places += sum(conflict.kind == "place" for conflict in merged.conflicts)
        held = block_texts(base) & block_texts(ours) & block_texts(theirs)
        own = {"o": tagged(ours) - tagged(base), "t": tagged(theirs) - tagged(base)}
        mixes = [[MINE], [THEIRS], [BOTH], [MINE, THEIRS], [MINE, THEIRS, BOTH]]
        for mix in mixes:
            choices = {c.id: chance.choice(mix) for c in merged.conflicts}
            text = resolve_conflicts(merged, choices)
            found = Counter(block.text for block in cut_blocks(text)[0])
            assert {block: found[block] for block in held} == dict.fromkeys(held, 1)
            assert mix != [MINE] or own["o"] <= tagged(text)
            assert mix != [THEIRS] or own["t"] <= tagged(text)
    assert places > MOVING_SCRIPTS / 20


def block_texts(text: str) -> set[str]:
    return {block.text for block in cut_blocks(text)[0]}


def test_a_place_is_chosen_once_for_what_was_there_and_what_is_there() -> None:
    for base, ours, theirs in moving_scripts(MOVING_SCRIPTS):
        merged = merge_bodies(base, ours, theirs)
        for conflict in merged.conflicts:
            if conflict.kind == "place":
                choices = {c.id: MINE for c in merged.conflicts}
                choices[conflict.id] = ConflictChoice("edit", "Autre texte.")
                assert resolve_conflicts(merged, choices).count("Autre texte.") == 1


def test_the_rules_change_nothing_by_themselves() -> None:
    """`merge_bodies` answers at once where two texts are the same; so do the rules under it."""
    for base, ours, _theirs in scripts(SCRIPTS // 5):
        blocks, edited = cut_blocks(base)[0], cut_blocks(ours)[0]
        for pieces in (
            merge_blocks(blocks, edited, blocks),
            merge_blocks(blocks, blocks, edited),
            merge_blocks(blocks, edited, edited),
        ):
            assert words(p.merged for p in pieces) == words(b.text for b in edited)


def test_edits_in_blocks_apart_are_never_in_conflict() -> None:
    for seed in range(SCRIPTS // 5):
        chance = random.Random(seed)
        base = ["Texte b0 fixe ici."] + [
            block for _ in range(6) for block in (Writer(chance, "b").block(), "Reste ici.")
        ]
        base = [f"{block} r{n}" if block == "Reste ici." else block for n, block in enumerate(base)]
        ours, theirs = list(base), list(base)
        writers = Writer(chance, "o"), Writer(chance, "t")
        for at in range(1, len(base), 2):
            writer, side = (writers[0], ours) if at % 4 == 1 else (writers[1], theirs)
            side[at] = writer.edit_words(base[at])
        merged = merge_bodies(together(base), together(ours), together(theirs))
        both = [t if b == o else o for b, o, t in zip(base, ours, theirs, strict=True)]

        assert merged.conflicts == []
        assert merged.text.split() == together(both).split()


def words(texts: Iterator[str | None]) -> list[str]:
    return [word for text in texts if text for word in cut_words(text)[0]]


FRAGMENTS = st.sampled_from(
    [
        "un", "deux", "trois quatre.", "20 %", "**g**", "[^1]", "[^2]", "[^x]", "\\[^1]", "`code`",
        "\n", "\n", "\n\n", "\n- ", "\n1. ", "\n    - ", "\n## ", "\n### ", "\n| a | b |\n",
        "\n| --- | --- |\n", "\n```\n", "\n~~~\n", "\n---\n", "<b>", "[lien](/x)", " ", "\u00a0",
        "\n[^1]: Une note\n", "\n[^2]: [G, p. 4](/sources/7/pages/4/) « q »\n", "\n    suite\n",
        "\n[^1]: [G, p. 4](/sources/7/pages/4/) « q »\n", "\r\n", "\t", "\0", "|", "#", "\\",
    ]
)  # fmt: skip
MARKDOWN = st.lists(FRAGMENTS, max_size=14).map("".join)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN | st.text(max_size=40))
def test_blocks_and_words_are_the_text_again(text: str) -> None:
    blocks, end = cut_blocks(text)

    assert "".join(b.gap + b.text for b in blocks) + end == text
    for block in blocks:
        found, gaps = cut_words(block.text)
        assert "".join(g + w for g, w in zip(gaps, found, strict=True)) == block.text
        assert block.text.strip() == block.text != ""


@settings(max_examples=500, deadline=None)
@given(MARKDOWN, MARKDOWN, MARKDOWN)
def test_every_piece_follows_the_rules_and_holds_both_sides(b: str, o: str, t: str) -> None:
    base, ours, theirs = (cut_blocks(text)[0] for text in (b, o, t))
    pieces = merge_blocks(base, ours, theirs)

    assert words(p.ours for p in pieces) == words(x.text for x in ours)
    assert words(p.theirs for p in pieces) == words(x.text for x in theirs)
    for piece in pieces:
        assert is_by_the_rules(piece)


def is_by_the_rules(piece: Hunk) -> bool:
    base, ours, theirs = (words(iter([text])) for text in piece[1:4])
    if piece.merged is None:
        return piece.side == "both"
    merged = words(iter([piece.merged]))
    if piece.side == "both":  # a code fence, by its lines
        return piece.kind == "code"
    if piece.side == "ours":
        return theirs == base and merged == ours
    if piece.side == "theirs":
        return ours == base and merged == theirs
    return ours == theirs == merged


@settings(max_examples=500, deadline=None)
@given(MARKDOWN, MARKDOWN, MARKDOWN)
def test_any_texts_merge_and_every_choice_is_a_text(b: str, o: str, t: str) -> None:
    merged = merge_bodies(b, o, t)

    assert straight(merged) == turned(merge_bodies(b, t, o))
    assert len({c.id for c in merged.conflicts}) == len(merged.conflicts)
    for choice in (MINE, THEIRS, BOTH):
        text = resolve_conflicts(merged, {c.id: choice for c in merged.conflicts})
        assert "\0" not in text or "\0" in o + t
        for conflict in merged.conflicts:
            kept = {"mine": [conflict.ours], "theirs": [conflict.theirs]}.get(
                choice.take, [conflict.ours, conflict.theirs]
            )
            assert all(split_gap(side)[1] in text for side in kept)
    for conflict in merged.conflicts:
        assert conflict.ours != conflict.theirs


def test_no_citation_is_broken_in_a_thousand_scripts() -> None:
    """Every statement cites in the merged text what it cites on the side that it comes from."""
    for seed in range(SCRIPTS):
        chance = random.Random(seed)
        base = [(word, chance.randint(1, 6)) for word in Writer(chance, "b").words(2, 9)]
        ours, theirs = (edit_citations(base, Writer(chance, side)) for side in "ot")
        labels = [numbering(chance) for _ in range(3)]
        texts = [write(s, n) for s, n in zip((base, ours, theirs), labels, strict=True)]
        merged = merge_bodies(*texts)
        plain = tagged("".join(p.text for p in merged.parts if isinstance(p, MergedText)))
        for choice, kept, other in ((MINE, ours, theirs), (THEIRS, theirs, ours)):
            text = resolve_conflicts(merged, {c.id: choice for c in merged.conflicts})
            pages, before, by_kept, by_other = read(text), dict(base), dict(kept), dict(other)
            for word, page in pages.items():
                known = {by_kept.get(word), by_other.get(word)}
                if not plain[word]:  # chosen in a conflict
                    known = {by_kept[word]}
                elif len(known - {None}) == 2:  # both have it: the one who changed it, if one did
                    known -= {before.get(word)}
                assert page in known, (texts, text)
            assert not any(plain[word] for word in before if word not in by_kept)
            assert set(pages) >= {word for word, _page in kept} - set(before)


Numbering = Callable[[int], str]


def numbering(chance: random.Random) -> Numbering:
    order = list(range(1, 20))
    chance.shuffle(order)
    return lambda page: str(order[page])


def edit_citations(base: list[tuple[str, int]], writer: Writer) -> list[tuple[str, int]]:
    said = list(base)
    for _ in range(3):
        at = writer.chance.randrange(len(said)) if said else 0
        edit = writer.chance.random()
        if edit < 0.5 or not said:
            said.insert(at, (writer.word(), writer.chance.randint(1, 9)))
        elif edit < 0.7:
            del said[at]
        else:
            said[at] = said[at][0], writer.chance.randint(1, 9)
    return said


def write(said: list[tuple[str, int]], label: Numbering) -> str:
    lines = [f"- {word} dit cela[^{label(page)}]" for word, page in said]
    notes = [
        f"[^{label(page)}]: [Guide, p. {page}](/sources/7/pages/{page}/) « quote {page} »"
        for page in sorted({page for _word, page in said}, key=lambda p: int(label(p)))
    ]
    return "\n".join(lines) + "\n\n" + "\n".join(notes) + "\n"


def read(text: str) -> dict[str, int | None]:
    """Return the page that each statement of a text cites."""
    body, notes = split_notes(text)
    found: dict[str, int | None] = {}
    for line in body.splitlines():
        tag, marks = TAGGED.search(line), MARKERS.search(line)
        if tag and marks:
            label = marks[0].strip().removeprefix("[^").removesuffix("]")
            found[tag[0]] = notes[label].page if label in notes else None
    return found
