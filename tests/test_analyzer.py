"""The analyzer: queries match texts in spite of inflection, accents, compounds and spelling."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from wikico2.text.analyzer import (
    build_tsvector,
    compose_accents,
    extract_terms,
    main_lexemes,
    phrase_query,
)

WORDS = st.sampled_from(
    "la récupération de chaleur l’énergie sous-station CO₂ t éq. CO2 kWh/m² 12 000 œuvre "
    "chauffage É.N.R. R&D NH₃ aéro-réfrigérant eaux tuyaux gaz 50 % échangeurs\n".split(" ")
)
TEXTS = st.lists(WORDS | st.text(max_size=6), max_size=12).map(" ".join)


def held(text: str) -> set[str]:
    return {lexeme for term in extract_terms(compose_accents(text)) for lexeme in term.lexemes}


@pytest.mark.parametrize(
    "spellings",
    [
        ("récupération", "Récupérations", "RECUPERATION", "recuperation"),
        ("d’énergie", "l'énergie", "energies"),
        ("sous-station", "sous-stations", "sousstation"),
        ("CO₂", "CO2", "CO 2", "co2", "de CO2"),
        ("t éq. CO2", "tCO2e", "t éq CO₂", "tonnes équivalent CO2"),
        ("kWh/m²", "kWh / m2", "kWh par m2"),
        ("12 000", "12\u202f000", "12000"),
        ("10⁶ kWh", "10^6 kWh", "10 ^ 6"),
        ("m²", "m2", "m^2"),
        ("kWh/m²", "kWh/m^2"),
        ("NH₃", "NH3", "nh 3"),
        ("main-d’œuvre", "main d'oeuvre"),
        ("tuyau", "tuyaux"),
        ("canal", "canaux"),
        ("chauffage", "chauffer"),
    ],
)
def test_spellings_of_the_same_meet(spellings: tuple[str, ...]) -> None:
    first, *others = spellings
    for other in others:
        assert set(main_lexemes(first)) & held(other), other


@pytest.mark.parametrize(
    ("one", "other"), [("personnage", "personne"), ("R32", "R-134a"), ("CO2", "CO"), ("4", "40")]
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert not held(one) & held(other)


def test_words_without_meaning_are_left_out() -> None:
    assert main_lexemes("le la de et pour qu’il n’y a") == ()


def test_a_term_knows_its_place() -> None:
    text = "Le séchage, puis l’émission de t éq. CO₂."
    assert [text[t.start : t.end] for t in extract_terms(text)] == [
        "séchage",
        "émission",
        "t éq. CO₂",
    ]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_looking_for_some_lexemes_overlooks_none(text: str, sought: str) -> None:
    wanted = held(sought)
    every = [t for t in extract_terms(compose_accents(text)) if wanted.intersection(t.lexemes)]
    told = [
        t for t in extract_terms(compose_accents(text), wanted) if wanted.intersection(t.lexemes)
    ]
    assert told == every


@pytest.mark.django_db
def test_postgresql_takes_whatever_is_written() -> None:
    @settings(deadline=None, max_examples=60)
    @given(st.lists(TEXTS.map(lambda text: text.replace("\0", "")), max_size=3))
    def taken(texts: list[str]) -> None:
        vector = build_tsvector([(text, "A") for text in texts])
        with connection.cursor() as cursor:
            cursor.execute("SELECT tsvector_to_array(%s::tsvector)", [vector])
            assert set(cursor.fetchone()[0]) == {w for t in texts for w in held(t)}
            cursor.execute("SELECT %s::tsquery", [phrase_query(" ".join(texts))])

    taken()
