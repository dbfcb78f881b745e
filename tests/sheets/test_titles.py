"""Titles: one sheet for each, whoever writes it; what is invisible in them; their addresses."""

import importlib
import io
import logging
import threading
import zipfile
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test import Client

from ingestion.models import Document
from sheets.forms.wiki import RenameForm
from sheets.generation.request import create_sheet
from sheets.links.rename import rename_sheet
from sheets.models import SearchedSheet, Sheet, SheetRedirect, SheetType
from sheets.models.sheet import title_key
from sheets.transfer.importer import import_wiki
from tests.sheets.test_transfer import packed
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import fold_text, visible_line

SAME = [
    "AIR COMPRIMÉ", "air comprime", " Air\u00a0 comprimé ", "Air\u200b compri\u00admé",
    "\u202eAir comprimé\u202c", "Air comprime\u0301", "Ａir comprimé",
]  # fmt: skip


@pytest.fixture
def kind(db: None) -> SheetType:
    return SheetType.objects.get(key="solution")


class TestOneTitle:
    @pytest.mark.parametrize("title", SAME)
    def test_the_database_refuses_a_second_sheet_however_written(
        self, kind: SheetType, title: str
    ) -> None:
        Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
        other = Sheet.objects.create(sheet_type=kind, title="Vapeur", slug="vapeur")

        with pytest.raises(IntegrityError), transaction.atomic():
            Sheet.objects.bulk_create([Sheet(sheet_type=kind, title=title, slug="autre")])
        with pytest.raises(IntegrityError), transaction.atomic():
            Sheet.objects.filter(pk=other.pk).update(title=title)
        with pytest.raises(UserError) as refused:
            create_sheet(kind, title, None)
        assert refused.value.code == "title_taken"
        with pytest.raises(UserError, match="title_taken"):
            rename_sheet(other, title, None)
        assert "/fiches/air/" in str(RenameForm({"title": title}, sheet=other).errors)

    @pytest.mark.parametrize("title", ["Air comprimé 2", "Œuvre & ﬁn", "L’air, ß, CO₂ — 1 %", "Ça"])
    def test_the_key_is_the_folded_title(self, kind: SheetType, title: str) -> None:
        Sheet.objects.create(sheet_type=kind, title=title, slug="a")

        assert Sheet.objects.values_list(title_key("title"), flat=True).get() == fold_text(title)
        assert Sheet.objects.titled(title.upper()).exists()

    def test_a_sheet_may_change_the_case_of_its_own_title(self, kind: SheetType) -> None:
        sheet = create_sheet(kind, "Air comprime", None)

        assert rename_sheet(sheet, "Air comprimé", None).title == "Air comprimé"

    @pytest.mark.django_db(transaction=True)
    def test_of_two_people_at_once_one_is_told(self, kind: SheetType) -> None:
        outcomes: list[str] = []
        start = threading.Barrier(4)

        def create() -> None:
            try:
                start.wait()
                outcomes.append(create_sheet(kind, "Chaleur fatale", None).slug)
            except UserError as error:
                outcomes.append(error.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["chaleur-fatale", *["title_taken"] * 3]

    def test_a_form_that_loses_the_race_says_so(
        self,
        client: Client,
        kind: SheetType,
        contributor: User,
        document: Document,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        taken = create_sheet(kind, "Air comprimé", None)
        other = create_sheet(kind, "Vapeur", None)
        monkeypatch.setattr("sheets.forms.wiki.require_free_title", lambda *given: None)
        client.force_login(contributor)
        sent = {"title": "Air Comprimé", "sheet_type": kind.pk, "documents": document.pk}
        sent["anyway"] = "1"  # the source hardly speaks of it

        for address in ("/fiches/nouvelle/", f"/fiches/{other.slug}/renommer/"):
            answer = client.post(address, sent)
            assert answer.status_code == 422
            assert taken.get_absolute_url() in answer.content.decode()
        assert Sheet.objects.count() == 2

    def test_an_import_leaves_out_the_sheet_and_says_why(
        self, kind: SheetType, administrator: User
    ) -> None:
        create_sheet(kind, "Air comprimé", None)
        archive = packed()
        Sheet.objects.all().delete()
        Sheet.objects.create(sheet_type=kind, title="AIR comprime", slug="autre")

        report = import_wiki(io.BytesIO(archive), administrator)

        assert report.created == []
        assert "fiches/air-comprime.md" in report.problems[0]
        assert "AIR comprime" in report.problems[0]

    def test_an_import_leaves_out_a_sheet_whose_title_shows_nothing(
        self, kind: SheetType, administrator: User
    ) -> None:
        create_sheet(kind, "Air comprimé", None)
        source = io.BytesIO(packed())
        Sheet.objects.all().delete()
        archive = io.BytesIO()
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(archive, "w") as new:
            for name in old.namelist():
                text = old.read(name).replace('"Air comprimé"'.encode(), b'"\\u200B"')
                new.writestr(name, text)
        archive.seek(0)

        report = import_wiki(archive, administrator)

        assert report.created == []
        assert "fiches/air-comprime.md" in report.problems[0]
        assert not Sheet.objects.exists()


class TestAdministration:
    def change(self, client: Client, sheet: Sheet, title: str) -> Any:
        sent = {
            "title": title, "sheet_type": sheet.sheet_type_id, "state": "draft", "documents": "",
        }  # fmt: skip
        return client.post(f"/admin/sheets/sheet/{sheet.pk}/change/", sent)

    def test_a_title_that_another_sheet_has_is_refused_there_too(
        self, admin_client: Client, kind: SheetType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_sheet(kind, "Air comprimé", None)
        sheet = create_sheet(kind, "Vapeur", None)

        refused = self.change(admin_client, sheet, "AIR comprimé")
        assert refused.status_code == 200
        assert "/fiches/air-comprime/" in refused.content.decode()
        assert self.change(admin_client, sheet, "\u200b\u200e\u2060").status_code == 200
        monkeypatch.setattr("sheets.forms.wiki.require_free_title", lambda *given: None)
        monkeypatch.setattr(Sheet, "validate_constraints", lambda *given, **more: None)
        raced = self.change(admin_client, sheet, "AIR comprimé")
        assert raced.status_code == 302
        assert "Air comprimé" in admin_client.get(raced["Location"]).content.decode()

    def test_a_new_title_keeps_the_old_address(self, admin_client: Client, kind: SheetType) -> None:
        sheet = create_sheet(kind, "Vapeur", None)

        assert self.change(admin_client, sheet, "Réseau de vapeur").status_code == 302

        assert admin_client.get("/fiches/vapeur/")["Location"] == "/fiches/reseau-de-vapeur/"


class TestCharacters:
    def test_invisible_and_bidirectional_ones_go(self, kind: SheetType) -> None:
        given = "\u202eAir\u2066 com\u200bpri\u00admé\ufeff\r\n à\u2028 vis\x00\u200e"

        assert visible_line(given) == "Air comprimé à vis"
        assert create_sheet(kind, given, None).title == "Air comprimé à vis"

    @pytest.mark.parametrize(
        ("title", "slug"),
        [
            ("Œuvre d’art & vœux", "oeuvre-dart-voeux"),
            ("Cæcum, ÆON", "caecum-aeon"),
            ("Eﬃcacité ﬁnale", "efficacite-finale"),
            ("Straße", "strasse"),
            ("温室", "fiche"),
        ],
    )
    def test_ligatures_stay_in_addresses(self, kind: SheetType, title: str, slug: str) -> None:
        assert create_sheet(kind, title, None).slug == slug


@pytest.mark.django_db
def test_the_migration_numbers_doubles_and_keeps_their_addresses(
    kind: SheetType, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    long = "x" * 200
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX sheet_one_title")
    for slug, title in (
        ("air", "Air"), ("air-b", "AIR"), ("air-c", "air"), ("air-d", "Air (2)"), ("long", long),
        ("long-b", long), ("seul", "Seul"),
    ):  # fmt: skip
        Sheet.objects.create(sheet_type=kind, title=title, slug=slug)
    Sheet.objects.filter(slug="air-c").update(state="published")
    migration = importlib.import_module("sheets.migrations.0028_rename_double_titles")

    with caplog.at_level(logging.WARNING, "sheets"), connection.schema_editor() as editor:
        migration.rename_doubles(apps, editor)

    titles = dict(Sheet.objects.values_list("slug", "title"))
    assert titles == {
        "air": "Air (3)", "air-b": "AIR (4)", "air-c": "air", "air-d": "Air (2)", "long": long,
        "long-b": f"{'x' * 196} (2)", "seul": "Seul",
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "CREATE UNIQUE INDEX sheet_one_title ON sheets_sheet (wikico2_title_key(title))"
        )
    assert sorted(SheetRedirect.objects.values_list("sheet__slug", "title")) == [
        ("air", "Air"), ("air-b", "AIR"), ("long-b", long),
    ]  # fmt: skip
    assert SearchedSheet.objects.get(sheet__slug="air-b").folded == "air (4)"
    assert admin_client.get("/fiches/air-b/").status_code == 200
    assert len(caplog.messages) == 3
    listed = admin_client.get("/admin/sheets/sheet/").content.decode()
    assert "AIR (4), Air (3)" in listed
