"""What changed between two versions is shown by block and by word."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.merge.diff import BlockChange, diff_blocks, diff_notes, diff_values
from sheets.merge.tokenize import cut_blocks
from tests.sheets.test_merge import BASE, changed, cites
from tests.sheets.test_merge_properties import MARKDOWN


def changes(old: str, new: str) -> list[BlockChange]:
    return [c for c in diff_blocks(old, new) if c.kind != "same"]


def side(change: BlockChange, without: str) -> str:
    return "".join(text for text, kind in change.pieces if kind != without)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Un.  \nDeux.\n", "Un.\nDeux.\n"),
        ("Un.\\\nDeux.\n", "Un. \nDeux.\n"),
        ("10\u00a0kW ici.\n", "10 kW ici.\n"),
        ("Avant.\n\n    ligne\n", "Avant.\n\nligne\n"),
        ("| a |\n| --- |\n| b |\n", "| a |\n| --- |\n\n| b |\n"),
        ("- un\n  suite\n", "- un\n      suite\n"),
        ("- un\n\n  suite\n", "- un\n\nsuite\n"),
        ("Le `a  b` ici.\n", "Le `a b` ici.\n"),
        ("```\na\n```\n", "```\n a\n```\n"),
    ],
)
def test_what_shows_otherwise_is_never_the_same(old: str, new: str) -> None:
    assert changes(old, new)
    assert changes(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Un mot,\nun autre.\n", "Un mot, un autre.\n"),
        ("Un.\n\n\n\nDeux.\n", "Un.\n\nDeux.\n"),
        ("## Titre\nTexte.\n", "## Titre\n\nTexte.\n"),
        ("- un\n- deux\n", "- un\n\n- deux\n"),
        ("Il y a :\n- un\n", "Il y a :\n\n- un\n"),
    ],
)
def test_what_shows_alike_is_the_same(old: str, new: str) -> None:
    assert changes(old, new) == []


def test_the_same_text_is_the_same() -> None:
    blocks = diff_blocks(BASE, BASE)

    assert {c.kind for c in blocks} == {"same"}
    assert [c.new for c in blocks] == [b.text for b in cut_blocks(BASE)[0]]
    assert (blocks[3].section, blocks[3].level) == ("📊 Impacts attendus", 3)


def test_a_changed_word_is_marked_inside_its_block() -> None:
    (change,) = changes(BASE, changed(("20 %", "25 %")))

    assert change.kind == "changed"
    assert (change.section, change.field, change.block) == (
        "📊 Impacts attendus",
        "Énergie",
        "item",
    )
    assert change.pieces == (
        ("- Gain de", "same"),
        (" 20", "removed"),
        (" 25", "added"),
        (" % sur le chauffage", "same"),
    )


def test_added_and_removed_blocks() -> None:
    new = changed(("- Moins d’air à ventiler\n", ""), ("### CO₂", "### CO₂\n\nUne phrase neuve."))

    removed, added = changes(BASE, new)

    assert (removed.kind, removed.old, removed.new) == ("removed", "- Moins d’air à ventiler", "")
    assert (added.kind, added.old, added.new) == ("added", "", "Une phrase neuve.")
    assert (removed.field, added.field) == ("Énergie", "CO₂")


def test_a_moved_block_is_known_at_both_places() -> None:
    blocks = ["## Un", "Un texte qui change de place.", "Deux reste.", "Trois reste.", "Quatre."]
    old, new = "\n\n".join(blocks), "\n\n".join([blocks[0], *blocks[2:], blocks[1]])

    left, come = changes(old, new)

    assert (left.kind, left.moved) == ("removed", 1)
    assert (come.kind, come.moved) == ("moved", 1)
    assert come.pieces == ((blocks[1], "same"),)


def test_a_moved_block_with_other_words_shows_them() -> None:
    blocks = ["## Un", "Un texte de huit mots qui change de place.", "Deux reste.", "Trois reste."]
    new = "\n\n".join([blocks[0], *blocks[2:], blocks[1].replace("huit", "neuf")])

    _left, come = changes("\n\n".join(blocks), new)

    assert come.kind == "moved"
    assert (" huit", "removed") in come.pieces
    assert (" neuf", "added") in come.pieces


def test_a_rewritten_block_is_shown_whole_not_in_splinters() -> None:
    old = "Le gain est de 20 % et la durée de vie du matériel de 10 ans.\n"
    new = "On estime que les sites de plus de 5 MW sont les premiers concernés.\n"

    pieces = [piece for change in changes(old, new) for piece in change.pieces]

    assert [kind for _text, kind in pieces] == ["removed", "added"]


def test_new_line_breaks_are_no_change_but_a_new_indent_of_an_item_is() -> None:
    old = "Une phrase coupée\nen deux lignes.\n\n- un\n- deux\n"

    assert changes(old, old.replace("coupée\nen", "coupée en")) == []
    (change,) = changes(old, old.replace("- deux", "    - deux"))
    assert change.kind == "changed"


def test_code_is_compared_by_lines() -> None:
    (change,) = changes(BASE, changed(("y = 2", "y = 3")))

    assert ("\ny = 2", "removed") in change.pieces
    assert ("\ny = 3", "added") in change.pieces


def test_another_number_for_the_same_note_is_no_change() -> None:
    old = f"Un texte[^1] et un autre[^2].\n\n{cites('1', 4, 'a')}\n{cites('2', 5, 'b')}\n"
    new = f"Un texte[^2] et un autre[^1].\n\n{cites('1', 5, 'b')}\n{cites('2', 4, 'a')}\n"

    assert changes(old, new) == []
    assert diff_blocks(old, new)[0].new == "Un texte[^2] et un autre[^1]."
    assert diff_notes(old, new) == []


def test_another_source_with_the_same_number_is_a_change() -> None:
    old = f"Un texte assez long ici[^1].\n\n{cites('1', 4, 'a')}\n"
    new = f"Un texte assez long ici[^1].\n\n{cites('1', 9, 'tout autre')}\n"

    (change,) = changes(old, new)

    assert [p for p in change.pieces if p[1] != "same"] == [("[^1]", "removed"), ("[^1]", "added")]


def test_footnotes_are_compared_apart() -> None:
    old = f"T[^1] u[^2] v[^3].\n\n{cites('1', 4, 'a')}\n[^2]: Une note libre\n[^3]: Perdue\n"
    new = f"T[^1] u[^2] v[^4].\n\n{cites('1', 4, 'a', 'Le guide')}\n[^2]: Une note plus libre\n"
    new += cites("4", 9, "neuve") + "\n"

    found = [(c.kind, c.old_label, c.new_label) for c in diff_notes(old, new)]

    assert found == [
        ("changed", "1", "1"),
        ("changed", "2", "2"),
        ("removed", "3", ""),
        ("added", "", "4"),
    ]


def test_header_data_is_compared_by_key() -> None:
    found = diff_values(
        {"a": "1", "b": "air sec", "c": "x"}, {"b": "air chaud", "c": "x", "d": "2"}
    )

    assert [(c.kind, c.key) for c in found] == [("changed", "b"), ("added", "d"), ("removed", "a")]
    assert found[0].pieces == (("air", "same"), (" sec", "removed"), (" chaud", "added"))


def bare(text: str) -> str:
    """Return a text without blanks, and without the labels of its footnotes, escaped or not."""
    return re.sub(r"\[\^[^\]\s]+\]", "", "".join(text.split()))


@settings(max_examples=400, deadline=None)
@given(MARKDOWN, MARKDOWN)
def test_both_sides_can_be_read_from_the_pieces(old: str, new: str) -> None:
    blocks = diff_blocks(old, new)

    for change in blocks:
        assert bare(side(change, "added")) == bare(change.old)
        assert bare(side(change, "removed")) == bare(change.new)
        assert "\0" not in change.old + change.new
        if change.kind == "same":
            assert [kind for _text, kind in change.pieces] == ["same"]
        if change.kind == "moved":
            assert sum(c.moved == change.moved for c in blocks) == 2
    gone = [c.moved for c in blocks if c.kind == "removed" and c.moved]
    assert sorted(gone) == sorted(c.moved for c in blocks if c.kind == "moved")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_nothing_differs_from_itself(text: str) -> None:
    assert all(change.kind == "same" for change in diff_blocks(text, text))
    assert diff_notes(text, text) == []
