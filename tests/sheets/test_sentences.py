"""Passages are cut into what can be quoted whole."""

import pytest

from sheets.markdown.sentences import is_sentence, quotable_units, split_sentences


def test_abbreviations_and_decimals_do_not_end_a_sentence() -> None:
    text = "Le gain (cf. fig. 3) atteint 3.5 kWh. M. Durand confirme. Il faut agir !"

    assert list(split_sentences(text)) == [
        "Le gain (cf. fig. 3) atteint 3.5 kWh.",
        "M. Durand confirme.",
        "Il faut agir !",
    ]


def test_lists_paragraphs_and_tables_are_told_apart() -> None:
    text = (
        "Une phrase entière qui dit tout.\nElle continue ici.\n\n- un point\n1. une étape\n\n"
        "| Usage | Part |\n| --- | --- |\n| Vapeur | 45 % |\n| Froid |\n"
    )
    found = list(quotable_units(text))

    assert [u.kind for u in found] == ["sentence", "sentence", "item", "item", "table"]
    assert found[3].numbered
    assert found[4].columns == ("Usage", "Part")
    assert found[4].rows == (("Vapeur", "45 %"), ("Froid", ""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("La chaleur est récupérée sur l’huile.", True),
        ("Les pertes représentent 30 % du débit.", True),
        ("Récupération de chaleur sur l’huile.", False),
        ("les pertes sont grandes.", False),
        ("Que faut-il faire ?", False),
        ("Les compresseurs sont", False),
    ],
)
def test_a_sentence_has_a_beginning_an_end_and_a_verb(text: str, expected: bool) -> None:
    assert is_sentence(text) is expected
