"""Parsing a sheet's Markdown gives back what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.markdown.parse import (
    body_statements,
    escape_markdown,
    heading_key,
    read_note,
    readable_text,
    split_notes,
    unescape_markdown,
    write_note,
)
from tests.sheets.factories import TEMPLATE

BODY = """\
## 🎯 Résumé (10 secondes)

La chaleur est récupérée.[^1] Elle chauffe l’eau.[^2][^1]

## 📊 Impacts attendus

### Énergie

- Jusqu’à 90 % de l’électricité absorbée[^1]
- Sans source

### CO₂

### Mon titre à moi

Une phrase
sur deux lignes[^2].

## ⚠️ Risques / freins & solutions

| Risque | Parade |
| --- | --- |
| Encrassement | Nettoyage annuel[^3] |

[^1]: [Guide, p. 4](/sources/7/pages/4/) « 90 % de l’électricité »
[^2]: Une note libre,
    qui continue ici
[^3]: [Guide, p. 5](/sources/7/pages/5/) « Encrassement Nettoyage annuel »
"""


def test_statements_keep_their_section_field_and_markers() -> None:
    found = [(s.section, s.field, s.text, s.markers) for s in body_statements(BODY, TEMPLATE)]

    assert found == [
        ("resume", "resume", "La chaleur est récupérée.", ("1",)),
        ("resume", "resume", "Elle chauffe l’eau.", ("2", "1")),
        ("impacts", "energie", "Jusqu’à 90 % de l’électricité absorbée", ("1",)),
        ("impacts", "energie", "Sans source", ()),
        ("impacts", "mon-titre-a-moi", "Une phrase sur deux lignes", ("2",)),
        ("risques", "risques", "Encrassement | Nettoyage annuel", ("3",)),
    ]


def test_notes_are_citations_or_free_text() -> None:
    text, notes = split_notes(BODY)

    assert "[^1]:" not in text
    assert "qui continue ici" not in text
    assert (notes["1"].document_id, notes["1"].page) == (7, 4)
    assert notes["1"].quote == "90 % de l’électricité"
    assert not notes["2"].is_citation
    assert notes["2"].text == "Une note libre, qui continue ici"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Sur le site.[^7] Le guide", "Sur le site. Le guide"),
        ("de 90 %[^1][^b], puis 5[^2].", "de 90 %, puis 5."),
        ("fin.[^1]  [^2] Suite[^3]", "fin. Suite"),
    ],
)
def test_a_line_without_its_markers_keeps_the_space_behind_them(written: str, read: str) -> None:
    assert readable_text(written) == read


def test_a_definition_inside_code_is_text() -> None:
    text, notes = split_notes("```\n[^1]: pas une note\n```\n")

    assert notes == {}
    assert "[^1]: pas une note" in text


@pytest.mark.parametrize(
    "heading", ["🧭 Contexte & périmètre", "1. 🧭 Contexte & périmètre", "contexte  &  perimetre"]
)
def test_a_heading_is_known_without_emoji_number_or_accents(heading: str) -> None:
    assert heading_key(heading) == "contexte perimetre"


def test_a_citation_survives_a_hostile_title_and_quote() -> None:
    line = write_note("4", "Guide [1](javascript:x)\n## Titre", 3, 9, "dit « ceci »\n[^5]: faux")
    _text, notes = split_notes(line)

    assert list(notes) == ["4"]
    assert (notes["4"].document_id, notes["4"].page) == (3, 9)
    assert notes["4"].quote == "dit “ ceci ” [^5]: faux" or "ceci" in notes["4"].quote


def test_numbers_too_large_for_the_database_are_no_citation() -> None:
    assert not read_note("1", f"[G, p. 1](/sources/{'9' * 30}/pages/1/) « q »").is_citation


@given(st.text(min_size=1))
def test_escaped_text_is_one_statement_without_markers(text: str) -> None:
    said = body_statements(
        f"## 📊 Impacts attendus\n\n### Énergie\n\n- {escape_markdown(text)}[^1]", TEMPLATE
    )

    assert len(said) <= 1
    assert all(s.markers == ("1",) for s in said)


@given(st.text(alphabet=st.characters(codec="ascii", min_codepoint=32), min_size=1))
def test_escaping_is_undone(text: str) -> None:
    flat = " ".join(text.split())
    if not any(c.isalnum() for c in flat) or "\\" in flat:
        return
    assert unescape_markdown(escape_markdown(text)) == flat
