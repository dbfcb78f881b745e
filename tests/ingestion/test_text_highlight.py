"""Find quotes in the text of a page, to highlight them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.anchors.text_highlight import TextRun, find_quote_in_text, highlight_blocks

TEXT = (
    "Avant-propos. « Le Bilan Carbone® » coûte 12 % de l’énergie-\nprimaire.\n\n"
    "| Usage | Gain |\n|---|---|\n| Air comprimé | 15 kW |"
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("le  bilan carbone", ["Le Bilan Carbone"]),
        ("« Le Bilan Carbone® »", ["« Le Bilan Carbone® »"]),
        ("de l'energie primaire.", ["de l’énergie-\nprimaire."]),
        ("Air comprimé 15 kW", ["Air comprimé | 15 kW"]),
        ("12 %", ["12 %"]),
        ("2 %", []),
        ("5 kW", []),
        ("Bilan Carb", []),
        ("Rien de tel. Coûte 12 % de l'énergie", []),
        ("", []),
        (" \n ", []),
    ],
)
def test_letters_and_digits_count(quote: str, found: list[str]) -> None:
    assert [TEXT[start:end] for start, end in find_quote_in_text(TEXT, [quote])] == found


def test_a_page_shows_only_its_part_of_a_passage() -> None:
    passage = "La page d'avant finit par cette phrase. Celle-ci commence la page."
    page = "Celle-ci commence la page. Une autre suit."
    found = find_quote_in_text(page, [passage], in_parts=True)
    assert [page[a:b] for a, b in found] == ["Celle-ci commence la page."]


def test_a_sentence_that_began_on_the_page_before_is_marked_from_the_top() -> None:
    page = "récupérée sert à chauffer les bureaux de l'usine. Une autre phrase suit."
    passage = f"La chaleur des compresseurs qui est {page[:48]}"
    assert find_quote_in_text(page, [passage]) == []
    ((start, end),) = find_quote_in_text(page, [passage], in_parts=True)
    assert page[start:end].endswith("chauffer les bureaux de l'usine")


def test_cells_of_a_table_are_marked_apart() -> None:
    block = {"kind": "table", "text": "| a | b\\|c |\n|---|---|\n| 5 kW | x y |\n| | z |"}
    (made,) = highlight_blocks([block], "", ["5 kW x"])
    texts = [["".join(run.text for run in cell) for cell in row] for row in made.rows]
    assert texts == [["a", "b|c"], ["5 kW", "x y"], ["", "z"]]
    assert made.rows[1] == [[TextRun("5 kW", True)], [TextRun("x", True), TextRun(" y", False)]]


def test_items_of_a_list_lose_their_bullet() -> None:
    (made,) = highlight_blocks([{"kind": "list", "text": "• un\n• deux"}], "", ["deux"])
    assert made.bulleted
    assert made.lines == [[TextRun("un", False)], [TextRun("deux", True)]]


@given(st.text(max_size=80), st.lists(st.text(max_size=20), max_size=3))
def test_marking_neither_loses_nor_adds_a_character(text: str, quotes: list[str]) -> None:
    for block in highlight_blocks([{"kind": "paragraph", "text": text}], "", quotes):
        shown = ["".join(run.text for run in line) for line in block.lines]
        assert shown == [line for line in text.split("\n") if line.strip()]
