"""The figures of a statement apart: number, unit, and what it is said of."""

import pytest

from sheets.verification.figures import MOST_FIGURES, find_figures


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("jusqu’à 70 % du besoin", [("70", "%")]),
        ("de 70 à 90 % du besoin", [("70 à 90", "%")]),
        ("entre 5 kW et 10 kW", [("5 et 10", "kW")]),
        ("entre 500 W et 2 kW", [("500 W et 2", "kW")]),
        ("CAPEX de 100-150 k€ HT", [("100-150", "k€ HT")]),
        ("1,5 million de tonnes", [("1,5 million", "tonnes")]),
        ("1,5 × 10⁶ kWh par an", [("1,5 × 10⁶", "kWh par an")]),
        ("la moitié des sites en 15 (quinze) jours", [("la moitié", ""), ("15 (quinze)", "jours")]),
        ("deux heures et demie", [("deux", "heures et demie")]),
        ("Compresseur | 9 | 12,5 €/m²", [("9", ""), ("12,5", "€/m²")]),
        ("-5 °C, ou +20 °C", [("-5", "°C"), ("+20", "°C")]),
        ("3 compresseurs depuis 2015, selon l’ISO 50001", [("3", "")]),
        ("le 3 mars 2021", []),
        ("62⁽³⁾ % de gain", []),
        ("", []),
    ],
)
def test_number_and_unit_stand_apart(text: str, figures: list[tuple[str, str]]) -> None:
    assert [(one.number, one.unit) for one in find_figures(text)] == figures


def test_the_condition_keeps_every_limit() -> None:
    text = "La récupération couvre jusqu’à 70 % du besoin si le compresseur tourne 4 000 h/an."
    share, hours = find_figures(text)
    assert share.condition == (
        "La récupération couvre jusqu’à … du besoin si le compresseur tourne 4 000 h/an."
    )
    assert hours.condition.endswith("jusqu’à 70 % du besoin si le compresseur tourne ….")
    assert (share.written, hours.written) == ("70 %", "4 000 h/an")


def test_a_long_statement_has_bounded_figures() -> None:
    found = find_figures("gain de 5 kW ; " * 2_000)
    assert len(found) == MOST_FIGURES
    assert max(len(one.condition) for one in found) < 820
    assert found[-1].condition.startswith("… ")


def test_a_word_that_is_cut_is_left_out_of_the_condition() -> None:
    (share,) = find_figures(f"{'x' * 500}(70 %){'y' * 500}")
    assert share.condition == "………"
