"""Find quotes among the characters of a page, to highlight them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.anchors.page_highlight import find_quote_on_page
from ingestion.readers import Char, Rect


def placed(*lines: str) -> list[Char]:
    """Lay lines out on a grid: a hundredth of the page for each character, 3 hundredths a line."""
    return [
        Char(char, x / 100, y * 3 / 100, (x + 1) / 100, (y * 3 + 2) / 100)
        for y, line in enumerate(lines)
        for x, char in enumerate(line)
        if not char.isspace()
    ]


PAGE = placed(
    "Un compresseur rejette en chaleur près",
    "de 90 % de l’électricité qu’il consom-",
    "me. La part récupérable est de 1 234,5",
    "kWh avec un échangeur eﬃcace.",
)


def test_one_rectangle_a_line() -> None:
    rects = find_quote_on_page("chaleur près de 90 %", PAGE)
    assert rects == [Rect(0.26, 0.0, 0.38, 0.02), Rect(0.0, 0.03, 0.07, 0.05)]


@pytest.mark.parametrize(
    "quote",
    [
        "UN COMPRESSEUR  rejette\nen chaleur",
        "de l'électricité qu'il consomme.",
        "« La part récupérable »",
        "1\u202f234,5 kWh",
        "un échangeur efficace",
        "un e\u0301changeur",
    ],
)
def test_differences_of_form_do_not_count(quote: str) -> None:
    assert find_quote_on_page(quote, PAGE)


@pytest.mark.parametrize("quote", ["", "   ", "une pompe à chaleur", "1 234,6 kWh", "...", "|"])
def test_what_is_not_there(quote: str) -> None:
    assert find_quote_on_page(quote, PAGE) == []


def test_quote_that_goes_on_to_the_next_page() -> None:
    quote = "La part récupérable est de 1 234,5 kWh avec un échangeur efficace. Suite ailleurs."
    assert find_quote_on_page(quote, PAGE) == []
    assert len(find_quote_on_page(quote, PAGE, in_parts=True)) == 2


def test_cells_of_a_table_are_found_one_by_one() -> None:
    page = placed("Poste            Énergie électrique", "Compresseur à vis        125 000 kWh")
    quote = "| Compresseur à vis | 125 000 kWh |\n| Énergie électrique |"
    assert len(find_quote_on_page(quote, page, in_parts=True)) >= 2


def test_no_characters() -> None:
    assert find_quote_on_page("texte", []) == []


def raised(text: str, exponent: str, after: str = "") -> list[Char]:
    """Lay out a line whose `exponent` is smaller than the rest, and above its foot."""
    first, count = len(placed(text)), len(exponent)
    chars = placed(text + exponent + after)
    chars[first : first + count] = [c._replace(y1=0.012) for c in chars[first : first + count]]
    return chars


@pytest.mark.parametrize(
    ("chars", "quote", "found"),
    [
        (raised("soit 10", "6", " kWh"), "soit 10⁶ kWh", True),
        (raised("soit 10", "6", " kWh"), "soit 106 kWh", False),
        (raised("de 5 m", "2"), "de 5 m²", True),
        (raised("de 5 m", "2"), "de 5 m", True),
        (raised("en 2015", "1", ", soit"), "en 2015 [1], soit", True),
        (raised("en 2015", "12", ", soit"), "en 2015 [12], soit", True),
        (raised("en 2015", "1", ", soit"), "en 2015", True),
        (raised("en 2015", "1", ", soit"), "en 20151", False),
    ],
)
def test_raised_digits_are_no_digits_of_the_number(
    chars: list[Char], quote: str, found: bool
) -> None:
    assert bool(find_quote_on_page(quote, chars)) is found


def test_words_of_a_scan_are_words() -> None:
    page = [Char("de", 0, 0, 0.02, 0.02), Char("15", 0.021, 0, 0.04, 0.02)]
    assert find_quote_on_page("de 15", page) == [Rect(0, 0, 0.04, 0.02)]
    assert find_quote_on_page("5", page) == []


@given(st.integers(0, 11), st.integers(1, 12))
def test_any_words_of_the_page_are_found(start: int, length: int) -> None:
    lines = "Un compresseur rejette en chaleur près de 90 % de l’électricité qu’il consomme."
    found = find_quote_on_page(" ".join(lines.split()[start:][:length]), PAGE)
    assert found
    assert all(r.x0 < r.x1 and r.y0 < r.y1 for r in found)
