"""The sources of a sheet as a working set: added, removed, replaced, suggested, from both sides."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from ingestion.models import Document
from ingestion.pipeline.run import accept_upload
from sheets.actions.sources import add_sources, remove_source, replace_source
from sheets.merge import Version
from sheets.models import Sheet, SheetType
from sheets.revisions.edit import save_edit
from sheets.search.for_source import concerned_sheets
from sheets.sources.working_set import queries_of, statements_resting_on, suggest_sources
from tests.conftest import LIGHT, STEAM, make_pdf, run_queue, upload
from wikico2.errors import UserError
from wikico2.models import AuditEvent, User

HEAT = "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur."
FUMES = "Le gain atteint 5 % du combustible selon la température des fumées."
BODY = """## 🎯 Résumé (10 secondes)

Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur.[^1]

Le gain atteint 5 % du combustible selon la température des fumées.[^1][^2]

[^1]: [Guide, p. 1](/sources/{a}/pages/1/) « {heat} »
[^2]: [Vapeur, p. 1](/sources/{b}/pages/1/) « {fumes} »
"""


@pytest.fixture
def steam(document: Document, expert: User) -> Document:
    """A second source, about steam and light."""
    made = accept_upload(upload(make_pdf(STEAM, LIGHT), "vapeur.pdf"), expert)
    run_queue()
    made.refresh_from_db()
    assert made.is_ready
    return made


@pytest.fixture
def sheet(document: Document, contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    made = Sheet.objects.create(
        sheet_type=kind, title="Économiseur de chaudière à vapeur", slug="vapeur"
    )
    made.documents.add(document)
    return made


def write(sheet: Sheet, user: User, document: Document, steam: Document) -> None:
    body = BODY.format(a=document.pk, b=steam.pk, heat=HEAT, fumes=FUMES)
    save_edit(sheet, user, base=None, text=Version(body))
    sheet.refresh_from_db()


class TestActions:
    def test_each_change_is_an_event_and_logged(
        self, sheet: Sheet, document: Document, steam: Document, contributor: User
    ) -> None:
        assert add_sources(sheet, contributor, [steam, steam]) == [steam]
        assert add_sources(sheet, contributor, [steam]) == []
        assert remove_source(sheet, contributor, document)
        assert not remove_source(sheet, contributor, document)
        assert replace_source(sheet, contributor, steam, document)
        assert list(sheet.documents.all()) == [document]
        kinds = list(sheet.events.order_by("pk").values_list("kind", flat=True))
        assert kinds == ["add_source", "remove_source", "replace_source"]
        assert AuditEvent.objects.filter(action="sheet.replace_source").exists()
        assert sheet.events.first().sentence(named=False) == "Source remplacée"  # type: ignore[union-attr]
        assert steam.title in sheet.events.first().sentence(named=True)  # type: ignore[union-attr]

    def test_a_source_that_one_may_not_read_is_not_added(
        self, sheet: Sheet, steam: Document, reader: User, contributor: User
    ) -> None:
        with pytest.raises(PermissionDenied):
            add_sources(sheet, reader, [steam])
        Document.objects.filter(pk=steam.pk).update(access="internal")
        steam.refresh_from_db()
        contributor.groups.get().permissions.remove(
            contributor.groups.get().permissions.get(codename="view_document")
        )
        bare = User.objects.get(pk=contributor.pk)
        with pytest.raises(UserError):
            add_sources(sheet, bare, [steam])

    def test_a_changed_set_makes_written_sections_stale(
        self, sheet: Sheet, document: Document, contributor: User
    ) -> None:
        facts = {"resume": {"documents": {str(document.pk): document.title}, "model": ""}}
        Sheet.objects.filter(pk=sheet.pk).update(written_from=facts)
        remove_source(sheet, contributor, document)
        sheet.refresh_from_db()
        assert {"document_removed"} <= {reason["code"] for reason in sheet.stale_reasons}


class TestGround:
    def test_it_tells_which_statements_rest_on_a_source_alone(
        self, sheet: Sheet, document: Document, steam: Document, contributor: User
    ) -> None:
        write(sheet, contributor, document, steam)
        resting = statements_resting_on(sheet, document)
        assert [one.loses_ground for one in resting] == [True, False]
        assert "90 %" in resting[0].text
        assert [one.loses_ground for one in statements_resting_on(sheet, steam)] == [False]

    def test_removing_asks_first_and_says_what_was_lost(
        self,
        client: Client,
        sheet: Sheet,
        document: Document,
        steam: Document,
        contributor: User,
    ) -> None:
        write(sheet, contributor, document, steam)
        client.force_login(contributor)
        address = f"/fiches/{sheet.slug}/sources/"
        data = {"do": "remove", "old": document.pk, "sheet": sheet.pk}
        asked = client.post(address, data).content.decode()
        assert "1 énoncé ne repose que sur cette source" in asked
        assert sheet.documents.filter(pk=document.pk).exists()
        client.post(address, data | {"sure": "1"})
        assert not sheet.documents.filter(pk=document.pk).exists()
        assert "1 énoncé ne repose sur rien d’autre" in client.get(address).content.decode()


class TestSuggestions:
    def test_sources_that_answer_the_sheet_are_suggested(
        self, sheet: Sheet, document: Document, steam: Document, contributor: User
    ) -> None:
        sheet.documents.clear()
        found = suggest_sources(sheet, contributor)
        assert {one.document for one in found} == {document, steam}
        sheet.documents.add(document)
        assert [one.document for one in suggest_sources(sheet, contributor)] == [steam]
        assert suggest_sources(sheet, contributor)[0].found > 0

    def test_neither_internal_ones_nor_replaced_ones_are_shown_to_whom_they_are_not_for(
        self, sheet: Sheet, steam: Document, contributor: User
    ) -> None:
        Document.objects.filter(pk=steam.pk).update(access="internal")
        assert suggest_sources(sheet, User.objects.create_user("sans-role")) == []
        assert [one.document for one in suggest_sources(sheet, contributor)] == [steam]
        Document.objects.exclude(pk=steam.pk).update(supersedes=steam)
        sheet.documents.clear()
        assert steam not in {one.document for one in suggest_sources(sheet, contributor)}

    def test_a_source_says_which_sheets_should_hear_of_it(
        self, client: Client, sheet: Sheet, steam: Document, contributor: User
    ) -> None:
        run_queue()
        assert queries_of(steam)[0] == steam.title
        assert [one.sheet for one in concerned_sheets(steam, contributor)] == [sheet]
        client.force_login(contributor)
        address = f"/sources/{steam.pk}/fiches/"
        assert sheet.title in client.get(address).content.decode()
        client.post(address, {"sheet": sheet.pk})
        assert sheet.documents.filter(pk=steam.pk).exists()
        assert concerned_sheets(steam, contributor) == []


class TestPage:
    def test_found_added_and_replaced(
        self,
        client: Client,
        sheet: Sheet,
        document: Document,
        steam: Document,
        contributor: User,
    ) -> None:
        client.force_login(contributor)
        address = f"/fiches/{sheet.slug}/sources/"
        assert steam.title in client.get(f"{address}?titre=vapeur").content.decode()
        assert steam.title in client.get(f"{address}?suggerer").content.decode()
        client.post(address, {"do": "replace", "old": document.pk, "document": steam.pk})
        assert list(sheet.documents.all()) == [steam]
        client.post(address, {"do": "add", "document": document.pk})
        assert set(sheet.documents.all()) == {document, steam}

    @pytest.mark.parametrize(
        "data",
        [{}, {"do": "add"}, {"do": "add", "document": "x"}, {"do": "remove", "old": "99999999"},
         {"do": "replace", "old": "1"}],
    )  # fmt: skip
    def test_what_names_no_source_changes_nothing(
        self, client: Client, sheet: Sheet, contributor: User, data: dict[str, Any]
    ) -> None:
        client.force_login(contributor)
        address = f"/fiches/{sheet.slug}/sources/"
        assert client.post(address, data).status_code == 302
        assert "Choisissez une source." in client.get(address).content.decode()
        assert sheet.documents.count() == 1
