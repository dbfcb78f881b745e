"""Markdown ⇄ fields: nothing is lost either way."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.fields import (
    BadField,
    FieldValue,
    SectionFields,
    put_fields,
    read_fields_of,
    read_section_fields,
    write_section_fields,
)
from sheets.markdown.splice import note_lines
from sheets.markdown.version import Version
from tests.sheets.factories import TEMPLATE
from tests.sheets.markdown_texts import FIXED, FrenchWriter, mixture

BODY = """\
Avant tout.

## 🎯 Résumé (10 secondes)

Un gain de 5 % d’énergie.[^1]

## 📊 Impacts attendus

Sous le titre.

### Énergie

- Gain de 5 % [^1]
- Gain de 7 %, a \\| b

### CO₂

Deux alinéas.

    du code

### Ajout d’une personne

Libre.

## ⚠️ Risques / freins & solutions

| Risque | Parade |
| --- | --- |
| Fuite \\| usure | Contrôle[^2] |
| Bruit |  |

## Section d’une personne

1. un
2. deux

[^1]: [Guide, p. 14](/sources/7/pages/14/) « Un gain de 5 %. »
[^2]: une note
"""


def by_name(version: Version) -> dict[str, dict[str, FieldValue]]:
    return {part.anchor: dict(part.values) for part in read_fields_of(version, TEMPLATE)}


def words(text: str) -> list[str]:
    return sorted(re.findall(r"\w+", text))


def test_fields_have_their_names_and_shapes() -> None:
    fields = by_name(Version(BODY))
    assert fields[""] == {"_": "Avant tout."}
    assert fields["resume"] == {"resume": "Un gain de 5 % d’énergie.[^1]"}
    assert fields["impacts"] == {
        "_": "Sous le titre.",
        "energie": ["Gain de 5 % [^1]", "Gain de 7 %, a \\| b"],
        "co2": "Deux alinéas.\n\n    du code",
        "ajout-d-une-personne": "Libre.",
    }
    assert fields["risques"] == {
        "risques": [
            {"Risque": "Fuite | usure", "Parade": "Contrôle[^2]"},
            {"Risque": "Bruit", "Parade": ""},
        ]
    }
    assert fields["section-d-une-personne"] == {"_": "1. un\n2. deux"}


def test_one_changed_field_leaves_every_other_byte() -> None:
    version = Version(BODY)
    after = put_fields(version, TEMPLATE, {"impacts": {"energie": ["Gain de 6 %"]}}, {})
    want = BODY.replace("- Gain de 5 % [^1]\n- Gain de 7 %, a \\| b", "- Gain de 6 %")
    assert after.body == want


def test_a_new_field_and_a_new_section_stand_in_their_place() -> None:
    version = Version("## 📊 Impacts attendus\n\n### CO₂\n\nRien.\n")
    changes = {"impacts": {"energie": "Peu.", "capex": "Cher."}, "resume": {"resume": "Bref.[^a]"}}
    body = put_fields(version, TEMPLATE, changes, {"a": "une note", "b": "sans appel"}).body
    order = ["## 🎯 Résumé (10 secondes)\n\nBref.[^a]", "### Énergie", "### CO₂", "### Capex"]
    assert [body.index(text) for text in order] == sorted(body.index(text) for text in order)
    assert "[^a]: une note" in body
    assert "sans appel" not in body


@pytest.mark.parametrize(
    ("changes", "where", "why"),
    [
        ({"absente": {"a": "b"}}, "absente", "unknown"),
        ({"fiche": {"categorie": "b"}}, "fiche", "unknown"),
        ({"impacts": {"absent": "b"}}, "impacts.absent", "unknown"),
        ({"impacts": {"energie": ["a\n## b"]}}, "impacts.energie", "lines"),
        ({"risques": {"risques": [{"Risque": "a\nb"}]}}, "risques.risques", "lines"),
    ],
)
def test_what_cannot_be_written_is_refused(
    changes: dict[str, dict[str, FieldValue]], where: str, why: str
) -> None:
    with pytest.raises(BadField) as refused:
        put_fields(Version(BODY), TEMPLATE, changes, {})
    assert (refused.value.where, refused.value.why) == (where, why)


TEXTS = [BODY, *FIXED, *(FrenchWriter(seed).document() for seed in range(60))]
TEXTS += [mixture(seed) for seed in range(140)]


@pytest.mark.parametrize("index", range(len(TEXTS)))
def test_nothing_is_lost_either_way(index: int) -> None:
    version = Version(TEXTS[index])
    fields = by_name(version)
    assert put_fields(version, TEMPLATE, fields, note_lines(version.body)) == version
    parts = read_fields_of(version, TEMPLATE)
    for part in parts:
        again = read_section_fields(part.anchor, write_section_fields(part, TEMPLATE), TEMPLATE)
        assert again == part
    written = [write_section_fields(part, TEMPLATE) for part in parts]
    told = " ".join([*written, *note_lines(version.body).values()])
    missing = set(words(version.body)) - set(words(told)) - set(note_lines(version.body))
    assert not missing


PLAIN = st.text("abcdé 5%|[^1]*`-#_", min_size=1, max_size=12).map(lambda t: f"x{t}y")
VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, min_size=1, max_size=3),
    st.lists(st.fixed_dictionaries({"Risque": PLAIN, "Parade": PLAIN}), min_size=1, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["energie", "co2", "capex"]), VALUES, min_size=1))
def test_what_is_written_is_read_again(values: dict[str, FieldValue]) -> None:
    section = SectionFields(
        "impacts",
        "## 📊 Impacts attendus",
        values,
        {name: f"### {name.title()}" for name in values},
    )
    text = write_section_fields(section, TEMPLATE)
    found = read_section_fields("impacts", text, TEMPLATE)
    assert write_section_fields(found, TEMPLATE) == text
