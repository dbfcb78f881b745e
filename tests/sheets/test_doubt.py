"""What was not read with certainty is shown and found, but not quoted as a number or a cell."""

import pytest
from django.test import Client

from ingestion.models import Chunk, Document
from ingestion.pipeline.chunk import chunk_pages
from ingestion.pipeline.save_chunks import save_chunks
from ingestion.readers import Block, PageText
from sheets.markdown.sentences import quotable_units
from sheets.verification.levels import FRAGILE, LEVELS, check_statement
from sheets.verification.quantities import find_quantities
from sheets.views.editor_pickers import citation_option, matching_sentences
from sheets.writers.context import passages_of
from sheets.writers.llm import best_quote
from sheets.writers.numbered import NumberedPassages
from tests.cost import processor_time
from tests.sheets.factories import passage

TABLE = "| Poste | MWh |\n| --- | --- |\n| Gaz | 62 |\n| Bois \\| granulés | 38 |"


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("Le taux atteint 62⁽³⁾ % en 2023.", ["2023"]),
            ("12 345⁽³⁾ kWh et 5 kWh", ["5 kWh"]),
            ("la note⁽³⁾ et 45 %", ["45 %"]),
            ("62³ réseaux", []),
            ("0,000⁴", []),
            ("2015 [1] : 45 % [2].", ["2015", "45 %"]),
            ("12 000 m² et 3 m³/h", ["12 000 m²", "3 m³/h"]),
            ("10⁶ kWh", ["10⁶ kWh"]),
            ("5 kgCO₂/m²", ["5 kgCO₂/m²"]),
        ],
    )
    def test_what_is_a_number(self, text: str, numbers: list[str]) -> None:
        assert [q.written for q in find_quantities(text) if q.readings] == numbers

    @pytest.mark.parametrize(
        ("written", "plain"),
        [
            ("10⁶ kWh", "1 000 000 kWh"),
            ("1,5 × 10⁶ kWh", "1 500 000 kWh"),
            ("1 234,5.10⁶ €", "1 234,5 millions d’euros"),
            ("2.10⁻³ kg", "2 g"),
        ],
    )
    def test_powers_of_ten_count(self, written: str, plain: str) -> None:
        (one,), (other,) = find_quantities(written), find_quantities(plain)
        assert one.same(other)

    def test_no_statement_rests_on_a_doubtful_number(self) -> None:
        source = {"S1": "Le taux de chaleur renouvelable atteint 62⁽³⁾ % en 2023."}
        for number in ("62 %", "623 %", "62³ %"):
            statement = f"Le taux de chaleur renouvelable atteint {number} en 2023."
            level = check_statement(statement, source, ["S1"]).level
            assert LEVELS.index(level) >= LEVELS.index(FRAGILE), number

    @pytest.mark.parametrize("part", ["62⁽³⁾ ", "1³", "10⁶ ", "² ", "9" * 50 + "⁽³⁾"])
    def test_they_cost_linear_time(self, part: str) -> None:
        text = part * (400_000 // len(part))
        assert processor_time(lambda: find_quantities(text)) < 2


class TestPassages:
    PAGE = PageText(
        1,
        "",
        blocks=(
            Block("paragraph", "Une phrase sûre avant le tableau."),
            Block("table", TABLE, doubt="layout"),
            Block("paragraph", "Une phrase sûre après le tableau."),
        ),
    )

    def test_a_doubtful_table_is_a_passage_of_its_own_without_cells(self) -> None:
        before, table, after = chunk_pages([self.PAGE], size=1000, overlap=100)
        assert (table.kind, table.doubt) == ("table", "layout")
        assert table.text == "Poste · MWh\nGaz · 62\nBois | granulés · 38"
        assert (before.doubt, after.doubt) == ("", "")
        assert {before.text, after.text} == {
            "Une phrase sûre avant le tableau.",
            "Une phrase sûre après le tableau.",
        }

    def test_writers_and_pickers_are_not_offered_it(
        self, document: Document, client: Client
    ) -> None:
        page = document.pages.get(number=1)
        page.blocks = [*page.blocks, Block("table", TABLE, doubt="layout").fields()]
        page.save()
        save_chunks(document)
        (doubtful,) = document.chunks.exclude(doubt="")
        others = document.chunks.filter(doubt="")
        assert "Bois | granulés" in doubtful.text
        known = passages_of(document.chunks.values_list("pk", flat=True))
        assert set(known) == {chunk.pk for chunk in others}
        assert list(passages_of([doubtful.pk, *known])) == list(known)
        found = client.get(f"/sources/{document.pk}/pages/1/").content.decode()
        assert "il est montré, pas cité" in found.replace("\xa0", " ")

    def test_its_doubt_follows_a_second_reading(self, document: Document) -> None:
        page = document.pages.get(number=1)
        page.blocks = [*page.blocks, Block("paragraph", "Douteux.", doubt="characters").fields()]
        page.save()
        save_chunks(document)
        row = document.chunks.get(doubt="characters")
        page.blocks[-1] = Block("paragraph", "Douteux.").fields()
        page.save()
        save_chunks(document)
        assert not Chunk.objects.filter(pk=row.pk).exclude(doubt="").exists()


class TestSentences:
    def test_a_doubtful_sentence_is_not_quoted(self) -> None:
        text = "Le taux atteint 62⁽³⁾ % dans ce réseau. Le réseau dessert 45 logements sociaux."
        _doubtful, sure = quotable_units(text)
        numbered = NumberedPassages({"S1": passage(1, text)})
        assert [numbered[number].text for number in numbered.by_number] == [sure.text]
        assert best_quote("Le taux atteint 62 % dans ce réseau.", passage(1, text)) == sure.text

    def test_nor_is_a_doubtful_row(self) -> None:
        table = "| a | b |\n| --- | --- |\n| x | 62⁽³⁾ |\n| y | 5 |"
        numbered = NumberedPassages({"S1": passage(1, table)})
        assert [numbered[number].cells for number in numbered.by_number] == [("y", "5")]

    def test_the_picker_takes_another_sentence(self, document: Document) -> None:
        chunk = Chunk(
            document=document,
            position=0,
            page_start=1,
            page_end=1,
            text="Le taux atteint 62⁽³⁾ % ici. Le réseau dessert 45 logements.",
        )
        assert citation_option(chunk, "taux atteint").quote == "Le réseau dessert 45 logements."

    def test_the_picker_offers_prose_before_rows_and_no_rule_of_a_table(
        self, document: Document
    ) -> None:
        table = "| Échangeur | Prix |\n| --- | --- |\n| Échangeur à plaques | 5 |\n"
        prose = "Un échangeur récupère la chaleur. Il est nettoyé. Les échangeurs s’encrassent."
        chunk = Chunk(
            document=document, position=0, page_start=1, page_end=1, text=f"{table}\n{prose}\n"
        )
        found = [(one.text, one.is_prose) for one in matching_sentences(chunk, "échangeur")]
        assert found == [
            ("Un échangeur récupère la chaleur.", True),
            ("Les échangeurs s’encrassent.", True),
        ]
        rows = [one.text for one in matching_sentences(chunk, "échangeur plaques")]
        assert rows[0] == "Échangeur à plaques 5"
        assert not any("---" in one.text for one in matching_sentences(chunk, "xyz", most=None))
