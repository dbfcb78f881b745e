"""The measure of what readers make of documents counts right, wrong and false."""

from __future__ import annotations

import pytest

from bench.reading import TableScore, faults_of, hash_table, parse_table, score_page
from ingestion.readers import Block, PageText, ReadError

TRUE = "| Poste | 2019 | 2023 |\n| --- | --- | --- |\n| Four | 1 200 | 12 |\n| Séchoir | 88 | 9 |"


def score(*shown: str, doubt: str = "") -> TableScore:
    page = PageText(1, "", blocks=tuple(Block("table", text, doubt=doubt) for text in shown))
    return score_page(page, [hash_table(parse_table(TRUE))], [])


def test_cells_count_in_their_row_under_their_heading() -> None:
    found = score(TRUE.replace("1 200", "1\xa0200").replace("Four", "Four [3]"))
    assert (found.cells, found.offered, found.right, found.whole_rows, found.false) == (
        6,
        6,
        6,
        2,
        0,
    )


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        (TRUE.replace("2019 | 2023", "2023 | 2019"), 2),
        (TRUE.replace("88 | 9", "9 | 88"), 4),
        (TRUE.replace("Séchoir", "Pompe"), 3),
    ],
)
def test_cells_out_of_place_are_wrong(shown: str, right: int) -> None:
    found = score(shown)
    assert (found.offered, found.right, found.false) == (6, right, 0)


def test_table_of_other_values_is_false_and_one_in_doubt_is_not_shown() -> None:
    assert score("| a | b |\n| --- | --- |\n| c | d |").false == 1
    assert (score(TRUE, doubt="layout").shown, score(TRUE, doubt="layout").offered) == (0, 0)


def test_rows_of_one_name_are_told_apart_by_the_next_cell() -> None:
    table = parse_table("| a | b | c |\n| --- | --- | --- |\n| x | 1 | 5 |\n| x | 2 | 5 |")
    first, second = hash_table(table)
    assert first[-20:-10] != second[-20:-10]


def test_cases_say_what_is_missing_and_what_should_not_be_there() -> None:
    case = {"must": ["10 000", "ORDER:haut<bas"], "must_not": ["secret"]}
    assert list(faults_of(case, "haut 10\u202f000 bas")) == []
    assert len(list(faults_of(case, "bas, haut, secret"))) == 3
    refused = ReadError("unreadable")
    assert list(faults_of({"refused": True}, refused)) == []
    assert len(list(faults_of({"refused": True}, "lu"))) == len(list(faults_of(case, refused))) == 1
