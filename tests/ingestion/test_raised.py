"""Raised and lowered text: exponents, indices, ordinals and calls of notes."""

import pytest

from ingestion.readers.repair.raised import DOUBTFUL, lower_text, raise_text


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
