"""Staleness: why a sheet is out of date, and which sections have new passages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from pytest_django import Settings

from ingestion.models import Document
from ingestion.pipeline.run import accept_upload
from sheets.generation.request import request_generation, request_sheet
from sheets.models import Field, Proposal, Section, Sheet, SheetType
from sheets.proposals.review import reject_proposal
from sheets.revisions.save import save_revision
from sheets.staleness.new_passages import new_passages
from sheets.staleness.receivers import check_writer_settings
from sheets.staleness.rules import CurrentInputs, compare_inputs
from tests.conftest import make_pdf, run_queue, upload
from wikico2.models import User

NOW = CurrentInputs(
    documents={"1": "Guide"},
    attached={"1"},
    newer={},
    template={"resume": "a", "impacts": "b"},
    model="mixtral",
    prompt="1",
)
FACTS = {"documents": {"1": "Guide"}, "model": "mixtral", "prompt": "1", "passages": [1]}
FRESH = {"resume": FACTS | {"template": "a"}, "impacts": FACTS | {"template": "b"}}


class TestComparing:
    def test_the_same_is_fresh(self) -> None:
        assert compare_inputs(FRESH, NOW).reasons == []

    def test_a_sheet_that_no_machine_wrote_is_fresh(self) -> None:
        assert compare_inputs({}, NOW).reasons == []

    @pytest.mark.parametrize(
        ("changed", "reasons", "sections"),
        [
            (
                {"documents": {"1": "Guide", "2": "Étude"}, "attached": {"1", "2"}},
                [{"code": "document_added", "document": "2", "title": "Étude"}],
                ["resume", "impacts"],
            ),
            (
                {"documents": {}, "attached": set()},
                [{"code": "document_removed", "document": "1", "title": "Guide"}],
                ["resume", "impacts"],
            ),
            ({"documents": {}}, [], []),  # it is being read again
            (
                {"newer": {"1": ("3", "Guide 2027")}},
                [
                    {
                        "code": "document_replaced",
                        "document": "1",
                        "title": "Guide",
                        "by": "3",
                        "new_title": "Guide 2027",
                    }
                ],
                ["resume", "impacts"],
            ),
            (
                {"model": "mistral"},
                [{"code": "model_changed", "old": "mixtral", "new": "mistral"}],
                ["resume", "impacts"],
            ),
            (
                {"prompt": "2"},
                [{"code": "prompt_changed", "old": "1", "new": "2"}],
                ["resume", "impacts"],
            ),
            (
                {"template": {"resume": "a", "impacts": "c"}},
                [{"code": "type_changed"}],
                ["impacts"],
            ),
            (
                {"template": {"resume": "a", "impacts": "b", "cas": "d"}},
                [{"code": "type_changed"}],
                ["cas"],
            ),
        ],
    )
    def test_each_change_is_named_once_with_its_sections(
        self, changed: dict[str, Any], reasons: list[Any], sections: list[str]
    ) -> None:
        verdict = compare_inputs(FRESH, CurrentInputs(**(vars(NOW) | changed)))
        assert verdict.reasons == reasons
        assert list(verdict.sections) == sections


NEW = (
    "# Récupération de chaleur sur les compresseurs : économies d'énergie",
    "L'économie d'énergie atteint 40 % du gaz de la chaufferie dans trois usines suivies.",
    "Le retour sur investissement de la récupération de chaleur est de deux ans.",
)


@pytest.mark.django_db
class TestNoticing:
    @pytest.fixture
    def sheet(self, document: Document) -> Sheet:
        kind = SheetType.objects.get(key="solution")
        kind.sections.exclude(key__in=("fiche", "resume", "impacts", "risques")).delete()
        sheet = request_sheet(kind, "Récupération de chaleur", [document], None)
        run_queue()
        sheet.refresh_from_db()
        assert sheet.current is not None
        return sheet

    @pytest.fixture
    def read(self, contributor: User) -> Callable[..., Document]:
        def take(name: str, *pages: tuple[str, ...]) -> Document:
            document = accept_upload(upload(make_pdf(*pages), name), contributor, title=name)
            run_queue()
            document.refresh_from_db()
            return document

        return take

    def codes(self, sheet: Sheet) -> list[str]:
        sheet.refresh_from_db()
        return [reason["code"] for reason in sheet.stale_reasons]

    def test_a_new_sheet_is_fresh(self, sheet: Sheet) -> None:
        assert self.codes(sheet) == []
        assert sheet.written_from["resume"]["documents"]

    def test_an_added_source_is_noticed_at_once_and_its_passages_by_a_worker(
        self, sheet: Sheet, read: Callable[..., Document]
    ) -> None:
        sheet.documents.add(read("etude.pdf", NEW))
        assert self.codes(sheet) == ["document_added"]
        assert all(v["passages"] is None for v in sheet.stale_sections.values())

        run_queue()
        sheet.refresh_from_db()
        assert sheet.stale_sections["impacts"]["passages"]
        texts = [c.text for c in new_passages(sheet)["impacts"]]
        assert any("40 %" in text for text in texts)

    def test_a_source_still_being_read_counts_once_it_is_ready(
        self, sheet: Sheet, contributor: User
    ) -> None:
        waiting = accept_upload(upload(make_pdf(NEW), "etude.pdf"), contributor)
        sheet.documents.add(waiting)
        assert self.codes(sheet) == []
        run_queue()
        assert self.codes(sheet) == ["document_added"]

    def test_regenerating_the_stale_sections_makes_it_fresh(
        self, sheet: Sheet, read: Callable[..., Document], client: Client, contributor: User
    ) -> None:
        sheet.documents.add(read("etude.pdf", NEW))
        run_queue()
        sheet.refresh_from_db()
        asked = set(sheet.stale_sections)
        client.force_login(contributor)
        page = client.get(sheet.get_absolute_url()).content.decode()
        assert 'name="what" value="stale"' in page

        client.post(f"/fiches/{sheet.slug}/regenerer/", {"what": "stale"})
        run = sheet.generations.latest("pk")
        assert set(run.sections.values_list("key", flat=True)) == asked
        run_queue()
        assert self.codes(sheet) == []
        assert sheet.current is not None
        assert sheet.current.number == 2

    def test_a_removed_or_deleted_source_is_noticed(self, sheet: Sheet, document: Document) -> None:
        sheet.documents.remove(document)
        assert self.codes(sheet) == ["document_removed"]
        sheet.documents.add(document)
        assert self.codes(sheet) == []
        document.delete()
        assert self.codes(sheet) == ["document_removed"]
        assert sheet.stale_reasons[0]["title"] == "Guide de l'énergie"

    def test_a_replaced_source_is_noticed_and_taken_when_regenerating(
        self, sheet: Sheet, document: Document, read: Callable[..., Document]
    ) -> None:
        newer = read("guide2.pdf", NEW)
        newer.supersedes = document
        newer.save()
        assert self.codes(sheet) == ["document_replaced"]
        run_queue()
        request_generation(sheet, None)
        assert list(sheet.documents.all()) == [newer]

    def test_a_change_of_the_template_is_noticed_where_it_is(self, sheet: Sheet) -> None:
        field = Field.objects.filter(section__sheet_type=sheet.sheet_type, section__key="impacts")[
            0
        ]
        field.instruction = "Avec les conditions."
        field.save()
        assert self.codes(sheet) == ["type_changed"]
        assert list(sheet.stale_sections) == ["impacts"]

        section = Section.objects.get(sheet_type=sheet.sheet_type, key="risques")
        section.heading_fr = "Risques"
        section.save()
        assert self.codes(sheet) == ["type_changed"]
        assert sorted(sheet.stale_sections) == ["impacts", "risques"]

    def test_another_model_is_noticed_at_the_next_start(
        self, sheet: Sheet, settings: Settings
    ) -> None:
        settings.LLM_BACKEND = "openai"
        call_command("migrate", verbosity=0)
        assert self.codes(sheet) == ["model_changed"]

    def test_a_proposal_makes_it_fresh_when_it_is_decided(
        self, sheet: Sheet, expert: User, read: Callable[..., Document]
    ) -> None:
        assert sheet.current is not None
        save_revision(
            sheet,
            base=sheet.current,
            body=sheet.current.body + "\nMes mots.\n",
            metadata=sheet.current.metadata,
            origin="human",
            author=expert,
        )
        sheet.documents.add(read("etude.pdf", NEW))
        run_queue()
        sheet.refresh_from_db()
        request_generation(sheet, None, list(sheet.stale_sections))
        run_queue()
        assert self.codes(sheet) == ["document_added"]
        reject_proposal(Proposal.objects.get(sheet=sheet), expert, "Rien de neuf.")
        assert self.codes(sheet) == []

    def test_a_list_shows_the_stale_ones(self, sheet: Sheet, client: Client) -> None:
        assert "?stale=1" not in client.get("/fiches/").content.decode()
        Sheet.objects.filter(pk=sheet.pk).update(stale_reasons=[{"code": "type_changed"}])
        assert "?stale=1" in client.get("/fiches/").content.decode()
        assert sheet.title in client.get("/fiches/?stale=1").content.decode()
        Sheet.objects.filter(pk=sheet.pk).update(stale_reasons=[])
        assert sheet.title not in client.get("/fiches/?stale=1").content.decode()

    def test_going_back_to_earlier_tables_compares_nothing(self, sheet: Sheet) -> None:
        loader = MigrationExecutor(connection).loader
        old = loader.project_state([("sheets", "0003_seed_types")]).apps
        Sheet.objects.filter(pk=sheet.pk).update(stale_reasons=[{"code": "kept"}])
        check_writer_settings(apps=old)
        assert self.codes(sheet) == ["kept"]
