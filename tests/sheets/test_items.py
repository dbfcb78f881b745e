"""Single changes of a text are taken or left; what is taken whole is the whole text."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.merge import Version, itemise_changes, take_items

OLD = """\
## Un

Le bois chauffe.[^1]

- premier
- deuxième

| A | B |
| --- | --- |
| 1 | 2 |
| 3 | 4 |

## Deux

Reste.

[^1]: Une note.
"""
NEW = """\
## Un

Le bois chauffe bien.[^1]

- premier
- troisième
- quatrième

| A | B |
| --- | --- |
| 1 | 5 |
| 3 | 4 |

## Deux

Reste.

Ajout.[^2]

| C | D |
| --- | --- |
| 7 | 8 |

[^1]: Une note.
[^2]: Une autre note.
"""


def items(old: Version, new: Version) -> dict[str, str]:
    """Return the new text of each item, or the former one where it is taken out."""
    found = itemise_changes(old, new).conflicts
    return {c.id: c.theirs or c.ours for c in found}


def test_each_block_is_an_item_and_a_new_table_is_one() -> None:
    old, new = Version(OLD, {"a": "x", "c": "q"}), Version(NEW, {"a": "y", "b": "z"})
    assert list(items(old, new).values()) == [
        "y", "q", "z", "Le bois chauffe bien.[^1]", "- deuxième", "- troisième", "- quatrième",
        "| 1 | 5 |", "Ajout.[^2]", "| C | D |\n| --- | --- |\n| 7 | 8 |",
    ]  # fmt: skip


def test_one_item_is_left() -> None:
    old, new = Version(OLD, {"a": "x"}), Version(NEW, {"a": "y"})
    for key, text in items(old, new).items():
        kept = take_items(old, new, {key})
        shown = [kept.body, *kept.values.values()]
        taken_out = text == "- deuxième"
        assert any(text in part for part in shown) is taken_out, text
        for other, line in items(old, new).items():
            if other != key:
                assert any(line in part for part in shown) is (line != "- deuxième"), (text, line)
        assert ("Une autre note" in kept.body) is (not text.startswith("Ajout"))


def test_all_left_is_the_former_text_and_none_the_new_one() -> None:
    old, new = Version(OLD, {"a": "x"}), Version(NEW, {"a": "y"})
    assert take_items(old, new, {*items(old, new)}) == old
    assert take_items(old, new, set()) == new
    assert take_items(old, new, {"0badcafe"}) == new


BLOCKS = (
    "## Un", "## Deux", "Un texte.[^1]", "Un texte changé.[^2]", "Autre chose ici.", "- a\n- b",
    "- a\n- c\n- b", "| A | B |\n| --- | --- |\n| 1 | 2 |", "| A | B |\n| --- | --- |\n| 1 | 3 |",
    "```\ncode\n```", "> cité",
)  # fmt: skip
NOTES = "[^1]: Une.\n[^2]: Deux.\n"


@pytest.mark.parametrize("left", ["none", "all"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(BLOCKS), max_size=6), st.lists(st.sampled_from(BLOCKS), max_size=6))
def test_on_any_two_texts(left: str, old: list[str], new: list[str]) -> None:
    """Words are never lost nor doubled, whatever is taken; what only moved stays moved."""
    a, b = (Version("\n\n".join([*side, NOTES])) for side in (old, new))
    found = itemise_changes(a, b).conflicts
    wanted = a if left == "all" else b
    taken = take_items(a, b, {c.id for c in found} if left == "all" else set())
    assert sorted(words(taken.body)) == sorted(words(wanted.body))
    for one, other in itertools.pairwise(found):
        assert one.id != other.id


def words(body: str) -> list[str]:
    return [word for line in body.split("\n") if not line.startswith("[^") for word in line.split()]


def test_a_table_below_another_is_an_item_of_its_own() -> None:
    table = "| A | B |\n| --- | --- |\n| 1 | 2 |\n"
    more = table.replace("2", "3") + "| 7 | 8 |\n\n| C | D |\n| --- | --- |\n| 5 | 6 |\n"
    assert list(items(Version(table), Version(more)).values()) == [
        "| 1 | 3 |", "| 7 | 8 |", "| C | D |\n| --- | --- |\n| 5 | 6 |",
    ]  # fmt: skip
    assert list(items(Version(more), Version(table)).values())[-1].startswith("| C | D |")
