"""The levels of statements in the list of sheets, the JSON export and the PDF."""

from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client
from django.utils.translation import override

from ingestion.models import Document
from sheets.links.localized_text import localize_text
from sheets.models import RevisionCheck, Sheet
from sheets.revisions.save import outdated_checks
from sheets.transfer.formats import to_json
from sheets.transfer.pdf import pdf_of
from tests.conftest import run_queue
from tests.sheets.test_confirm import SAID, body, sheet
from tests.sheets.test_save import write
from wikico2.models import User

pytestmark = pytest.mark.django_db

WORD_FOR_WORD = "Un échangeur à plaques récupère la chaleur des buées."

__all__ = ["sheet"]


def listed(client: Client, query: str) -> bool:
    return "Buées" in client.get(f"/fiches/?{query}").content.decode()


def levels_of(sheet: Sheet) -> dict[str, int]:
    sheet.refresh_from_db()
    return dict(RevisionCheck.objects.get(revision=sheet.current).levels)


class TestList:
    def test_finds_sheets_by_what_was_checked(
        self, sheet: Sheet, document: Document, expert: User, client: Client
    ) -> None:
        client.force_login(expert)
        assert levels_of(sheet) == {"fragile": 2}
        assert listed(client, "checked=fragile")
        assert listed(client, "checked=partly")
        assert not listed(client, "checked=verified")
        assert not listed(client, "checked=outdated")

        Sheet.objects.update(confidence=100)
        RevisionCheck.objects.update(levels={"verbatim": 2})

        assert listed(client, "checked=verified")
        assert not listed(client, "checked=fragile")

    def test_a_sheet_that_an_older_check_has_looked_at_is_to_be_checked_again(
        self, sheet: Sheet, expert: User, client: Client
    ) -> None:
        client.force_login(expert)
        RevisionCheck.objects.update(version=RevisionCheck.VERSION - 1)

        assert listed(client, "checked=outdated")
        assert not listed(client, "checked=fragile")

    def test_offers_what_occurs(self, sheet: Sheet, expert: User, client: Client) -> None:
        client.force_login(expert)
        page = client.get("/fiches/").content.decode()

        assert "Avec des énoncés fragiles" in page
        assert "checked=outdated" not in page


class TestExports:
    def test_json_has_the_level_of_each_statement(self, sheet: Sheet, document: Document) -> None:
        write(sheet, body(document, said=WORD_FOR_WORD))
        sheet.refresh_from_db()

        found = to_json(sheet)

        levels = {
            one["text"]: one["level"] for part in found["sections"] for one in part["statements"]
        }
        assert levels[WORD_FOR_WORD] == "verbatim"
        assert found["levels"] == {"verbatim": 1, "fragile": 1}

    def test_json_has_no_level_of_an_older_check(self, sheet: Sheet) -> None:
        RevisionCheck.objects.update(version=RevisionCheck.VERSION - 1)

        found = to_json(sheet)

        assert found["levels"] == {}
        assert {
            one["level"] for part in found["sections"] for one in part["statements"]
        } == {""}  # fmt: skip

    def test_pdf_says_the_levels_in_words(self, sheet: Sheet, expert: User) -> None:
        assert sheet.current
        with override("fr"):
            page = pdf_of(sheet, sheet.current, localize_text(sheet.current, expert)).page

        assert "fragile (2)" in page
        assert (
            '<li value="1" id="note-1" data-level="fragile"><span class="level">fragile</span>'
            in page
        )

    def test_pdf_says_what_is_to_be_checked_again(self, sheet: Sheet, expert: User) -> None:
        assert sheet.current
        RevisionCheck.objects.update(version=RevisionCheck.VERSION - 1)
        with override("fr"):
            page = pdf_of(sheet, sheet.current, localize_text(sheet.current, expert)).page

        assert "Énoncés :" not in page
        assert SAID in page


class TestUpgrade:
    def test_current_versions_are_checked_again(
        self, sheet: Sheet, django_capture_on_commit_callbacks: object
    ) -> None:
        run_queue()
        RevisionCheck.objects.update(version=RevisionCheck.VERSION - 1, levels={"verbatim": 9})
        assert outdated_checks().count() == 1

        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            import_module("sheets.migrations.0050_check_again").queue(apps, None)
        run_queue()

        assert not outdated_checks().exists()
        assert levels_of(sheet) == {"fragile": 2}

    def test_an_empty_wiki_queues_nothing(
        self, db: None, django_capture_on_commit_callbacks: object
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
            import_module("sheets.migrations.0050_check_again").queue(apps, None)

        assert callbacks == []
