"""Raised and lowered text: exponents, indices, ordinals and calls of notes."""

import pytest

from ingestion.readers.repair.raised import DOUBTFUL, lower_text, raise_text, write_pieces


@pytest.mark.parametrize(
    ("before", "raised", "after", "notes", "written"),
    [
        ("Surface de 12 000 m", "2", " chauffés", "", "²"),
        ("Surface de 12 000 m", "2", " chauffés", "12", "²"),
        ("50 kWh/m", "2", ".an", "2", "²"),
        ("soit 10", "6", " kWh", "", "⁶"),
        ("soit 10", "6", " kWh", "6", "⁶"),
        ("soit 4,2 × 10", "-3", " t", "", "⁻³"),
        ("en m.s", "-1", "", "", "⁻¹"),
        ("soit 62", "3", " en 2020", "3", " [3]"),
        ("soit 62", "3", " en 2020", "", "⁽³⁾"),
        ("(2015", "1", ")", "1", " [1]"),
        ("(2015", "1", ")", "", "⁽¹⁾"),
        ("facteur 0,000", "4", " tCO2", "", "⁽⁴⁾"),
        ("la chaleur fatale", "12", " est", "", " [12]"),
        ("la chaleur fatale.", "12", " Elle", "", " [12]"),
        ("la chaleur fatale", "1, 2", " est", "", " [1] [2]"),
        ("la chaleur", "(1)", " est", "", " [1]"),
        ("le 1", "er", " janvier", "", "er"),
        ("au XX", "e", " siècle", "", "e"),
        ("n", "o", " 4", "", "o"),
        ("l’étude", "a", " montre", "a", " [a]"),
        ("25", "1", " %", "", "⁽¹⁾"),
        ("x", "2", " + 1", "", "²"),
        ("soit 12 Nm", "3", "/h", "", "³"),
        ("le débit en [m", "3", "/h]", "3", "³"),
        ("(1 − i)", "−n", "", "", "⁻ⁿ"),
        ("(1 + r)", "n-1", "", "", "ⁿ⁻¹"),
        ("(1 + r)", "t+1", "", "", "^(t+1)"),
        ("les ions Ca", "2+", " et", "", "²⁺"),
        ("les ions NO₃", "-", " et", "", "⁻"),
        ("en W/m².K", "4", "", "", "⁴"),
        ("des tonnes de CO", "2", " émises", "2", "²"),
        ("soit 12 t", "3", " par an", "", "⁽³⁾"),
        ("soit 12 t", "3", " par an", "3", " [3]"),
        ("il y a", "3", " ans", "", " [3]"),
        ("à la page 10", "4", " du", "", "⁽⁴⁾"),
        ("le 10", "1", " janvier", "", "⁽¹⁾"),
        ("soit 4 × 10", "4", " unités", "4", "⁴"),
        ("soit 25 %", "3", " du parc", "", " [3]"),
        ("à 20 °C", "3", " en hiver", "", " [3]"),
        ("cotées en bourse ", "4", "", "", "[4]"),
        ("en 2015 ", "1", " et", "1", "[1]"),
        ("en 2015 ", "1", " et", "", "⁽¹⁾"),
        ("", "15", "Sont exclus", "", "[15] "),
        ("(1 + i)", "2", "", "", "²"),
        ("(ADEME, 2015)", "2", " et", "", " [2]"),
        ("le SF₆", "1", ", gaz", "", " [1]"),
        ("soit 40 m", "24", " par", "4", "² [4]"),
        ("la chaleur fatale", "12,", " est", "", " [12],"),
        ("(1 − 0,04)", "−15 |", "", "", "⁻¹⁵ |"),
        ("Q", "0,6", "", "", "^0,6"),
        ("selon l’étude", "2–4", " et", "", " [2] [4]"),
    ],
)
def test_raised_text_is_written_for_what_it_is(
    before: str, raised: str, after: str, notes: str, written: str
) -> None:
    assert raise_text(raised, before, after, notes=notes.split()) == written


def test_a_doubtful_number_is_found_as_one() -> None:
    assert DOUBTFUL.search("soit 62⁽³⁾ en 2020")
    assert not DOUBTFUL.search("soit 10⁶ kWh par m²")


def test_lowered_digits_become_indices_and_letters_stay() -> None:
    assert lower_text("2") == "₂"
    assert lower_text("ep") == "ep"


@pytest.mark.parametrize("bar", ["/", "⁄", " / "])
def test_a_fraction_is_no_number_with_a_call(bar: str) -> None:
    pieces = [("soit 3", 0), ("1", 1), (bar, 0), ("2", -1), (" heures", 0)]
    assert write_pieces(pieces, notes={"1"}) == "soit 3 1/2 heures"
