"""Numbers, units and words of a statement are looked for in what it cites."""

from fractions import Fraction

import pytest
from django.utils import translation
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sheets.models.level_reasons import REASONS, reason_sentence
from sheets.verification.levels import (
    LEVELS,
    NOT_FOUND,
    UNSOURCED,
    VERBATIM,
    check_statement,
)
from sheets.verification.quantities import find_dates, find_quantities, read_number

PASSAGE = (
    "La récupération permet d’économiser 20 à 30 % de l’énergie, soit 400 kg de CO2 par an, pour "
    "un coût de 1 234,50 € et 15 kW installés depuis le 11 octobre 2027."
)


def read(text: str) -> list[tuple[str, str]]:
    return [(q.written, q.unit) for q in find_quantities(text)]


class TestNumbers:
    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("1\u00a0234,5", "1234.5"),
            ("1 234,5", "1234.5"),
            ("1.234,5", "1234.5"),
            ("1,234.5", "1234.5"),
            ("1\u202f234,5", "1234.5"),
            ("0,4", "0.4"),
            ("0,227", "0.227"),
            ("12", "12"),
            ("1 000 000", "1000000"),
        ],
    )
    def test_french_and_english_forms(self, written: str, value: str) -> None:
        assert {Fraction(r) for r in read_number(written)} == {Fraction(value)}

    def test_an_ambiguous_point_has_both_readings(self) -> None:
        assert {Fraction(r) for r in read_number("1.234")} == {Fraction("1.234"), Fraction(1234)}

    def test_a_range_gives_its_unit_to_both_ends(self) -> None:
        assert read("de 20 à 30 % et 20-30 %") == [
            ("20", "%"),
            ("30 %", "%"),
            ("20", "%"),
            ("30 %", "%"),
        ]

    def test_words_and_formulas_are_no_numbers(self) -> None:
        assert find_quantities("deux tiers du CO2 et du R134a, en m3, le 1er et la 2e") == ()

    def test_a_number_word_before_a_unit_is_one(self) -> None:
        assert read("deux à quatre semaines") == [("deux", "s"), ("quatre semaines", "s")]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("0,4 t", "400 kg"),
            ("5,5 GWh", "5 500 MWh"),
            ("1,0 M€", "1 000 000 euros"),
            ("24 mois", "2 ans"),
            ("10 min", "600 secondes"),
            ("23,8 milliards de litres", "23,8 millions de m³"),
            ("400 € par kW", "400 000 €/MW"),
            ("227 gCO2e/kWh", "0,227 kg éq. CO2 par kWh"),
            ("66,2 tonnes équivalent CO2", "66 200 kgCO2e"),
            ("50 pour cent", "50 %"),
            ("14 700 L/h", "14,7 m³/h"),
        ],
    )
    def test_units_are_converted(self, one: str, other: str) -> None:
        (first,), (second,) = find_quantities(one), find_quantities(other)
        assert first.same(second)
        assert second.same(first)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("400 t", "400 kg"),
            ("15 kW", "15 kWh"),
            ("20 %", "20 €"),
            ("2 mois", "2 ans"),
            ("400 €/kW", "400 €/MW"),
            ("5 °C", "5 bar"),
        ],
    )
    def test_other_units_are_other_quantities(self, one: str, other: str) -> None:
        assert not find_quantities(one)[0].same(find_quantities(other)[0])

    @pytest.mark.parametrize(
        "written",
        ["le 11 octobre 2027", "11/10/2027", "2027-10-11", "October 11, 2027", "11 October 2027"],
    )
    def test_dates_in_all_forms(self, written: str) -> None:
        (date,) = find_dates(written)
        assert (date.year, date.month, date.day) == (2027, 10, 11)
        assert find_quantities(written) == ()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_is_a_sentence(language: str) -> None:
    with translation.override(language):
        for code in REASONS:
            assert "%(" not in reason_sentence(code, "12 %")
            assert reason_sentence(code, "12 %").endswith(".")
        assert reason_sentence("of another version", "") == ""


UNITS = st.sampled_from(["%", "kWh", "€", "tCO2e", "ans", "°C", "kW", ""])
WORDS = "chaleur pression moteur vapeur chaudière pompe réseau ballon filtre vanne".split()


def french(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


many = settings(deadline=None, max_examples=150)


class TestProperties:
    @many
    @given(
        value=st.integers(2, 10**7),
        unit=UNITS,
        nouns=st.lists(st.sampled_from(WORDS), min_size=3, max_size=6),
    )
    def test_what_is_quoted_to_the_letter_is_word_for_word(
        self, value: int, unit: str, nouns: list[str]
    ) -> None:
        said = f"Le gain de {' et '.join(nouns)} atteint {french(value)} {unit}".strip()
        passage = f"Un autre fait sans rapport.\n\n{said}.\n\nEncore un autre fait."
        assert check_statement(said, [passage]).level == VERBATIM

    @many
    @given(value=st.integers(2, 10**7), other=st.integers(2, 10**7), unit=UNITS)
    def test_an_altered_number_is_not_found(self, value: int, other: int, unit: str) -> None:
        assume(value != other)
        passage = f"Le gain de chaleur de la pompe atteint {french(value)} {unit}."
        said = f"Le gain de chaleur de la pompe atteint {french(other)} {unit}"
        assert check_statement(said, [passage]).level == NOT_FOUND

    @many
    @given(whole=st.integers(1000, 10**9), cents=st.integers(1, 99))
    def test_all_number_forms_say_the_same(self, whole: int, cents: int) -> None:
        english = f"{whole:,}.{cents:02}"
        forms = [
            english,
            english.replace(",", " ").replace(".", ","),
            english.replace(",", "\u00a0").replace(".", ","),
            english.replace(",", "").replace(".", ","),
            english.translate(str.maketrans(",.", ".,")),
        ]
        values = [{Fraction(r) for r in read_number(f)} for f in forms]
        assert all(v == values[0] and len(v) == 1 for v in values)

    @many
    @given(value=st.integers(1, 10**6), power=st.sampled_from([3, 6, 9]))
    def test_a_multiple_of_a_unit_is_the_same_amount(self, value: int, power: int) -> None:
        unit = {3: "kWh", 6: "MWh", 9: "GWh"}[power]
        (small,), (large,) = (
            find_quantities(f"{value * 10 ** (power - 3)} kWh"),
            find_quantities(f"{value} {unit}"),
        )
        assert small.same(large)

    @many
    @given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=3))
    def test_no_text_is_too_strange(self, statement: str, passages: list[str]) -> None:
        assert check_statement(statement, passages).level in LEVELS
        assert (check_statement(statement, []).level) == UNSOURCED

    @many
    @given(st.text(max_size=200))
    def test_one_more_passage_never_lowers_a_statement(self, other: str) -> None:
        said = "La récupération permet d’économiser 20 à 30 % de l’énergie"
        level = check_statement(said, [PASSAGE]).level
        assert LEVELS.index(check_statement(said, [PASSAGE, other]).level) <= LEVELS.index(level)
