"""Numbers, units and words of a statement are looked for in what it cites."""

from decimal import Decimal

import pytest

from sheets.verify import BROKEN, VERIFIED, WEAK, quantities, read_number, verify


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1\u00a0234,5", "1234.5"),
        ("1 234,5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1\u202f234,5", "1234.5"),
        ("0,4", "0.4"),
        ("12", "12"),
        ("1 000 000", "1000000"),
    ],
)
def test_french_and_english_number_forms(written: str, value: str) -> None:
    assert Decimal(value).normalize() in read_number(written)


def test_an_ambiguous_point_has_both_readings() -> None:
    assert read_number("1.234") == {Decimal("1.234"), Decimal(1234)}


def test_a_range_gives_its_unit_to_both_ends() -> None:
    assert [(q.written, q.unit) for q in quantities("de 20 à 30 % et 20-30 %")] == [
        ("20", "%"),
        ("30", "%"),
        ("20", "%"),
        ("30", "%"),
    ]


def test_words_and_formulas_are_no_numbers() -> None:
    assert quantities("deux tiers du CO2 et du R134a, en m3") == []


PASSAGE = (
    "La récupération permet d’économiser 20 à 30 % de l’énergie, soit 400 kg de CO2 par an, pour "
    "un coût de 1 234,50 € et 15 kW installés."
)


@pytest.mark.parametrize(
    "statement",
    [
        "La récupération permet d’économiser 20-30 % de l’énergie",
        "La récupération permet d’économiser 0,4 t de CO2 par an",
        "Le coût de la récupération est de 1.234,5 €",
        "La récupération économise de l’énergie",
    ],
)
def test_what_the_passage_says_is_verified(statement: str) -> None:
    assert verify(statement, [PASSAGE]).verdict == VERIFIED


@pytest.mark.parametrize(
    "statement",
    [
        "La récupération permet d’économiser 20 à 35 % de l’énergie",
        "La récupération permet d’économiser 4 t de CO2 par an",
        "La récupération permet d’économiser 400 t de CO2 par an",
        "La récupération coûte 30 € d’énergie",
        "La récupération installe 15 MW",
    ],
)
def test_an_altered_digit_or_unit_is_broken(statement: str) -> None:
    verdict = verify(statement, [PASSAGE])

    assert verdict.verdict == BROKEN
    assert verdict.reasons[0][0] == "number_not_found"


def test_a_number_of_another_source_does_not_count() -> None:
    assert verify("Un gain de 12 %", ["Un gain de 13 %"]).verdict == BROKEN


def test_a_statement_without_source_is_broken() -> None:
    assert verify("Une phrase", []).verdict == BROKEN


def test_few_words_in_common_are_weak_and_none_are_broken() -> None:
    half = "La récupération d’énergie embellit superbement les jardins publics"
    assert verify(half, [PASSAGE]).verdict in (WEAK, BROKEN)
    assert verify("Les girafes mangent des feuilles", [PASSAGE]).verdict == BROKEN
