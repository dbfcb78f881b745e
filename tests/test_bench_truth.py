"""The labelled statements of `bench/gold/` hold no sentences of other people."""

from collections import Counter
from pathlib import Path

import pytest

from bench.gold import (
    Document,
    GoldError,
    GoldLine,
    encode,
    find_documents,
    parse_line,
    read_gold,
    read_statement,
    split_words,
)

KINDS = {
    "verbatim", "paraphrase", "other_form_or_unit", "digit_altered", "unit_altered", "year_altered",
    "subject_swapped", "negation_or_direction", "range_widened", "condition_dropped", "invented",
    "wrong_source",
}  # fmt: skip
SOURCE = "La chaudière de l'atelier fournit une puissance de 150 kW. Elle a été posée en 2014."


def line_for(document: Document, statement: str) -> GoldLine:
    passage = document.passages[0]
    words = split_words(passage.text)
    place = document.place_of(passage, 0, len(words))
    return GoldLine(
        "held", "digit_altered", False, "hand", document.key, place, encode(statement, words)
    )


@pytest.fixture
def document(tmp_path: Path) -> Document:
    path = tmp_path / "atelier.txt"
    path.write_text(f"Rapport\n\n{SOURCE}\n", "utf-8")
    return Document(path)


class TestEncode:
    def test_keeps_places_and_own_words_only(self) -> None:
        words = split_words(SOURCE)
        statement = SOURCE.replace("150", "180")

        parts = encode(statement, words)

        assert parts == ((0, 8), "180", (9, len(words)))
        assert " ".join(
            part if isinstance(part, str) else " ".join(words[slice(*part)]) for part in parts
        ) == " ".join(split_words(statement))

    def test_keeps_a_text_of_our_own_as_it_is(self) -> None:
        assert encode("Une chaudière de 150 kW équipe l'atelier.", split_words(SOURCE)) == (
            "Une chaudière de 150 kW équipe l'atelier.",
        )


class TestReadStatement:
    def test_puts_the_statement_together(self, document: Document) -> None:
        line = parse_line(line_for(document, SOURCE.replace("150", "180")).as_json())

        statement, passages = read_statement(line, find_documents(document.path.parent))

        assert statement == SOURCE.replace("150", "180")
        assert [SOURCE in passage.text for passage in passages] == [True]

    def test_says_that_a_document_is_missing(self, document: Document) -> None:
        with pytest.raises(GoldError, match="no document"):
            read_statement(line_for(document, SOURCE), {})

    def test_says_that_the_words_are_read_otherwise(self, document: Document) -> None:
        line = line_for(document, SOURCE)
        other = document.path.with_name("usine.txt")
        other.write_text(SOURCE.replace("atelier", "usine"), "utf-8")

        with pytest.raises(GoldError, match="page 1"):
            read_statement(line, {line.document: Document(other)})

    def test_finds_the_words_where_others_stand_before_them(self, document: Document) -> None:
        line = line_for(document, SOURCE)
        moved = document.path.with_name("avant.txt")
        moved.write_text(f"Un avant-propos de plus.\n\nRapport\n\n{SOURCE}\n", "utf-8")

        statement, _passages = read_statement(line, {line.document: Document(moved)})

        assert statement == SOURCE


class TestGold:
    def test_has_a_hundred_statements_of_each_kind_and_half_of_them_held(self) -> None:
        lines = list(read_gold())

        kinds = Counter(line.kind for line in lines)
        held = sum(line.half == "held" for line in lines)

        assert set(kinds) == KINDS
        assert min(kinds.values()) >= 100
        assert len(lines) >= 1_200
        assert abs(held - len(lines) / 2) < len(lines) / 20

    def test_what_is_word_for_word_is_stored_by_its_place(self) -> None:
        own = [
            part
            for line in read_gold()
            if line.kind == "verbatim"
            for part in line.text
            if isinstance(part, str) and len(part.split()) > 12
        ]

        assert own == []
