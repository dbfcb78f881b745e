"""Splicing sections into another text keeps every marker with its own footnote."""

import random

import pytest

from sheets.markdown.parse import MARKER, split_notes
from sheets.markdown.splice import body_sections, expand_footnotes, section_sizes, splice_sections
from sheets.merge import Version
from tests.sheets.factories import TEMPLATE

HEADINGS = {
    "resume": "## 🎯 Résumé (10 secondes)",
    "impacts": "## Impacts attendus",
    "risques": "## Risques / freins & solutions",
    "notes-de-claire": "## Notes de Claire",
}


def make(chance: random.Random, quotes: list[str]) -> Version:
    """Return a text of some sections whose statements say which quote their marker must lead to."""
    keys = [k for k in HEADINGS if chance.random() < 0.8]
    if chance.random() < 0.3:
        chance.shuffle(keys)
    labels = [str(n) for n in range(1, 9)] + ["a", "note-b"]
    chance.shuffle(labels)
    notes = dict(zip(labels, chance.sample(quotes, len(labels)), strict=True))
    dangling = chance.random() < 0.3

    def said() -> str:
        label = chance.choice(labels)
        return f"Dit « {notes[label]} »[^{label}]"

    parts = [
        f"{HEADINGS[key]}\n\n" + "\n".join(f"- {said()}" for _ in range(chance.randint(1, 4)))
        for key in keys
    ]
    if dangling and parts:
        parts[0] += "\n- Rien[^77]"
    values = {"categorie": said()} if chance.random() < 0.5 else {}
    lines = [f"[^{label}]: {quote}" for label, quote in notes.items()]
    return Version("\n\n".join([*parts, "\n".join(lines)]) + "\n", values)


def assert_honest(version: Version) -> None:
    """Check that each marker leads to the footnote that its statement names."""
    said, notes = split_notes(version.body)
    for line in [*said.splitlines(), *version.values.values()]:
        for marker in MARKER.findall(line):
            if line.startswith("- Rien"):
                assert marker not in notes
            else:
                assert f"« {notes[marker].text} »" in line


@pytest.mark.parametrize("seed", range(300))
def test_every_marker_leads_where_it_led(seed: int) -> None:
    chance = random.Random(seed)
    quotes = [f"mot {n}" for n in range(14)]
    into, source = make(chance, quotes), make(chance, quotes)
    keys = {k for k in ("fiche", *HEADINGS) if chance.random() < 0.5}
    grafted = splice_sections(into, source, keys, TEMPLATE)

    assert_honest(grafted)
    old, new, now = (expand_footnotes(v, TEMPLATE) for v in (into, source, grafted))
    for key in {*old, *new}:
        expected = (new if key in keys else old).get(key)
        if expected is None or "Rien[^" not in expected:
            assert now.get(key) == expected


@pytest.mark.parametrize("seed", range(40))
def test_what_comes_from_itself_is_the_same(seed: int) -> None:
    text = make(random.Random(seed), [f"mot {n}" for n in range(14)])
    again = splice_sections(text, text, set(HEADINGS), TEMPLATE)
    assert expand_footnotes(again, TEMPLATE) == expand_footnotes(text, TEMPLATE)
    assert [p.key for p in body_sections(again.body, TEMPLATE)] == [
        p.key for p in body_sections(text.body, TEMPLATE)
    ]


def test_a_new_section_comes_where_its_source_has_it() -> None:
    into = Version("## Résumé (10 secondes)\n\nUn.\n\n## Risques / freins & solutions\n\nTrois.\n")
    source = Version("## Résumé (10 secondes)\n\nA.\n\n## Impacts attendus\n\nDeux.\n")
    keys = [
        p.key
        for p in body_sections(splice_sections(into, source, {"impacts"}, TEMPLATE).body, TEMPLATE)
    ]
    assert keys == ["resume", "impacts", "risques"]


def test_code_is_neither_cut_nor_renumbered() -> None:
    code = "```\n## Risques / freins & solutions\n[^1]: rien\n[^1]\n```"
    into = Version("## Résumé (10 secondes)\n\nUn.[^1]\n\n[^1]: mot\n")
    source = Version(f"## Impacts attendus\n\n{code}\n\nDeux.[^1]\n\n[^1]: autre\n")
    grafted = splice_sections(into, source, {"impacts"}, TEMPLATE).body
    assert code in grafted
    assert "Deux.[^2]" in grafted


def test_words_are_counted_without_headings_and_footnotes() -> None:
    text = Version(
        "## Résumé (10 secondes)\n\n### Un titre\n\nDeux mots.[^1]\n\n[^1]: trois de plus\n"
    )
    assert section_sizes(text, TEMPLATE) == {"resume": 2}
