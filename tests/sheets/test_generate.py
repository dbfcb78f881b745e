"""A sheet is written from its sources, section by section, and never over a person's words."""

import json
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from ingestion import ingest
from ingestion.models import Document
from sheets import generate
from sheets.evidence import gather_evidence
from sheets.models import Generation, Proposal, Revision, SectionRun, Sheet, SheetType
from sheets.revise import save_revision
from tests.conftest import make_pdf, run_queue, upload
from tests.fake_ai import FakeAI, Fault
from wikico2.errors import WorkError
from wikico2.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def solution(db: None) -> SheetType:
    """The sheet type, cut down to a few sections of every shape."""
    solution = SheetType.objects.get(key="solution")
    solution.sections.exclude(key__in=("fiche", "resume", "contexte", "risques")).delete()
    return solution


def ask(document: Document, solution: SheetType, title: str = "Récupération de chaleur") -> Sheet:
    return generate.request_sheet(solution, title, [document], None)


def latest(sheet: Sheet) -> Generation:
    return sheet.generations.latest("pk")


class TestLocalWriter:
    def test_every_statement_is_quoted_and_verified(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()

        assert latest(sheet).state == Generation.State.DONE
        assert sheet.current is not None
        citations = list(sheet.current.citations.all())
        assert citations
        for citation in citations:
            assert citation.verdict == "verified"
            page = document.pages.get(number=citation.page)
            assert citation.quote.split()[0] in page.text
        assert "90 % de l'électricité" in sheet.current.body
        assert sheet.confidence == 100
        assert 0 < sheet.completeness < 100

    def test_running_a_finished_run_again_changes_nothing(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        generate.write(latest(sheet).pk)

        assert sheet.revisions.count() == 1

    def test_a_second_writing_of_a_machines_text_is_the_next_revision(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        generate.request_generation(sheet, None)
        run_queue()
        sheet.refresh_from_db()

        assert sheet.current is not None
        assert sheet.current.number == 2

    def test_a_persons_text_gets_a_proposal(
        self, document: Document, solution: SheetType, contributor: User
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()
        mine = save_revision(
            sheet,
            base=sheet.current,
            body="## Résumé\n\nMes mots.",
            metadata={},
            origin=Revision.Origin.HUMAN,
            author=contributor,
        )
        generate.request_generation(sheet, None)
        run_queue()
        sheet.refresh_from_db()

        assert sheet.current == mine
        proposal = Proposal.objects.get(sheet=sheet)
        assert proposal.base == mine
        assert "90 %" in proposal.body

    def test_short_slices_end_in_the_same_sheet(
        self, document: Document, solution: SheetType, settings: Settings
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()
        settings.TASK_SLICE_SECONDS = 0
        other = ask(document, solution)
        assert run_queue() > 3
        other.refresh_from_db()

        assert sheet.current is not None
        assert other.current is not None
        assert other.current.body == sheet.current.body

    def test_a_stopped_run_leaves_no_revision_and_goes_on_when_retried(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        generate.cancel(latest(sheet))
        run_queue()
        assert sheet.revisions.count() == 0

        generate.retry(latest(sheet))
        run_queue()
        assert sheet.revisions.count() == 1

    def test_a_run_that_another_worker_holds_is_left_to_it(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        assert Generation.objects.in_progress().claim(latest(sheet).pk)
        run_queue()

        assert sheet.revisions.count() == 0

    def test_a_run_that_is_taken_over_writes_nothing(
        self, document: Document, solution: SheetType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sheet = ask(document, solution)
        real = gather_evidence

        def stopped_meanwhile(*args: Any) -> Any:
            generate.cancel(latest(sheet))
            return real(*args)

        monkeypatch.setattr(generate, "gather_evidence", stopped_meanwhile)
        run_queue()

        assert latest(sheet).state == Generation.State.CANCELLED
        assert sheet.revisions.count() == 0


class TestSources:
    def test_a_run_waits_for_its_source(
        self, waiting_document: Document, solution: SheetType
    ) -> None:
        sheet = ask(waiting_document, solution)
        generate.write(latest(sheet).pk)
        assert latest(sheet).state == Generation.State.WAITING

        run_queue()
        assert latest(sheet).state == Generation.State.DONE

    def test_a_source_that_cannot_be_read_is_named(
        self, waiting_document: Document, solution: SheetType
    ) -> None:
        sheet = ask(waiting_document, solution)
        ingest.cancel(waiting_document)
        run_queue()

        assert latest(sheet).state == Generation.State.FAILED
        assert waiting_document.title in latest(sheet).error

    def test_without_a_source_there_is_no_sheet(self, solution: SheetType) -> None:
        with pytest.raises(WorkError) as caught:
            generate.request_sheet(solution, "Rien", [], None)

        assert caught.value.code == "no_sources"
        assert not Sheet.objects.exists()

    def test_the_same_title_has_another_address(
        self, document: Document, solution: SheetType
    ) -> None:
        assert ask(document, solution).slug == "recuperation-de-chaleur"
        assert ask(document, solution).slug == "recuperation-de-chaleur-2"
        assert ask(document, solution, "Nouvelle").slug == "nouvelle-2"
        assert ask(document, solution, "☃").slug == "fiche"

    def test_asking_twice_runs_once(self, document: Document, solution: SheetType) -> None:
        sheet = ask(document, solution)

        assert generate.request_generation(sheet, None) == latest(sheet)

    def test_a_request_that_is_rolled_back_queues_nothing(
        self, document: Document, solution: SheetType
    ) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
            ask(document, solution)
            raise RuntimeError
        assert run_queue() == 0


class TestModelWriter:
    @pytest.fixture(autouse=True)
    def _model(self, settings: Settings) -> None:
        settings.LLM_BACKEND = "openai"
        settings.AI_RETRIES = 1

    def test_the_models_statements_are_cited(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()
        generation = latest(sheet)

        assert generation.state == Generation.State.DONE, generation.error
        assert generation.model == "fake-chat"
        assert generation.tokens_in > 0
        assert sheet.current is not None
        assert sheet.current.citations.filter(verdict="verified").exists()
        assert not sheet.current.citations.filter(verdict="broken").exists()

    def answer(self, fake_ai: FakeAI, *elements: dict[str, Any]) -> None:
        """Let the model give these elements for every field."""

        def scripted(body: Any) -> str:
            schema = body["response_format"]["json_schema"]["schema"]
            return json.dumps({key: list(elements) for key in schema["properties"]})

        fake_ai.answer = scripted

    def test_unknown_labels_and_wrong_numbers_are_left_out(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        self.answer(
            fake_ai,
            {
                "text": "Un compresseur transforme 90 % de l'électricité en chaleur",
                "sources": ["S1"],
            },
            {
                "text": "Un compresseur transforme 97 % de l'électricité en chaleur",
                "sources": ["S1"],
            },
            {"text": "Une phrase sans source", "sources": []},
            {"text": "Une phrase d'ailleurs", "sources": ["S99"]},
        )
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()

        assert sheet.current is not None
        assert "97 %" not in sheet.current.body
        assert "sans source" not in sheet.current.body
        assert "d'ailleurs" not in sheet.current.body

    def test_what_a_model_says_is_text(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        hostile = (
            "Un compresseur <script>alert(1)</script> en chaleur [^9] **90 %** de l'électricité"
        )
        self.answer(fake_ai, {"text": hostile, "sources": ["S1"]})
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()

        assert sheet.current is not None
        assert "<script" not in sheet.current.rendered["body"]
        if "alert" in sheet.current.rendered["body"]:
            assert "&lt;script&gt;" in sheet.current.rendered["body"]

    def test_an_answer_that_is_no_json_fails_with_a_sentence_and_is_retried_alone(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sections = len(solution.sections.exclude(role="computed"))
        sheet = ask(document, solution)
        real, calls = fake_ai.answer, 0

        def third_is_nonsense(body: Any) -> str:
            nonlocal calls
            calls += 1
            return "Voici la fiche :" if calls == 3 else real(body)

        fake_ai.answer = third_is_nonsense
        run_queue()
        generation = latest(sheet)
        assert generation.state == Generation.State.FAILED
        assert "JSON" in generation.error
        assert generation.sections.filter(state=SectionRun.State.DONE).count() == 2

        generate.retry(generation)
        run_queue()
        assert latest(sheet).state == Generation.State.DONE
        chats = [r for r in fake_ai.requests if r.path.endswith("/chat/completions")]
        assert len(chats) == sections + 1

    def test_an_unknown_model_is_named_with_those_on_offer(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        settings: Settings,
    ) -> None:
        settings.LLM_MODEL = "no-such-model"
        fake_ai.models = ["fake-chat", "other"]
        sheet = ask(document, solution)
        run_queue()

        assert latest(sheet).state == Generation.State.FAILED
        assert "no-such-model" in latest(sheet).error
        assert "fake-chat, other" in latest(sheet).error

    def test_busy_and_broken_answers_are_waited_out(
        self, document: Document, solution: SheetType, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES = 5
        sheet = ask(document, solution)
        fake_ai.busy(2)
        fake_ai.fail(Fault("status", 500))
        run_queue()

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error


def test_a_sheet_draws_on_all_its_sources(
    document: Document, solution: SheetType, contributor: User
) -> None:
    other = ingest.accept(
        upload(
            make_pdf(("# Séchage", "Le séchage solaire évite 40 % du gaz des étuves.")), "b.pdf"
        ),
        contributor,
    )
    sheet = generate.request_sheet(solution, "Chaleur", [document, other], None)
    run_queue()
    sheet.refresh_from_db()

    assert sheet.current is not None
    cited = set(sheet.current.citations.values_list("document", flat=True))
    assert cited == {document.pk, other.pk}
