"""The level of a statement: word for word, figures found, fragile, not found."""

import json
import random
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.sources.citation_check import find_level
from sheets.verification.levels import (
    FIGURES,
    FRAGILE,
    LEVELS,
    NOT_FOUND,
    UNSOURCED,
    VERBATIM,
    check_statement,
)
from sheets.verification.quantities import read_words, spell_dates

PROSE = (
    "Récupération de chaleur\n"
    "Un échangeur à plaques récupère 60 à 80 % de la chaleur des buées. Son prix moyen est de "
    "75 €/kW, auquel s’ajoutent 400 € par mètre de conduite. Le retour sur investissement peut "
    "atteindre 4 ans, lorsque le four fonctionne plus de 5 000 h/an.\n\n"
    "Les sites de moins de 2 MW sont dispensés d’audit. Le facteur est de 234 kgCO2e/MWh.\n\n"
    "Sont éligibles :\n"
    "- les fours à gaz de plus de 500 kW,\n"
    "- les chaudières à vapeur.\n\n"
    "La norme ISO 50001 s’applique depuis le 1er janvier 2019. L’usine compte 3 lignes EnR&R. "
    "Le seuil est de 1,5 MWh/m. Il est révisé chaque année."
)
TABLE = (
    "Consommation par atelier\n\n"
    "| En MWh | 2019 | 2030 |\n| --- | --- | --- |\n"
    "| Cuisson | 120 | 90 |\n| Lavage | 45,5 | 40 |"
)


@pytest.mark.parametrize(
    "statement",
    [
        "Un échangeur à plaques récupère 60 à 80 % de la chaleur des buées.",
        "un échangeur à plaques récupère 60 à 80% de la chaleur des buées",
        "Les sites de moins de 2 MW sont dispensés d’audit. Le facteur est de 234 kgCO₂e/MWh.",
        "Le seuil est de 1,5 MWh/m.",
        "L'usine compte 3 lignes EnR&R.",
        "Sont éligibles : les chaudières à vapeur.",
        "Sont éligibles :\n- les fours à gaz de plus de 500 kW,\n- les chaudières à vapeur.",
        "Le seuil est de 1,5 MWh/m. Il est révisé chaque année.",
    ],
)
def test_whole_sentences_and_items_are_word_for_word(statement: str) -> None:
    assert check_statement(statement, [PROSE]).level == VERBATIM


@pytest.mark.parametrize(
    "statement",
    [
        "Cuisson : 2019 : 120 ; 2030 : 90",
        "Cuisson – 2030 : 90",
        "| En MWh | 2019 | 2030 |\n| --- | --- | --- |\n| Lavage | 45,5 | 40 |",
    ],
)
def test_rows_with_their_headings_are_word_for_word(statement: str) -> None:
    assert check_statement(statement, [TABLE]).level == VERBATIM


@pytest.mark.parametrize(
    ("statement", "level"),
    [
        ("Cuisson | 120 | 90", VERBATIM),
        ("Cuisson | 90 | 120", FRAGILE),
        ("Lavage | 90", FRAGILE),
    ],
)
def test_a_row_of_a_sheet_is_a_row_of_the_source_or_in_doubt(statement: str, level: str) -> None:
    assert check_statement(statement, [TABLE]).level == level


def test_a_row_of_two_sentences_has_the_level_of_the_lower_one() -> None:
    row = "Le seuil est de 1,5 MWh/m. | Les sites de moins de 2 MW sont dispensés d’audit."
    assert check_statement(row, [PROSE]).level == VERBATIM
    row = "Le seuil est de 1,5 MWh/m. | Les sites sont dispensés d’audit."
    assert check_statement(row, [PROSE]).level == FRAGILE


@pytest.mark.parametrize(
    "statement",
    [
        "Il est révisé chaque année.",
        "Les chaudières à vapeur.",
    ],
)
def test_what_leans_is_not_word_for_word_alone(statement: str) -> None:
    found = check_statement(statement, [PROSE])
    assert (found.level, found.reasons) == (FIGURES, (("leans_on_context", ""),))


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("Les sites de moins de 2 000 kW sont dispensés d’audit.", PROSE),
        ("Le facteur est de 0,234 tCO2e/MWh.", PROSE),
        ("La consommation de la cuisson est de 90 MWh en 2030.", TABLE),
        ("Le lavage est de 45,5 MWh en 2019.", TABLE),
        ("Les pertes baissent de 34 % en 2030.", "Les pertes en 2030 : -34 %."),
        (
            "Le rendement passe de 2,7 en 2019 à 3,6 en 2030.",
            "En 2019 le rendement est de 2,7. Le rendement est de 3,6 en 2030.",
        ),
        ("Le taux est de 0,055.", "Le taux est de 5,5 %."),
        ("La pompe pèse 10⁶ g.", "La pompe pèse 1 000 kg."),
    ],
)
def test_other_units_and_forms_are_found(statement: str, passage: str) -> None:
    assert check_statement(statement, [passage]).level == FIGURES


@pytest.mark.parametrize(
    "statement",
    [
        "Un échangeur à plaques récupère 60 à 90 % de la chaleur des buées.",
        "Son prix moyen est de 75 €/MW.",
        "Le facteur est de 234 tCO2e/MWh.",
        "Le facteur est de 234 kgCO2/MWh.",
        "La norme ISO 5000 s’applique.",
        "La norme ISO 50001 s’applique depuis le 1er janvier 2018.",
        "Le retour sur investissement peut atteindre 4 mois.",
        "L’usine compte quatre fois plus de lignes.",
        "La fiche R4 s’applique depuis 2019.",
    ],
)
def test_altered_figures_are_not_found(statement: str) -> None:
    assert check_statement(statement, [PROSE]).level == NOT_FOUND


@pytest.mark.parametrize(
    "statement",
    [
        "Le retour sur investissement atteint 4 ans.",
        "Le retour sur investissement peut atteindre 4 ans.",
        "Les sites de plus de 2 MW sont dispensés d’audit.",
        "Les sites de moins de 2 MW ne sont pas dispensés d’audit.",
        "Les sites de moins de 2 MW sont soumis à un audit.",
        "Les sites sont dispensés d’audit.",
        "Sont éligibles : les fours à gaz.",
        "Les chaudières à vapeur récupèrent 60 à 80 % de la chaleur.",
        "Un échangeur à plaques récupère la chaleur (des buées.",
    ],
)
def test_what_says_less_more_or_otherwise_is_fragile(statement: str) -> None:
    found = check_statement(statement, [PROSE])
    assert found.level == FRAGILE
    assert found.reasons


@pytest.mark.parametrize(
    "statement",
    [
        "La consommation de la cuisson est de 90 MWh en 2019.",
        "La consommation du lavage est de 120 MWh en 2019.",
        "La consommation de la cuisson est de 90 MWh.",
        "Cuisson : 2019 : 90 ; 2030 : 120",
    ],
)
def test_a_number_of_another_row_or_column_is_fragile(statement: str) -> None:
    assert check_statement(statement, [TABLE]).level == FRAGILE


def test_a_statement_without_a_source_and_with_an_unknown_one() -> None:
    assert check_statement("Le ciel est bleu.", []).level == UNSOURCED
    assert check_statement("Le ciel est bleu.", {"S1": PROSE}, ["S2"]).level == NOT_FOUND


def test_a_doubtful_number_is_never_above_fragile() -> None:
    passage = "Le parc compte 62⁽³⁾ fours."
    for statement in ("Le parc compte 62⁽³⁾ fours.", "Le parc compte 62 fours."):
        assert LEVELS.index(check_statement(statement, [passage]).level) >= LEVELS.index(FRAGILE)


@settings(max_examples=150)
@given(st.integers(0, 10_000))
def test_one_altered_digit_is_never_above_fragile(seed: int) -> None:
    chance = random.Random(seed)
    sentence = chance.choice(
        [s for s in PROSE.replace("\n", " ").split(". ") if any(c.isdigit() for c in s)]
    )
    at = chance.choice([i for i, char in enumerate(sentence) if char in "123456789"])
    altered = sentence[:at] + str(int(sentence[at]) % 9 + 1) + sentence[at + 1 :]
    level = check_statement(altered, [PROSE]).level
    assert LEVELS.index(level) >= LEVELS.index(FRAGILE), altered


def test_the_command_answers_each_line_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "statements.jsonl"
    lines = [
        {"statement": "Le seuil est de 1,5 MWh/m.", "passage": PROSE},
        {"statement": "Le seuil est de 2,5 MWh/m.", "passage": PROSE},
        {"statement": "Le seuil est de 2,5 MWh/m.", "document": "absent.pdf"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    call_command("verify", str(file), "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["level"] for row in rows] == [VERBATIM, NOT_FOUND, FRAGILE]
    assert rows[1]["reasons"][0]["code"] == "number_not_found"
    assert "absent.pdf" in rows[2]["reasons"][0]["sentence"]


@pytest.mark.parametrize(
    ("statement", "passage", "level"),
    [
        ("Le site traite 62 ha/mois.", "Le site traite 62 ha/an.", NOT_FOUND),
        ("Le site consomme 7 GWh par mois.", "Le site consomme 7 GWh par an.", NOT_FOUND),
        ("Le site consomme 7 000 MWh par an.", "Le site consomme 7 GWh/an.", FIGURES),
        (
            "Le bilan vise une baisse de 35 % au minimum par rapport à 2019.",
            "Le bilan vise une baisse d’au moins 35 % par rapport à 2019.",
            FIGURES,
        ),
        ("Le prix est de 20 euros au m².", "Le prix est de 20 €/m².", FIGURES),
    ],
)
def test_periods_differ_and_a_limit_divides_nothing(
    statement: str, passage: str, level: str
) -> None:
    assert check_statement(statement, [passage]).level == level


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("quatre-vingt-dix", 90), ("soixante et onze", 71), ("vingt et un", 21),
        ("quatre-vingt-dix-sept", 97), ("cent cinquante mille", 150_000), ("dix-sept", 17),
        ("mille neuf cent quatre-vingt-dix-neuf", 1999), ("deux cents", 200),
        ("vingt dix", None), ("deux trois", None), ("dix deux", None), ("cent deux cent", None),
    ],
)  # fmt: skip
def test_numbers_of_several_words(written: str, value: int | None) -> None:
    assert read_words(written) == value


@pytest.mark.parametrize(
    ("statement", "passage", "level"),
    [
        ("Le délai est de 15 jours.", "Le délai est de 15 (quinze) jours.", FIGURES),
        ("Le délai est de quinze jours.", "Le délai est de 15 (quinze) jours.", FIGURES),
        ("Le délai est de 15 mois.", "Le délai est de 15 (quinze) jours.", NOT_FOUND),
        ("Le délai est de vingt jours.", "Le délai est de 15 (quinze) jours.", NOT_FOUND),
        ("La mission comprend 7 phases.", "La mission comprend sept (7) phases.", FIGURES),
        ("L’amende est de 150 k€.", "L’amende est de cent cinquante mille euros.", FIGURES),
        ("L’amende est de 100 k€.", "L’amende est de cent cinquante mille euros.", NOT_FOUND),
        ("Il reste quatre-vingt-dix logements.", "Il reste 90 logements.", FIGURES),
        ("Il reste quatre-vingt-six logements.", "Il reste 90 logements.", NOT_FOUND),
        ("La loi vaut dès le 16/07/1980.", "La loi vaut dès le 16 juillet 1980.", FIGURES),
        ("La loi vaut dès le 16/06/1980.", "La loi vaut dès le 16 juillet 1980.", NOT_FOUND),
        ("Le prix est connu en 12/2025.", "Le prix est connu en décembre 2025.", FIGURES),
        ("Le prix est connu en 11/2025.", "Le prix est connu en décembre 2025.", NOT_FOUND),
    ],
)
def test_numbers_in_words_and_dates_in_digits(statement: str, passage: str, level: str) -> None:
    assert check_statement(statement, [passage]).level == level


LAW = "Est éligible :\n\n1° Le four à gaz de plus de 500 kW ;\n\n2° Le four neuf suffit seul.\n\n"
LAW += "a) Le bois est exclu.\n\n20° C est la limite basse."


@pytest.mark.parametrize(
    ("statement", "level"),
    [
        ("Le four neuf suffit seul.", VERBATIM),
        ("2° Le four neuf suffit seul.", VERBATIM),
        ("Est éligible : Le four à gaz de plus de 500 kW ;", VERBATIM),
        ("Le bois est exclu.", VERBATIM),
        ("C est la limite basse.", FRAGILE),
        ("Le four à gaz de plus de 500 kW ;", FIGURES),  # leans on its lead-in
    ],
)
def test_the_items_of_a_law_are_items(statement: str, level: str) -> None:
    assert check_statement(statement, [LAW]).level == level


def test_a_heading_that_asks_is_no_beginning_of_a_sentence() -> None:
    passage = "Pourquoi agir ?\nObjectifs\nLe plan vise la neutralité en 2050. Il court déjà."
    assert check_statement("Le plan vise la neutralité en 2050.", [passage]).level == VERBATIM
    assert check_statement("Objectifs Le plan vise la neutralité.", [passage]).level == FRAGILE


def test_reasons_quote_words_as_they_are_written() -> None:
    passage = "La chaudière d’appoint de l’usine consomme 12 MWh."
    finding = check_statement("La chaudière consomme 12 MWh.", [passage])
    assert ("left_out", "d’appoint de l’usine") in finding.reasons
    passage = "Le bilan est obligatoire, sauf s’ils relèvent d’une sous-catégorie."
    finding = check_statement("Le bilan est obligatoire.", [passage])
    assert ("cut_at_the_end", "sauf s’ils relèvent d’une sous-catégorie.") in finding.reasons


@pytest.mark.parametrize("said", ["5 pour\u2009cent", "5 tonneſ", "le 3 maı 2020", "5 POUR CENT"])
def test_odd_blanks_and_letters_of_units_and_months_are_read(said: str) -> None:
    """A pattern without case also matches « ſ » and « ı », which do not fold to themselves."""
    assert check_statement("Le gain est net.", [f"Le gain est de {said}."]).level != VERBATIM
    assert check_statement(f"Le gain est de {said}.", ["Le gain est net."]).level != VERBATIM


def test_a_date_within_another_one_stays_apart() -> None:
    assert spell_dates("Mis à jour 02/2020, lu le 15/02/2020.") == (
        "Mis à jour février 2020, lu le 15 février 2020."
    )


def test_a_value_is_word_for_word_with_the_label_that_it_stands_beside() -> None:
    passages = ("Type de solution : Technique\n\nCoût typique : 10 à 60 € par compresseur",)
    assert find_level("Technique", passages).level == FRAGILE
    assert find_level("Technique", passages, "Type de solution").level == VERBATIM
    assert find_level("Technique", passages, "Coût typique").level == FRAGILE
    label = "Coût typique (ordre de grandeur)"
    assert find_level("10 à 60 € par compresseur", passages, label).level == VERBATIM
    assert find_level("10 à 90 € par compresseur", passages, label).level == NOT_FOUND


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("Un dixième des fours sont neufs.", "10 % des fours sont neufs."),
        ("La moitié des fours sont neufs.", "50 % des fours sont neufs."),
        ("Ils dépassent trois quarts du parc.", "Ils dépassent 75 % du parc."),
        ("La surface est de 1,5 fois celle du site.", "La surface est de 150 % celle du site."),
        ("Le bail dure un an et demi.", "Le bail dure 18 mois."),
        ("Il est à environ 30 km de Lyon.", "Il est à une trentaine de kilomètres de Lyon."),
        ("Le site est à une centaine de mètres.", "Le site est à environ 100 m."),
        (
            "La friche couvre 6 ha dont 3,5 ha sont imperméabilisés.",
            "La friche couvre 6 hectares dont 3,5 sont imperméabilisés.",
        ),
        (
            "Le dossier doit prévoir un taux de 35 % au minimum.",
            "Le dossier doit prévoir un taux d’au moins 35 %.",
        ),
        ("L’amende est de 500 € au plus.", "L’amende est de 500 € maximum."),
        ("Il faut éviter d’aller au-delà de 30 %.", "Il faut éviter d’aller à plus de 30 %."),
        ("La puissance excède 4,5 MW.", "La puissance est supérieure à 4 500 kW."),
        ("Le site produit 3 GWh.", "À cette fin, le site produit 3 000 MWh."),
        (
            "Une pompe assure 60 % des besoins de chaleur.",
            "60 % des besoins de chaleur sont assurés par une pompe.",
        ),
    ],
)  # fmt: skip
def test_limits_fractions_and_carried_units_are_found(statement: str, passage: str) -> None:
    assert check_statement(statement, [passage]).level == FIGURES


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("Un cinquième des fours sont neufs.", "10 % des fours sont neufs."),
        ("La surface est de 1,6 fois celle du site.", "La surface est de 150 % celle du site."),
        ("Le site est à 30 km de Lyon.", "Le site est à une trentaine de kilomètres de Lyon."),
        (
            "La friche couvre 6 ha dont 3,5 m² sont imperméabilisés.",
            "La friche couvre 6 hectares dont 3,5 sont imperméabilisés.",
        ),
        (
            "La région compte 6 ha dont 3 ha rurales.",
            "La région compte 6 ha dont 3 communes rurales.",
        ),
        (
            "Le dossier doit prévoir un taux de 35 % au maximum.",
            "Le dossier doit prévoir un taux d’au moins 35 %.",
        ),
        ("La taxe est due au plus le 31 mai.", "La taxe est due au plus tard le 31 mai."),
        ("La puissance excède 4,5 MW.", "La puissance est inférieure à 4 500 kW."),
        (
            "60 % des besoins de chaleur assurent une pompe.",
            "60 % des besoins de chaleur sont assurés par une pompe.",
        ),
        ("Le site produit 3 GWh.", "Dans ce cas, le site produit 3 000 MWh."),
        (
            "Elle appartient au réseau, donc soit au gestionnaire.",
            "Elle appartient au réseau, donc soit au gestionnaire, soit au propriétaire.",
        ),
    ],
)  # fmt: skip
def test_what_looks_like_another_form_and_is_none_stays_fragile(
    statement: str, passage: str
) -> None:
    assert LEVELS.index(check_statement(statement, [passage]).level) >= LEVELS.index(FRAGILE)


def test_a_list_that_goes_on_is_not_whole_without_its_dots() -> None:
    passage = "La régulation a deux défauts : vannes bloquées, sondes sales, …"

    assert check_statement(passage.replace("…", "..."), [passage]).level == VERBATIM
    assert check_statement("La régulation a deux défauts : vannes bloquées.", [passage]).level != (
        VERBATIM
    )
    cut = "La régulation a deux défauts : vannes bloquées, sondes sales."
    assert check_statement(cut, [passage]).level != VERBATIM
