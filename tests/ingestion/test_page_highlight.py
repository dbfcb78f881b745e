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
    assert len(find_quote_on_page(quote, PAGE)) == 2


def test_cells_of_a_table_are_found_one_by_one() -> None:
    page = placed("Poste            Énergie électrique", "Compresseur à vis        125 000 kWh")
    assert (
        len(find_quote_on_page("| Compresseur à vis | 125 000 kWh |\n| Énergie électrique |", page))
        >= 2
    )


def test_no_characters() -> None:
    assert find_quote_on_page("texte", []) == []


@given(st.integers(0, 90), st.integers(1, 60))
def test_any_part_of_the_page_is_found(start: int, length: int) -> None:
    quote = "".join(char.char for char in PAGE[start : start + length])
    found = find_quote_on_page(quote, PAGE)
    assert bool(found) == any(char.isalnum() or char in "%.," for char in quote)
    assert all(r.x0 < r.x1 and r.y0 < r.y1 for r in found)
