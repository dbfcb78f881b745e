"""The language of the query: taken at its word, and never an error."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.search.query import MAX_ITEMS, QueryClause, parse_query

FIELDS = {"type": "type", "etat": "state"}


def wanted(raw: str) -> list[list[str]]:
    return [[item.text for item in choice] for choice in parse_query(raw, FIELDS).wanted]


def test_plain_words_stay_together() -> None:
    assert wanted("  pompe à   chaleur ") == [["pompe à chaleur"]]


@pytest.mark.parametrize(
    "raw", ['"air comprimé"', "« air comprimé »", "“air comprimé”", '"air comprimé']
)
def test_quotes_make_a_phrase(raw: str) -> None:
    assert parse_query(raw).wanted == ((QueryClause("air comprimé", phrase=True),),)


@pytest.mark.parametrize("joint", ["OR", "OU", "|"])
def test_or_leaves_the_choice(joint: str) -> None:
    assert wanted(f"vapeur {joint} froid sec") == [["vapeur", "froid"], ["sec"]]


@pytest.mark.parametrize("raw", ["OR froid", "froid OR", "froid OR OR", "or"])
def test_an_or_without_two_sides_chooses_nothing(raw: str) -> None:
    assert all(len(choice) == 1 for choice in parse_query(raw).wanted)


def test_minus_refuses() -> None:
    query = parse_query('chaleur -fatale -"air comprimé"')
    assert [item.text for item in query.without] == ["fatale", "air comprimé"]
    assert query.without[1].phrase
    assert query.has_operators


@pytest.mark.parametrize("raw", ["-20 °C", "moins - que", "sous-station", "-5,5"])
def test_a_minus_that_refuses_nothing(raw: str) -> None:
    assert parse_query(raw).without == ()


def test_fields_are_those_that_are_known() -> None:
    query = parse_query("type:solution État:publié prix:bas http://a.fr séchage", FIELDS)
    assert query.fields == {"type": ("solution",), "state": ("publié",)}
    assert query.text == "prix:bas http://a.fr séchage"


@pytest.mark.parametrize(
    ("raw", "asks"),
    [("comment sécher le bois", True), ("le bois sèche-t-il ?", True), ("sécher le bois", False)],
)
def test_a_question_is_known(raw: str, asks: bool) -> None:
    assert parse_query(raw).is_question is asks


@given(st.text() | st.text('"«»-:| ORa', max_size=40))
@example("\0\ud800")
@example("-" * 600)
@example('" ' * 300)
def test_whatever_is_typed_is_read(raw: str) -> None:
    query = parse_query(raw, FIELDS)
    query.raw.encode()
    items = [item for choice in query.wanted for item in choice]
    assert len(items) + len(query.without) <= MAX_ITEMS
    assert all(item.text.strip() for item in (*items, *query.without))
