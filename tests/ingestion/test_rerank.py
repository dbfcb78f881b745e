"""The first passages are ranked again by how well one of their sentences or rows answers."""

import pytest

from ingestion.models import Chunk, Document
from ingestion.search.bm25 import Alternative, Match, MatchedGroups, prepare_query, rank_rows
from ingestion.search.fusion import ScoreSet
from ingestion.search.hybrid import RowHit
from ingestion.search.query import parse_query
from ingestion.search.rerank import (
    AskedGroup,
    AskedQuestion,
    ReadAnswer,
    read_answer,
    rerank,
)
from ingestion.search.retrieve import PASSAGE_TARGET, subject_coverage
from tests.cost import processor_time
from wikico2.text.normalize import text_stems


def asked(text: str) -> AskedQuestion:
    return AskedQuestion.of(
        text, [AskedGroup((frozenset([stem]),), 1.0) for stem in text_stems(text)]
    )


class TestReading:
    def test_words_in_one_sentence_answer_better_than_the_same_words_apart(self) -> None:
        question = asked("rendement de la chaudière")
        together = read_answer(question, (), "La chaudière a un bon rendement. Elle est neuve.")
        apart = read_answer(question, (), "La chaudière est neuve. Rien. Le rendement baisse.")
        assert together.together > apart.together
        assert together.covered == apart.covered == 1.0

    def test_a_row_is_read_with_the_head_of_its_table(self) -> None:
        table = (
            "| Usage | Durée de vie |\n| --- | --- |\n| Poêle | 16 ans |\n| Radiateur | 20 ans |"
        )
        question = asked("durée de vie du poêle")
        answer = read_answer(question, (), table)
        assert answer.together > read_answer(question, (), "Le poêle chauffe. Sa durée.").together

    def test_a_number_is_wanted_where_one_is_asked_for(self) -> None:
        question = asked("Combien coûte le raccordement en 2024 ?")
        assert read_answer(question, (), "Le raccordement coûte 900 €.").numbered
        assert not read_answer(question, (), "Le raccordement coûte cher en 2024.").numbered
        other = asked("Pourquoi se raccorder ?")
        assert not read_answer(other, (), "Se raccorder coûte 900 €.").numbered

    def test_a_table_of_contents_does_not_answer(self) -> None:
        text = "\n".join(f"{n}. Le raccordement … {n}" for n in range(1, 6))
        assert read_answer(asked("raccordement"), (), text).is_contents

    def test_reading_a_long_passage_stays_linear(self) -> None:
        question = asked("rendement de la chaudière à condensation")
        text = "Le rendement de la pompe. | a | b |\n" * 400
        few = processor_time(lambda: read_answer(question, (), text), tries=3)
        many = processor_time(lambda: read_answer(question, (), text * 8), tries=3)
        assert many < 24 * few


class TestEvidence:
    def test_words_that_no_text_has_count_as_missing(self) -> None:
        nothing = ReadAnswer(0.0, 0.0)
        assert not nothing.is_evident(5.5, strict=True)
        assert not nothing.is_evident(5.5, strict=False)
        assert not ReadAnswer(0.43, 0.43).is_evident(3.0, strict=True)

    def test_an_answer_in_other_words_is_near_and_has_some_of_them(self) -> None:
        assert ReadAnswer(0.35, 0.4).is_evident(4.0, strict=False)
        assert ReadAnswer(1.0, 1.0).is_evident(None, strict=True)

    def test_what_was_read_stands_before_what_was_not(self) -> None:
        scores = {1: 3.0, 2: 2.0, 3: 1.0}
        answers = {1: ReadAnswer(0.1, 0.1), 2: ReadAnswer(1.0, 1.0)}
        words = ScoreSet({1: 3.0, 2: 2.0, 3: 1.0})
        ranked = rerank(scores, answers, words, ScoreSet(), "model")
        assert sorted(ranked, key=lambda row: -ranked[row]) == [2, 1, 3]


def add_passages(*texts: str) -> Document:
    document = Document.objects.create(title="Rapport", sha256="c" * 64, size=1, state="ready")
    for position, text in enumerate(texts):
        Chunk.objects.create(
            document=document, position=position, text=text, page_start=1, page_end=1,
            content_hash=text,
        )  # fmt: skip
    return document


@pytest.mark.django_db
class TestShares:
    def test_a_row_without_a_word_that_no_text_has_does_not_have_all_words(self) -> None:
        add_passages("Le veau est élevé en prairie.", "Autre chose.")
        query = prepare_query(parse_query("xylophone veau"), PASSAGE_TARGET.space)
        ranking = rank_rows(query, PASSAGE_TARGET.space, limit=10, strict=False)
        (match,) = ranking.matches
        assert match.holds.share == 0.5
        assert not match.complete
        assert match.holds.idf_share == 1.0 > match.holds.coverage

    def test_sources_that_hardly_speak_of_a_title_are_told(self) -> None:
        document = add_passages(
            *(f"Le bilan carbone compte les émissions du poste {n}." for n in range(40))
        )
        slight = subject_coverage("Désimperméabilisation des sols", [document.pk])
        assert (slight.speaking, slight.passages, slight.is_slight) == (0, 40, True)
        assert not subject_coverage("Bilan carbone", [document.pk]).is_slight
        assert not subject_coverage("Bilan carbone", []).is_slight


TYPED, CORRECTED = Alternative(("bois",)), Alternative(("banquet",), 0.5, "spelling", "banquette")


@pytest.mark.parametrize(
    ("alternatives", "share", "is_guessed"),
    [
        ((CORRECTED,), 1.0, False),  # one mistyped word
        ((CORRECTED,), 0.5, True),  # « blanquette de veau »: the other word is nowhere
        ((CORRECTED, None), 0.5, False),  # the other word is elsewhere
        ((CORRECTED, TYPED), 1.0, False),
        ((CORRECTED, CORRECTED), 1.0, True),
        ((TYPED,), 0.5, False),
    ],
)
def test_what_is_found_mostly_by_corrections_is_guessed(
    alternatives: tuple[Alternative | None, ...], share: float, *, is_guessed: bool
) -> None:
    match = Match(1, 1.0, MatchedGroups(alternatives, share))
    assert RowHit(1, 1.0, match).is_guessed is is_guessed


def test_what_is_found_by_meaning_alone_is_not_guessed() -> None:
    assert not RowHit(1, 1.0).is_guessed
