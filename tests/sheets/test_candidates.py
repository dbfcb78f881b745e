"""Which sentences, items and rows likely answer a field, and which are about something else."""

from functools import partial

import pytest

from sheets.schema.types import FieldBrief
from sheets.writers.answer_cues import answer_kinds
from sheets.writers.candidates import rank_candidates, rank_passages
from tests.cost import processor_time
from tests.sheets.factories import passage

CAPEX = FieldBrief(
    "capex",
    "Capex",
    "Quel est le coût d’investissement, le Capex, en euros ?",
    "Un montant par ligne.",
    "list",
)
RISKS = FieldBrief(
    "risques", "Risques et parades", "Quels sont les risques et les freins ?", "", "table"
)
AVOID = FieldBrief(
    "eviter", "À éviter si", "Dans quels cas la solution est-elle à éviter ?", "", "list"
)
REPORT = (
    passage(
        1, "Le guide présente la démarche aux services de la ville.", headings=("Avant-propos",)
    ),
    passage(2, "La pose de la borne coûte en moyenne 1 800 € par place, hors terrassement."),
    passage(3, "La principale difficulté est la réticence des riverains devant les travaux."),
    passage(4, "Ce mode de recharge est déconseillé dans les parkings en sous-sol inondables."),
    passage(5, "Les services de la ville ont suivi la démarche pendant deux ans."),
)


def best(field: FieldBrief) -> int:
    return rank_candidates("Borne de recharge", field, REPORT)[0].passage.chunk_id


class TestFields:
    def test_a_field_takes_what_answers_its_question(self) -> None:
        assert [best(CAPEX), best(RISKS), best(AVOID)] == [2, 3, 4]

    def test_a_field_that_people_add_is_recognised_by_its_question(self) -> None:
        added = FieldBrief("x", "Budget à prévoir", "Quel coût d’investissement ?", "", "text")
        assert answer_kinds(added) == answer_kinds(CAPEX)
        assert best(added) == 2

    def test_what_says_nothing_of_a_field_is_worth_less_than_what_answers(self) -> None:
        worths = {
            c.passage.chunk_id: c.worth for c in rank_candidates("Borne de recharge", CAPEX, REPORT)
        }
        assert worths[2] > 2 * worths[5]
        assert all(0.0 < worth < 1.0 for worth in worths.values())

    def test_rows_of_a_table_are_ranked_each(self) -> None:
        table = "| Poste | Coût |\n| --- | --- |\n| Borne | 900 € |\n| Câble | 120 € |"
        found = rank_candidates("Borne", CAPEX, [passage(1, table)])
        assert [(c.row, c.text) for c in found] == [(0, "Borne 900 €"), (1, "Câble 120 €")]


class TestSubjects:
    def test_a_section_on_another_technique_stands_behind(self) -> None:
        above = ("Investissement",)
        told = "L’installation coûte 4 000 € pour un logement."
        passages = [
            passage(1, told, headings=(*above, "Poêle à granulés")),
            passage(2, told.replace("4 000", "9 000"), headings=(*above, "Pompe à chaleur")),
            passage(3, told.replace("4 000", "300"), headings=(*above, "Radiateur électrique")),
        ]
        for title, own in (("Pompe à chaleur", 2), ("Radiateur électrique", 3)):
            first, second, third = rank_candidates(title, CAPEX, passages)
            assert first.passage.chunk_id == own
            assert first.worth > 2 * max(second.worth, third.worth)

    def test_chapters_of_a_report_on_the_subject_itself_do_not(self) -> None:
        told = "L’installation coûte 4 000 € pour un logement."
        passages = [
            passage(1, told, headings=("Avantages de la pompe à chaleur",)),
            passage(2, told.replace("4 000", "9 000"), headings=("Financement",)),
        ]
        worths = [c.worth for c in rank_candidates("Pompe à chaleur", CAPEX, passages)]
        assert max(worths) < 2 * min(worths)


class TestOrder:
    def test_equal_passages_keep_their_order(self) -> None:
        twins = [passage(n, "La borne coûte 900 €.") for n in (7, 3, 5)]
        assert [p.chunk_id for p in rank_passages("Borne", CAPEX, twins)] == [7, 3, 5]

    def test_nearness_of_the_vector_decides_between_alike(self) -> None:
        twins = [passage(n, "La borne coûte 900 €.") for n in (1, 2)]
        assert rank_passages("Borne", CAPEX, twins, {2: 3.0})[0].chunk_id == 2

    def test_ranking_grows_with_the_text_alone(self) -> None:
        def rank(n: int, word: str) -> None:
            texts = [f"La borne {word}{i} coûte {i} € par an. " * 4 for i in range(n)]
            rank_passages("Borne", CAPEX, [passage(i, t) for i, t in enumerate(texts)])

        few = min(processor_time(partial(rank, 100, f"a{k}")) for k in range(3))
        many = min(processor_time(partial(rank, 800, f"b{k}")) for k in range(2))
        assert many < 24 * few

    @pytest.mark.parametrize("sources", [1, 400])
    def test_ranking_grows_with_the_headings_and_the_sources_alone(self, sources: int) -> None:
        def rank(n: int, word: str) -> None:
            passages = [
                passage(
                    i,
                    f"Un câble {word}{i} coûte {i} €.",
                    document_id=i * sources // 800,
                    headings=(f"Poste {word}{i}",),
                )
                for i in range(n)
            ]
            rank_passages("Borne de recharge", CAPEX, passages)

        few = min(processor_time(partial(rank, 100, f"a{k}")) for k in range(3))
        many = min(processor_time(partial(rank, 800, f"b{k}")) for k in range(2))
        assert many < 24 * few
