"""A sheet is written from its sources, section by section, and never over a person's words."""

import json
import threading
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from ingestion.models import Document
from ingestion.pipeline.run import accept_upload, cancel_document
from sheets.generation import run
from sheets.generation.request import (
    cancel_generation,
    request_generation,
    request_sheet,
    retry_generation,
)
from sheets.models import (
    Generation,
    Prompt,
    Proposal,
    Revision,
    SectionRun,
    Sheet,
    SheetType,
    Spending,
)
from sheets.revisions.save import save_revision
from sheets.sources.visibility import sources_visible_on
from sheets.writers.context import gather_evidence
from tests.conftest import job_of, let_go_on, make_pdf, run_job, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL, FakeAI, Fault
from wikico2.errors import UserError
from wikico2.jobs import queue, runner
from wikico2.jobs.policy import policy_of
from wikico2.jobs.runner import run_next
from wikico2.jobs.turns import claim_next
from wikico2.models import Job, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def solution(db: None) -> SheetType:
    """The sheet type, cut down to a few sections of every shape."""
    solution = SheetType.objects.get(key="solution")
    solution.sections.exclude(key__in=("fiche", "resume", "contexte", "risques")).delete()
    return solution


def ask(document: Document, solution: SheetType, title: str = "Récupération de chaleur") -> Sheet:
    return request_sheet(solution, title, [document], None)


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
            assert citation.level == "verbatim"
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
        run_job(latest(sheet))

        assert sheet.revisions.count() == 1

    def test_a_second_writing_of_a_machines_text_is_the_next_revision(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        request_generation(sheet, None)
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
        request_generation(sheet, None)
        run_queue()
        sheet.refresh_from_db()
        assert sheet.current == mine
        assert not Proposal.objects.exists()  # the writer says what it said: nothing to decide

        text = "Le récupérateur de chaleur d’un compresseur coûte 12 000 € et dure quinze ans."
        sheet.documents.add(accept_upload(upload(make_pdf(("# Prix", text)), "b.pdf"), contributor))
        request_generation(sheet, None)
        run_queue()
        sheet.refresh_from_db()

        assert sheet.current == mine
        proposal = Proposal.objects.get(sheet=sheet)
        assert proposal.base == sheet.revisions.get(number=1)
        assert "12 000 €" in proposal.body

    def test_no_slice_asks_the_service_for_a_vector_again(
        self, document: Document, solution: SheetType, settings: Settings, fake_ai: FakeAI
    ) -> None:
        settings.TASK_SLICE_SECONDS = 0
        sheet = ask(document, solution)
        fake_ai.reset()
        run_queue()

        twice = {text for text, times in Counter(fake_ai.texts).items() if times > 1}
        assert twice <= {sheet.title}  # a question's subject, then the opening that is indexed

    def test_short_slices_end_in_the_same_sheet(
        self, document: Document, solution: SheetType, settings: Settings
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()
        assert sheet.current is not None
        written = sheet.current.body
        sheet.delete()
        settings.TASK_SLICE_SECONDS = 0
        other = ask(document, solution)
        assert run_queue() > 3
        other.refresh_from_db()

        assert other.current is not None
        assert other.current.body == written

    def test_a_stopped_run_leaves_no_revision_and_goes_on_when_retried(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        cancel_generation(latest(sheet))
        run_queue()
        assert sheet.revisions.count() == 0

        retry_generation(latest(sheet))
        run_queue()
        assert sheet.revisions.count() == 1

    def test_a_run_that_another_worker_holds_is_left_to_it(
        self, document: Document, solution: SheetType
    ) -> None:
        sheet = ask(document, solution)
        assert claim_next()
        run_queue()

        assert sheet.revisions.count() == 0

    def test_a_run_that_is_taken_over_writes_nothing(
        self, document: Document, solution: SheetType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sheet = ask(document, solution)
        real = gather_evidence

        def stopped_meanwhile(*args: Any) -> Any:
            cancel_generation(latest(sheet))
            return real(*args)

        monkeypatch.setattr(run, "gather_evidence", stopped_meanwhile)
        run_queue()

        assert latest(sheet).state == Generation.State.CANCELLED
        assert sheet.revisions.count() == 0


class TestSources:
    def test_a_run_waits_for_its_source(
        self, waiting_document: Document, solution: SheetType
    ) -> None:
        sheet = ask(waiting_document, solution)
        run_job(latest(sheet))
        assert latest(sheet).state == Generation.State.WAITING

        run_queue()
        assert latest(sheet).state == Generation.State.DONE

    def test_a_source_that_cannot_be_read_is_named(
        self, waiting_document: Document, solution: SheetType
    ) -> None:
        sheet = ask(waiting_document, solution)
        cancel_document(waiting_document)
        run_queue()

        assert latest(sheet).state == Generation.State.FAILED
        assert waiting_document.title in latest(sheet).error

    def test_without_a_source_there_is_no_sheet(self, solution: SheetType) -> None:
        with pytest.raises(UserError) as caught:
            request_sheet(solution, "Rien", [], None)

        assert caught.value.code == "no_sources"
        assert not Sheet.objects.exists()

    def test_the_same_title_is_refused_and_a_like_one_has_another_address(
        self, document: Document, solution: SheetType
    ) -> None:
        assert ask(document, solution).slug == "recuperation-de-chaleur"
        with pytest.raises(UserError, match="title_taken"):
            ask(document, solution)
        assert ask(document, solution, "Récupération de chaleur ?").slug.endswith("chaleur-2")
        assert ask(document, solution, "Nouvelle").slug == "nouvelle-2"
        assert ask(document, solution, "☃").slug == "fiche"

    def test_asking_twice_runs_once(self, document: Document, solution: SheetType) -> None:
        sheet = ask(document, solution)

        assert request_generation(sheet, None) == latest(sheet)

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
        assert sheet.current.citations.filter(level="verbatim").exists()
        assert not sheet.current.citations.filter(level="not_found").exists()

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

    def spoil(self, fake_ai: FakeAI, heading: str, answer: str, times: int = 99) -> None:
        """Let the model answer like this when it is asked for the section with that heading."""
        real, left = fake_ai.answer, times

        def spoilt(body: Any) -> str:
            nonlocal left
            if left and f"Section : « {heading} »" in body["messages"][1]["content"]:
                left -= 1
                return answer
            return real(body)

        fake_ai.answer = spoilt

    def chats(self, fake_ai: FakeAI) -> list[Any]:
        return [r.body for r in fake_ai.requests if r.path.endswith("/chat/completions")]

    @pytest.mark.parametrize(
        ("answer", "code", "words"),
        [
            ("Voici la fiche :", "not_json", "JSON"),
            ('{"objectif": [{"text": "a", "sources": ["S1"]}', "not_json", "JSON"),
            ('{"autre": []}', "wrong_schema", "form"),
            ('{"objectif": "une phrase"}', "wrong_schema", "form"),
            ("mot " * 5000, "answer_cut", "administrateur"),
        ],
    )
    def test_an_answer_that_cannot_be_used_is_shown_its_error_and_then_refused(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        answer: str,
        code: str,
        words: str,
    ) -> None:
        sections = len(solution.sections.exclude(role="computed"))
        self.spoil(fake_ai, "Contexte & périmètre", answer)
        sheet = ask(document, solution)
        run_queue()
        if (
            code != "answer_cut"
        ):  # another attempt may be better: there are as many as for documents
            assert job_of(latest(sheet)).state == "waiting"
            assert sheet.revisions.count() == 1  # the other sections can be read meanwhile
            most = policy_of("generation").attempts
            Job.objects.filter(kind="generation").update(attempts=most - 1)
            let_go_on()
            del fake_ai.requests[:]
            run_job(latest(sheet))
            sections = 1
        generation = latest(sheet)
        assert sheet.revisions.count() == 1

        assert generation.state == Generation.State.FAILED
        assert "« Contexte & périmètre »" in generation.error
        assert words in generation.error
        failed = generation.sections.exclude(state=SectionRun.State.DONE).get()
        assert (failed.key, failed.error_code) == ("contexte", code)
        asked = self.chats(fake_ai)
        assert len(asked) == sections + 1
        shown = [m for body in asked for m in body["messages"] if m["role"] == "assistant"]
        assert [m["content"] for m in shown] == [answer.strip()[:6000].strip()]
        told = [body["messages"][-1]["content"] for body in asked if len(body["messages"]) > 2]
        assert told[0].startswith("Votre réponse ne peut pas être utilisée. ")
        assert "{" not in told[0].replace("({)", "")
        assert failed.tokens_out >= 2  # both tries are paid for

    def test_a_retry_repeats_only_what_failed(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        self.spoil(fake_ai, "Contexte & périmètre", "mot " * 5000, times=2)
        sheet = ask(document, solution)
        run_queue()
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert "## ⚠️ Risques" in sheet.current.body
        before = len(self.chats(fake_ai))
        retry_generation(latest(sheet))
        run_queue()

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error
        assert len(self.chats(fake_ai)) == before + 1
        assert sheet.revisions.count() == 2

    def test_written_sections_can_be_read_while_others_are_under_way(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        settings: Settings,
        client: Client,
    ) -> None:
        settings.TASK_SLICE_SECONDS, settings.LLM_SECTIONS_AT_ONCE = 0, 1
        sheet = ask(document, solution)
        run_job(latest(sheet))
        assert latest(sheet).is_working
        assert not sheet.revisions.exists()

        page = client.get(sheet.get_absolute_url()).content.decode()
        assert 'class="prose"' in page
        assert "Un compresseur d" in page
        progress = reverse("generation_progress", args=[sheet.slug])
        htmx = {"HX-Request": "true"}
        assert "HX-Refresh" in client.get(progress, {"faites": "0"}, headers=htmx)
        assert "HX-Refresh" not in client.get(progress, {"faites": "1"}, headers=htmx)

    def test_a_page_asked_for_at_the_last_moment_shows_the_sheet(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        client: Client,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        sheet = ask(document, solution)
        real = sources_visible_on

        def finished_meanwhile(*args: Any) -> Any:
            run_queue()
            return real(*args)

        monkeypatch.setattr("sheets.views.reading.sources_visible_on", finished_meanwhile)
        answer = client.get(sheet.get_absolute_url(), follow=True)

        assert latest(sheet).state == Generation.State.DONE
        assert answer.redirect_chain
        assert 'class="byline"' in answer.content.decode()

    def test_what_may_pass_is_tried_again_by_itself(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        self.spoil(fake_ai, "Contexte & périmètre", "rien", times=2)
        sheet = ask(document, solution)
        run_queue()
        assert latest(sheet).is_working
        before = len(self.chats(fake_ai))
        let_go_on()
        run_job(latest(sheet))

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error
        assert len(self.chats(fake_ai)) == before + 1

    def test_a_service_with_many_faults_still_gives_a_whole_sheet(
        self, document: Document, solution: SheetType, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES, settings.AI_TIMEOUT, settings.AI_BACKOFF_SECONDS = 1, 0.3, 0.5
        real, turn = fake_ai.answer, iter(range(10_000))

        def sometimes_nonsense(body: Any) -> str:
            return "Je ne sais pas." if next(turn) % 12 == 5 else real(body)

        fake_ai.answer = sometimes_nonsense
        fake_ai.mix = [
            (0.15, Fault("status", 500)),
            (0.04, Fault("reset")),
            (0.03, Fault("garbage")),
            (0.03, Fault("hang", seconds=0.4)),
        ]
        sheet = ask(document, solution)
        run_queue()
        for _ in range(12):
            let_go_on()
            run_job(latest(sheet))
        generation = latest(sheet)

        assert generation.state == Generation.State.DONE, generation.error
        assert not generation.sections.exclude(state=SectionRun.State.DONE).exists()

    def test_the_second_try_may_be_good(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        self.spoil(fake_ai, "Contexte & périmètre", "```json\n{oups}\n```", times=1)
        sheet = ask(document, solution)
        run_queue()

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (Fault("hang", seconds=1.0), "service_slow"),
            (Fault("reset"), "service_cut_off"),
            (Fault("status", 401, message="wrong key"), "service_refused"),
            (Fault("status", 429, {"Retry-After": "0"}), "service_busy"),
        ],
        ids=lambda value: value.kind if isinstance(value, Fault) else value,
    )
    def test_a_service_that_fails_is_named_by_its_failure(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        settings: Settings,
        fault: Fault,
        code: str,
    ) -> None:
        settings.AI_RETRIES = 0
        settings.AI_TIMEOUT = 0.5
        sheet = ask(document, solution)
        fake_ai.chat_faults.extend([fault] * 30)
        run_queue()
        generation = latest(sheet)

        if code != "service_refused":  # an outage is waited out, up to a bound
            assert (generation.state, job_of(generation).error_code) == ("running", code)
            assert job_of(generation).not_before
            most = policy_of("generation").outage_attempts or 0
            Job.objects.filter(kind="generation").update(attempts=most - 1)
            let_go_on()
            run_job(generation)
            generation.refresh_from_db()
        assert generation.state == Generation.State.FAILED
        assert generation.error_code == code
        assert "%(" not in generation.error

    def test_an_endpoint_that_refuses_forms_and_roles_is_met_halfway(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        fake_ai.refused_formats = {"json_schema"}
        fake_ai.refused_roles = {"system"}
        sheet = ask(document, solution)
        run_queue()

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error
        last = self.chats(fake_ai)[-1]
        assert last["response_format"] == {"type": "json_object"}
        assert [m["role"] for m in last["messages"]] == ["user"]

    def test_sections_are_written_side_by_side(
        self, document: Document, solution: SheetType, fake_ai: FakeAI, settings: Settings
    ) -> None:
        """A sheet takes at most one and a half times its slowest section's call."""
        settings.AI_TIMEOUT = 60
        fake_ai.first_token, fake_ai.tokens_per_second = 0.5, 60.0
        fake_ai.answer = lambda body: json.dumps(
            {
                key: [{"text": "Un compresseur transforme 90 % de l’électricité en chaleur. " * 3,
                       "cells": ["Un compresseur"], "sources": ["S1"]}]
                for key in body["response_format"]["json_schema"]["schema"]["properties"]
            }
        )  # fmt: skip
        ratios = []
        for number in range(5):
            fake_ai.chat_seconds.clear()
            sheet = ask(document, solution, f"Fiche {number}")
            begun = time.monotonic()
            run_queue()
            ratios.append((time.monotonic() - begun) / max(fake_ai.chat_seconds))
            assert latest(sheet).state == Generation.State.DONE, latest(sheet).error
            if ratios[-1] <= 1.5:
                break
        assert min(ratios) <= 1.5, ratios  # what else the machine does only adds to them

    def test_no_more_sections_at_once_than_allowed(
        self, document: Document, solution: SheetType, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.LLM_SECTIONS_AT_ONCE = 3
        settings.AI_TIMEOUT = 60
        real, first, second = fake_ai.answer, threading.Lock(), threading.Event()

        def once_there_are_two(body: Any) -> str:
            alone = first.acquire(blocking=False)
            if alone:
                second.wait(30)
                first.release()
            else:
                second.set()
            return real(body)

        fake_ai.answer = once_there_are_two
        fake_ai.first_token = 0.1
        sheet = ask(document, solution)
        run_queue()

        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error
        assert second.is_set()
        assert fake_ai.most_chats_at_once <= 3

    def test_a_stop_ends_a_run_whose_sections_are_under_way(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        real = fake_ai.answer

        def stopped_meanwhile(body: Any) -> str:
            time.sleep(0.3)
            return real(body)

        fake_ai.answer = stopped_meanwhile
        original = run.save_section

        def cancel_first(*args: Any) -> None:
            cancel_generation(latest(sheet))
            original(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "save_section", cancel_first)
            run_queue()

        assert latest(sheet).state == Generation.State.CANCELLED
        assert not sheet.revisions.exists()

    @pytest.mark.parametrize("at_once", [1, 2])
    def test_a_pause_of_everything_stops_a_run_between_and_within_sections(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        at_once: int,
    ) -> None:
        settings.LLM_SECTIONS_AT_ONCE = at_once
        settings.AI_TIMEOUT = 60
        monkeypatch.setattr(runner, "CHECK_SECONDS", 0.0)
        sheet = ask(document, solution)
        real, asked, over = fake_ai.answer, [], threading.Event()

        def answer(body: Any) -> str:
            asked.append(body)
            if len(asked) > 1:
                over.wait(30)  # a call that does not end by itself
            return real(body)

        original = run.save_section

        def pause_after(*args: Any) -> None:
            original(*args)
            queue.pause_queue()

        fake_ai.answer = answer
        monkeypatch.setattr(run, "save_section", pause_after)
        begun = time.monotonic()
        run_next()
        assert time.monotonic() - begun < 20
        generation = latest(sheet)
        assert job_of(generation).state == "waiting"
        assert generation.sections.filter(state=SectionRun.State.DONE).count() == 1
        assert len(asked) <= at_once + 1

        over.set()
        monkeypatch.setattr(run, "save_section", original)
        queue.resume_queue()
        run_queue()
        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error

    def test_an_unknown_model_is_named_with_those_on_offer(
        self,
        document: Document,
        solution: SheetType,
        fake_ai: FakeAI,
        settings: Settings,
    ) -> None:
        settings.LLM_MODEL = "no-such-model"
        fake_ai.models = ["fake-chat", EMBEDDING_MODEL]
        sheet = ask(document, solution)
        run_queue()

        assert latest(sheet).state == Generation.State.FAILED
        assert "no-such-model" in latest(sheet).error
        assert f"fake-chat, {EMBEDDING_MODEL}" in latest(sheet).error

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
    other = accept_upload(
        upload(
            make_pdf(("# Séchage", "La chaleur du soleil fournit 40 % de l’énergie des étuves.")),
            "b.pdf",
        ),
        contributor,
    )
    sheet = request_sheet(solution, "Chaleur", [document, other], None)
    run_queue()
    sheet.refresh_from_db()

    assert sheet.current is not None
    cited = set(sheet.current.citations.values_list("document", flat=True))
    assert cited == {document.pk, other.pk}


class TestCost:
    @pytest.fixture(autouse=True)
    def _model(self, settings: Settings) -> None:
        settings.LLM_BACKEND = "openai"
        settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT = 2.0, 6.0

    def test_a_run_keeps_what_it_was_told_and_what_it_took(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        generation = latest(sheet)
        sections = list(generation.sections.all())

        assert generation.prompt == Prompt.objects.current()
        assert generation.prompt_version == "section-2"
        assert generation.parameters["temperature"] == 0.1
        assert all(s.passages for s in sections)
        assert generation.tokens_in == sum(s.tokens_in for s in sections) > 0
        assert generation.tokens_out == sum(s.tokens_out for s in sections) > 0
        cost = (2 * Decimal(generation.tokens_in) + 6 * Decimal(generation.tokens_out)) / 1_000_000
        assert abs(generation.cost - cost) < Decimal("0.0001")
        assert generation.cost == sum(s.cost for s in sections)
        assert generation.seconds > 0
        assert (
            sheet.generations.all().spent().tokens == generation.tokens_in + generation.tokens_out
        )

    def test_months_add_up_and_outlive_the_sheet(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        generation = latest(sheet)
        sheet.delete()

        (month,) = Spending.objects.by_month()
        assert month["sum_in"] == generation.tokens_in
        assert month["sum_cost"] == generation.cost
        assert month["sum_calls"] == len(fake_ai.chat_seconds)

    def test_pages_tell_what_writing_took(
        self, document: Document, solution: SheetType, contributor: User, client: Client
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        client.force_login(contributor)
        headers = {"accept-language": "fr"}

        tasks = client.get(reverse("tasks"), headers=headers).content.decode()
        assert "Consommation de la rédaction" in tasks
        assert "€" in tasks
        page = client.get(reverse("sheet_generate", args=[sheet.slug]), headers=headers)
        assert "La rédaction de cette fiche a consommé" in page.content.decode()

    def test_a_days_ceiling_stops_with_a_sentence_and_the_rest_can_be_retried(
        self, document: Document, solution: SheetType, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.LLM_SECTIONS_AT_ONCE = 2
        settings.LLM_TOKENS_PER_DAY = 500
        sheet = ask(document, solution)
        run_queue()
        generation = latest(sheet)
        asked = len(fake_ai.requests)

        assert generation.state == Generation.State.FAILED
        assert "500" in generation.error
        assert "administrateur" in generation.error
        assert generation.sections.filter(state=SectionRun.State.DONE).exists()
        retry_generation(generation)
        run_queue()
        assert not [r for r in fake_ai.requests[asked:] if r.path.endswith("completions")]

        settings.LLM_TOKENS_PER_DAY = 0
        retry_generation(latest(sheet))
        run_queue()
        assert latest(sheet).state == Generation.State.DONE, latest(sheet).error


class TestPrompts:
    @pytest.fixture(autouse=True)
    def _model(self, settings: Settings) -> None:
        settings.LLM_BACKEND = "openai"

    def add(self, **texts: str) -> Prompt:
        current = Prompt.objects.current()
        values = {f: getattr(current, f) for f in ("mode", "system", "request", "repair")}
        return Prompt.objects.create(**(values | texts))

    def test_the_newest_version_is_told_and_makes_older_sheets_stale(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        run_queue()
        self.add(system="Écrivez en vers.")
        sheet.refresh_from_db()
        assert [r["code"] for r in sheet.stale_reasons] == ["prompt_changed"]

        request_generation(sheet, None)
        run_queue()
        assert latest(sheet).prompt_version == "section-3"
        chats = [r for r in fake_ai.requests if r.path.endswith("completions")]
        assert chats[-1].body["messages"][0]["content"] == "Écrivez en vers."

    def test_a_run_goes_on_with_the_prompt_that_it_began_with(
        self, document: Document, solution: SheetType, fake_ai: FakeAI
    ) -> None:
        sheet = ask(document, solution)
        fake_ai.no_choices = True
        run_queue()
        assert latest(sheet).is_working  # what may pass is tried again
        cancel_generation(latest(sheet))
        self.add(system="Écrivez en vers.")
        fake_ai.no_choices = False
        retry_generation(latest(sheet))
        run_queue()

        assert latest(sheet).prompt_version == "section-2"

    def test_the_first_prompt_is_seeded_in_french(self) -> None:
        first = Prompt.objects.get(version=1)
        first.full_clean()
        assert "Vous rédigez en français" in first.system

    @pytest.mark.parametrize(
        ("field", "text"),
        [("request", "{titre} {section} {champs}"), ("repair", "Encore. {erreur} {surprise}")],
    )
    def test_a_prompt_that_leaves_something_out_is_refused(self, field: str, text: str) -> None:
        prompt = Prompt.objects.current()
        setattr(prompt, field, text)
        with pytest.raises(ValidationError) as caught:
            prompt.clean()
        assert list(caught.value.message_dict) == [field]

    @pytest.mark.parametrize("change", ["update", "delete"])
    def test_the_database_refuses_to_change_a_version(self, change: str) -> None:
        rows = Prompt.objects.filter(version=1)
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(system="autre") if change == "update" else rows.delete()
