"""A statement that a person takes in goes to the end of its field, with its citation."""

import pytest

from sheets.markdown.insert import insert_statement
from sheets.markdown.parse import body_statements, split_notes
from sheets.markdown.version import Version
from tests.sheets.factories import TEMPLATE

QUOTE = ("Guide de l’air", 7, 3, "Le gain est de 20 %.")
NOTE = "[Guide de l’air, p. 3](/sources/7/pages/3/) « Le gain est de 20 %. »"


def insert(body: str, section: str, field: str, text: str = "Le gain est de 20 %.") -> Version:
    brief = TEMPLATE.section(section)
    named = next(f for f in brief.fields if f.key == field)
    return insert_statement(Version(body, {}), TEMPLATE, brief, named, text, [QUOTE])


@pytest.mark.parametrize(
    ("body", "section", "field"),
    [
        ("## Résumé\n\nUn mot.\n\n## Impacts attendus\n\n### Énergie\n\n### CO₂\n\nRien.\n",
         "impacts", "energie"),
        ("## Impacts attendus\n\n### Énergie\n\n- Un.[^1]\n- Deux.\n\n### CO₂\n\n[^1]: Note.\n",
         "impacts", "energie"),
        ("## Résumé\n\nUn mot.\n", "impacts", "energie"),
        ("## Impacts attendus\n\n### CO₂\n\nRien.\n\n## Risques / freins & solutions\n\nX.\n",
         "impacts", "energie"),
        ("", "resume", "resume"),
        ("## Résumé\n\nUn mot.[^1]\n\n[^1]: Note.\n[^2]: Autre.\n", "resume", "resume"),
        ("## Risques / freins & solutions\n\n| Risque | Parade |\n| --- | --- |\n| a | b |\n",
         "risques", "risques"),
        ("## Impacts attendus\n\n### Énergie\n\n```\ncode sans fin\n", "impacts", "energie"),
    ],
)  # fmt: skip
def test_the_statement_stands_in_its_field_and_all_else_stays(
    body: str, section: str, field: str
) -> None:
    after = insert(body, section, field)
    known = {(s.section, s.field, s.text) for s in body_statements(body, TEMPLATE)}
    found = body_statements(after.body, TEMPLATE)
    _text, notes = split_notes(after.body)
    (new,) = [s for s in found if (s.section, s.field, s.text) not in known]
    assert (new.section, new.field, new.text) == (section, field, "Le gain est de 20 %.")
    assert [notes[m].text for m in new.markers] == [NOTE]
    assert known <= {(s.section, s.field, s.text) for s in found}
    assert set(split_notes(body)[1]) <= set(notes)


def test_a_list_goes_on_and_steps_are_counted() -> None:
    body = "## Impacts attendus\n\n### Énergie\n\n- Un.\n- Deux.\n\n### CO₂\n"
    assert (
        "- Deux.\n- Le gain est de 20 %.[^1]\n\n### CO₂" in insert(body, "impacts", "energie").body
    )


def test_the_same_citation_is_noted_once() -> None:
    once = insert("", "impacts", "energie")
    twice = insert(once.body, "impacts", "co2", "Le gain est encore de 20 %.")
    assert len(split_notes(twice.body)[1]) == 1


def test_header_data_takes_a_value() -> None:
    after = insert("## Résumé\n\nUn mot.\n", "fiche", "categorie", "Chaleur")
    assert after.values == {"categorie": "Chaleur[^1]"}
    assert "[^1]: " + NOTE in after.body


def test_marks_of_markdown_are_text() -> None:
    after = insert("", "impacts", "energie", "# Un *titre* [^9]")
    (one,) = body_statements(after.body, TEMPLATE)
    assert one.text == "# Un *titre* [^9]"
