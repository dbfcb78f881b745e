"""The writer without a model quotes what answers a field, and leaves the rest empty."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from bench.facts import follow, share
from ingestion.models import Chunk, Document
from ingestion.pipeline.run import accept_upload
from ingestion.vector_index.embedders.registry import get_embedder
from sheets.markdown.sentences import has_verb, is_sentence, needs_context, points_elsewhere
from sheets.models import Prompt, SheetType
from sheets.models.schema_loader import load_template
from sheets.schema.types import (
    Evidence,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
)
from sheets.writers.context import (
    best_of_another_source,
    choose_passages,
    gather_evidence,
    interleave_fields,
    is_contained,
    opening_passages,
)
from sheets.writers.extractive import (
    ExtractiveWriter,
    asked_units,
    gather_candidates,
    how_many,
    is_suitable_table,
)
from sheets.writers.llm import ModelWriter
from tests.conftest import run_queue
from tests.fake_ai import FakeAI, answer_generously
from tests.sheets.factories import passage
from tests.test_demo import DEMO
from wikico2.llm.client import RetryPolicy
from wikico2.text.normalize import text_stems


def quoted(*texts: str) -> list[str]:
    """Return the sentences of passages that may be quoted."""
    shown = {f"S{n}": passage(n, text) for n, text in enumerate(texts, 1)}
    return [c.unit.text for c in gather_candidates(Evidence(shown, {}))]


class TestSentences:
    @pytest.mark.parametrize(
        "text",
        [
            "Les dispositifs en pleine terre, qui sont des solutions fondées sur la nature.",
            "Une profondeur de sol supérieure à un mètre, hors végétation en pot.",
            "Répartition de la chaleur du compresseur.",
        ],
    )
    def test_a_fragment_has_no_verb_of_its_own(self, text: str) -> None:
        assert not has_verb(text)
        assert not is_sentence(text)

    @pytest.mark.parametrize(
        "text",
        [
            "L’huile, qui sort à 75 °C, emporte la chaleur.",
            "La pompe à chaleur a un COP de 3.",
            "Ces mesures se financent en moins d’un an.",
        ],
    )
    def test_a_sentence_has_one(self, text: str) -> None:
        assert has_verb(text)

    @pytest.mark.parametrize(
        "text",
        [
            "Il vise à aider les collectivités.",
            "Ces objectifs se déclinent selon la maturité.",
            "En revanche, les moyens restent à choisir.",
            "Et les solutions enterrées sont chères.",
        ],
    )
    def test_what_leans_on_the_sentence_before(self, text: str) -> None:
        assert needs_context(text)

    @pytest.mark.parametrize(
        "text",
        ["Il est recommandé de mesurer le débit.", "Le gain atteint 5 %.", "Il faut purger."],
    )
    def test_what_stands_by_itself(self, text: str) -> None:
        assert not needs_context(text)

    def test_what_points_to_its_page(self) -> None:
        assert points_elsewhere("Un exemple de calcul est proposé ci-dessous.")
        assert not points_elsewhere("Le calcul est proposé par l’ADEME.")


class TestQuoting:
    def test_a_sentence_that_leans_comes_with_the_one_before_it(self) -> None:
        text = (
            "Le guide est destiné aux collectivités. Il les aide à traduire la séquence dans leurs "
            "plans. Ces plans sont révisés tous les dix ans."
        )
        assert quoted(text) == [
            "Le guide est destiné aux collectivités.",
            "Le guide est destiné aux collectivités. Il les aide à traduire la séquence dans leurs "
            "plans.",
        ]

    def test_quotes_stand_in_reading_order_whoever_cut_their_passages_first(self) -> None:
        shown = {
            "S1": passage(9, "Le guide est destiné aux collectivités."),
            "S2": passage(4, "La pompe à chaleur a un COP de 3 à l’usine."),
        }
        chosen = gather_candidates(Evidence(shown, {}))
        assert [c.label for c in sorted(chosen, key=lambda c: c.order)] == ["S1", "S2"]

    def test_without_it_it_is_left_out(self) -> None:
        assert quoted("Il a été élaboré par l’agence de l’eau et par ses partenaires.") == []

    def test_footnotes_captions_and_contents_are_left_out(self) -> None:
        assert (
            quoted(
                "13 En phase de déploiement, la base devrait couvrir tous les départements.",
                "Figure 3 – Les émissions évitées sont données en tonnes par an.",
                "Éviter la création de nouvelles zones, ce qui est la première étape …",
                "Comment la solution est-elle dimensionnée pour un petit site ?",
            )
            == []
        )

    def test_a_shouted_title_is_cut_off(self) -> None:
        text = "ÉTAPE 2 - DÉFINIR LES PÉRIMÈTRES : La méthode s’intéresse aux émissions induites."
        assert quoted(text) == ["La méthode s’intéresse aux émissions induites."]

    def test_a_chart_is_no_table(self) -> None:
        from sheets.markdown.sentences import quotable_units

        chart = (
            "| Gaz | 37,8 |  |  |\n| --- | --- | --- | --- |\n| Bois |  | 66,2 |  |\n"
            "| Soleil |  |  | 85,1 |"
        )
        table = "| Poste | Part |\n| --- | --- |\n| Procédés | 52,8 |"
        assert not is_suitable_table(next(iter(quotable_units(chart))))
        assert is_suitable_table(next(iter(quotable_units(table))))


def brief(question: str, instruction: str, shape: str = "list") -> FieldBrief:
    return FieldBrief("cle", "Énergie", question, instruction, shape)


class TestFields:
    def test_a_field_of_values_wants_their_units(self) -> None:
        assert asked_units(
            brief("Quelles économies d’énergie, en kWh ou en pourcentage ?", "Une valeur par ligne")
        ) == {"Wh", "%"}
        assert asked_units(brief("Quel est le coût ?", "Un montant par ligne")) == {"€", "$"}
        assert asked_units(brief("Quels sites ?", "Un type de site par ligne")) == frozenset()

    def test_the_instruction_says_how_many_sentences(self) -> None:
        assert how_many(brief("?", "Trois à cinq phrases.", "text")) == 5
        assert how_many(brief("?", "Une ou deux phrases.", "text")) == 2
        assert how_many(brief("?", "", "text")) == 3

    def write(self, text: str, *headings: str) -> FieldDraft:
        """Return what the writer without a model puts into the field « Énergie »."""
        fields = (
            FieldBrief(
                "energie",
                "Énergie",
                "Quelles économies d’énergie, en kWh ou en pourcentage ?",
                "Une valeur par ligne.",
                "list",
            ),
            FieldBrief("sites", "Types de sites", "Quels types de sites ?", "", "list"),
        )
        section = SectionBrief("impacts", "Impacts", "", "body", fields)
        writer = ExtractiveWriter(SheetTemplate("solution", (section,)), get_embedder())
        shown = {"S1": passage(1, text, headings=headings)}
        draft: SectionDraft = writer.write(
            "Fiche", section, Evidence(shown, {"energie": ["S1"]}), RetryPolicy.from_settings()
        )
        return draft.fields[0]

    @pytest.mark.django_db
    def test_energy_is_not_said_without_a_quantity_of_it(self) -> None:
        said = "Les économies d’énergie dépendent de la consommation et de la maturité du site."
        assert not self.write(said).statements
        said = "La consommation d’énergie pour l’habitat a été de 146 ha par an en moyenne."
        assert not self.write(said).statements

    @pytest.mark.django_db
    def test_a_quantity_under_the_fields_own_heading_is_taken(self) -> None:
        said = "La chaleur utile atteint 262,5 MWh par an, ce qui est une économie d’énergie."
        (statement,) = self.write(said, "4.1 Énergie").statements
        assert statement.text == said
        assert statement.sources[0].label == "S1"


class TestChoosing:
    def ranked(self, *documents: int) -> dict[str, list]:  # type: ignore[type-arg]
        return {
            "a": [
                passage(n, f"Passage numéro {n} sur le sujet {n}{n}", document_id=d)
                for n, d in enumerate(documents, 1)
            ]
        }

    def writer(self, tokens: int) -> ModelWriter:
        writer = ModelWriter.__new__(ModelWriter)
        writer.tokens_per_section = tokens
        return writer

    def test_the_best_of_each_field_comes_first(self) -> None:
        fields = {"a": [passage(1, "a"), passage(2, "b")], "b": [passage(3, "c")]}
        assert [p.chunk_id for p in interleave_fields(fields, 2)] == [1, 3, 2]

    def test_the_budget_is_kept(self) -> None:
        long = {"a": [passage(n, f"mot{n} " * 100) for n in range(1, 9)]}
        assert len(choose_passages(long, self.writer(400))) == 2

    def test_what_says_the_same_is_shown_once(self) -> None:
        same = {
            "a": [passage(1, "La pompe chauffe l’eau."), passage(2, "La pompe chauffe l'eau !")]
        }
        assert [p.chunk_id for p in choose_passages(same, self.writer(1000))] == [1]
        part, whole = (
            frozenset(text_stems("La pompe")),
            frozenset(text_stems("La pompe chauffe l’eau")),
        )
        assert not is_contained(part, whole)

    def test_a_second_source_that_has_something_to_say_is_heard(self) -> None:
        ranked = self.ranked(*[1] * 8, 2)
        chosen = choose_passages(ranked, self.writer(10_000))
        other = best_of_another_source(ranked, chosen)
        assert other is not None
        assert other.document_id == 2
        assert {
            p.document_id for p in choose_passages(ranked, self.writer(10_000), first=other)
        } == {1, 2}

    def test_one_that_has_nothing_to_say_is_not(self) -> None:
        ranked = self.ranked(*[1] * 4)
        assert best_of_another_source(ranked, choose_passages(ranked, self.writer(10_000))) is None


def test_the_first_passages_are_in_reading_order_whoever_cut_them_first(
    waiting_document: Document,
) -> None:
    later = Document.objects.create(title="Après", sha256="b" * 64, size=1)
    for document, position in (
        (later, 1),
        (later, 0),
        (waiting_document, 1),
        (waiting_document, 0),
    ):
        text = f"{document.title} {position}"
        Chunk.objects.create(
            document=document, position=position, text=text, page_start=1, page_end=1,
            content_hash=text,
        )  # fmt: skip
    first, then = waiting_document.title, later.title
    found = [p.text for p in opening_passages([later.pk, waiting_document.pk])]
    assert found == [f"{first} 0", f"{first} 1", f"{then} 0", f"{then} 1"]


@pytest.fixture
def demonstration(db: None) -> list[Document]:
    """The demonstration documents, read."""
    documents = [
        accept_upload(SimpleUploadedFile(p.name, p.read_bytes(), "application/pdf"), None)
        for p in sorted(DEMO.glob("*.pdf"))
    ]
    run_queue()
    return list(Document.objects.ready().filter(pk__in=[d.pk for d in documents]))


class TestFacts:
    """How many of a hundred known facts come through. `python -m bench.facts` says which do not.

    The vectors of the tests know words, not meanings: the local model does better.
    """

    def test_facts_reach_the_passages_and_the_sheet(
        self, demonstration: list[Document], fake_ai: FakeAI, settings: Settings
    ) -> None:
        local = [
            r
            for d in demonstration
            for r in follow(d, lambda template: ExtractiveWriter(template, get_embedder()))
        ]
        assert len(local) == 100
        assert share(local, "shown") >= 0.97
        assert share(local, "in_section") >= 0.75

        fake_ai.answer = answer_generously
        settings.AI_TIMEOUT = 60
        settings.LLM_MAX_TOKENS = 20_000
        text = Prompt.objects.current().text
        model = [r for d in demonstration for r in follow(d, lambda template: ModelWriter(text))]
        assert share(model, "shown") >= 0.97
        lost = [r.fact["fact"] for r in model if r.shown and not r.in_section]
        assert share(model, "in_section") >= 0.9, lost

    def test_what_the_model_is_shown_stays_within_its_tokens(
        self, demonstration: list[Document], settings: Settings
    ) -> None:
        from sheets.schema.prompt import estimate_tokens

        settings.LLM_PASSAGE_TOKENS = 1500
        writer = ModelWriter(Prompt.objects.current().text)
        template = load_template(SheetType.objects.get(key="solution"))
        ids = [d.pk for d in demonstration]
        for section in template.written:
            evidence = gather_evidence("Chaleur", section, writer, ids)
            shown = list(evidence.shown.values())
            assert sum(estimate_tokens(p.text) for p in shown) <= 1500
            assert len({p.document_id for p in shown}) >= 2
            assert list(evidence.shown) == [f"S{n}" for n in range(1, len(shown) + 1)]
