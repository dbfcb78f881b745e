"""The administration by role: its groups, that each page opens, and what it can do to rows."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from ingestion.models import Document
from ingestion.pipeline.edit_details import merge_documents
from ingestion.pipeline.run import accept_upload
from sheets.generation.request import request_sheet
from sheets.models import Field, Prompt, Section, Sheet, SheetType
from sheets.models.schema_loader import load_template
from tests.conftest import LIGHT, make_pdf, run_queue, upload
from wikico2.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(document: Document) -> Sheet:
    return request_sheet(SheetType.objects.get(key="solution"), "Air", [document], None)


@pytest.fixture
def ada(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


class TestPages:
    def test_an_administrator_signs_in_there_and_others_do_not_enter(
        self, client: Client, administrator: User, contributor: User
    ) -> None:
        front = reverse("admin:index")
        sent = {"password": "mot de passe", "next": front}
        address = reverse("admin:login")
        client.post(address, {**sent, "username": contributor.username})
        assert client.get(front).status_code == 302
        client.logout()
        signed_in = client.post(address, {**sent, "username": administrator.email})
        assert (signed_in.status_code, signed_in.headers["Location"]) == (302, front)
        assert not administrator.is_staff
        assert client.get(front).status_code == 200

    def test_the_front_page_groups_lists_by_what_people_come_for(self, ada: Client) -> None:
        response = ada.get(reverse("admin:index"))
        groups = {
            str(g["name"]): [m["object_name"] for m in g["models"]] for g in groups_of(response)
        }
        assert list(groups) == [
            "Contenu", "Modèles de fiche", "Vocabulaire", "Personnes", "Suivi",
        ]  # fmt: skip
        assert groups["Contenu"] == ["Document", "Sheet"]
        assert groups["Modèles de fiche"] == ["Prompt", "SheetType"]
        listed = {name for names in groups.values() for name in names}
        assert not listed & {"Vector", "Chunk", "Page", "OrmQ", "Schedule", "Section", "Field"}
        assert "Utilisateurs et permissions" not in response.content.decode()

    @pytest.mark.parametrize("role", ["administrator", "superuser"])
    def test_every_page_opens(
        self, sheet: Sheet, client: Client, administrator: User, role: str
    ) -> None:
        run_queue()
        root = User.objects.create_superuser("racine", password="x")
        user = root if role == "superuser" else administrator
        client.force_login(user)
        opened = 0
        for model, options in admin.site._registry.items():
            place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            addresses = [reverse(f"{place}_changelist")]
            if row := model._default_manager.first():
                addresses.append(reverse(f"{place}_change", args=[row.pk]))
            if role == "superuser" or options.has_add_permission(Asked(user)):  # type: ignore[arg-type]
                addresses.append(reverse(f"{place}_add"))
            listed = role == "superuser" or options.has_view_permission(Asked(user))  # type: ignore[arg-type]
            for address in addresses if listed else []:
                status = client.get(address).status_code
                refused = address.endswith("/add/") and not options.has_add_permission(Asked(user))  # type: ignore[arg-type]
                assert status == (403 if refused else 200), address
                opened += 1
        assert opened > (25 if role == "administrator" else 30)

    def test_what_an_administrator_needs_is_theirs(self, ada: Client, administrator: User) -> None:
        asked: Any = Asked(administrator)
        for model in (SheetType, Section, Field, Sheet, Document):
            assert admin.site._registry[model].has_change_permission(asked), model
        assert admin.site._registry[Prompt].has_add_permission(asked)

    def test_others_do_not_enter(self, client: Client, expert: User) -> None:
        client.force_login(expert)
        assert client.get(reverse("admin:index")).status_code == 302

    def test_every_name_shown_is_a_translated_one(self, sheet: Sheet) -> None:
        root = Asked(User(is_superuser=True, is_active=True))
        found = []
        for model, options in admin.site._registry.items():
            if model._meta.app_label not in ("sheets", "ingestion", "wikico2"):
                continue
            row = model._default_manager.first() or model()
            sets = options.get_fieldsets(root, row)  # type: ignore[arg-type]
            shown = [*options.list_display, *options.list_filter, *flatten_fieldsets(sets)]
            known = {field.name: field for field in model._meta.get_fields()}
            for name in map(str, shown):
                field = known.get(name.partition("__")[0])
                if field is not None and type(getattr(field, "verbose_name", None)) is str:
                    found.append(f"{model.__name__}.{name}")
            assert type(model._meta.verbose_name) is not str, model
        assert set(found) <= {"Vector.content_hash", "Vector.model", "Vector.created_at"}

    def test_an_app_of_the_code_is_no_place(self, ada: Client) -> None:
        response = ada.get("/admin/sheets/")
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


class Asked:
    """A request as far as the permissions of the administration look at it."""

    def __init__(self, user: User) -> None:
        self.user = user


def groups_of(response: Any) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = response.context["app_list"]
    return groups


class TestSheets:
    def test_a_title_goes_through_the_renaming_of_the_site(self, ada: Client, sheet: Sheet) -> None:
        address = reverse("admin:sheets_sheet_change", args=[sheet.pk])
        ada.post(address, {"sheet_type": sheet.sheet_type_id, "title": "Air comprimé"})
        renamed = Sheet.objects.get(pk=sheet.pk)
        assert (renamed.title, renamed.slug) == ("Air comprimé", "air-comprime")
        assert renamed.redirects.get().title == "Air"
        assert list(renamed.documents.all()) == list(sheet.documents.all())

    def test_its_state_is_changed_on_the_site_alone(self, ada: Client, sheet: Sheet) -> None:
        address = reverse("admin:sheets_sheet_change", args=[sheet.pk])
        page = ada.get(address).content.decode()
        assert reverse("sheet_state", args=[sheet.slug]) in page
        values = {"sheet_type": sheet.sheet_type_id, "title": "Air", "state": "validated"}
        ada.post(address, values)
        assert Sheet.objects.get(pk=sheet.pk).state == Sheet.State.DRAFT

    def test_a_deleted_one_can_be_brought_back(self, client: Client, sheet: Sheet) -> None:
        client.force_login(User.objects.create_superuser("racine", password="x"))
        client.post(reverse("admin:sheets_sheet_delete", args=[sheet.pk]), {"post": "yes"})
        assert Sheet.all_sheets.get(pk=sheet.pk).deleted_at is not None
        assert not Sheet.objects.filter(pk=sheet.pk).exists()


class TestTypes:
    def test_one_page_shows_sections_and_fields_in_order(self, ada: Client) -> None:
        kind = SheetType.objects.get(key="solution")
        page = ada.get(reverse("admin:sheets_sheettype_change", args=[kind.pk])).content.decode()
        at = [page.index(f'id="section-{s.pk}"') for s in kind.sections.order_by("order")]
        assert at == sorted(at)
        assert "Quelles économies d’énergie" in page
        assert page.count("<textarea") == 2

    def test_a_section_and_a_field_move(self, ada: Client) -> None:
        kind = SheetType.objects.get(key="solution")
        first, second = kind.sections.order_by("order")[:2]
        address = reverse("admin:sheets_sheettype_order", args=[kind.pk])
        ada.post(address, {"move": f"section:{first.pk}:down"})
        assert list(kind.sections.order_by("order")[:2]) == [second, first]
        one, other = Field.objects.filter(section__key="impacts").order_by("order")[:2]
        ada.post(address, {"move": f"field:{other.pk}:up"})
        assert list(Field.objects.filter(section__key="impacts").order_by("order")[:2]) == [
            other,
            one,
        ]
        before = list(kind.sections.order_by("order"))
        for refused in (f"section:{second.pk}:up", "field:0:up", "x", f"section:{'9' * 40}:up"):
            assert ada.post(address, {"move": refused}).status_code == 302
        assert list(kind.sections.order_by("order")) == before

    def test_a_new_field_comes_last_and_is_read_by_lines(self, ada: Client) -> None:
        section = Section.objects.get(key="impacts", sheet_type__key="solution")
        values = {
            "section": section.pk, "heading_fr": "Bruit", "heading_en": "Noise", "key": "bruit",
            "question": "Quel bruit ?", "instruction": "", "shape": "table",
            "columns": "Source\nNiveau", "columns_en": "Origin", "choices": "",
        }  # fmt: skip
        response = ada.post(reverse("admin:sheets_field_add"), values)
        assert response.status_code == 302
        field = section.fields.order_by("order").last()
        assert field is not None
        assert (field.key, field.columns, field.columns_en) == (
            "bruit",
            ["Source", "Niveau"],
            ["Origin"],
        )
        assert any(
            f.key == "bruit" for f in load_template(section.sheet_type).section("impacts").fields
        )

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [({"columns": ""}, "colonnes"), ({"columns_en": "a\nb\nc"}, "colonnes anglaises")],
    )
    def test_a_wrong_table_is_told(self, ada: Client, wrong: dict[str, str], said: str) -> None:
        section = Section.objects.get(key="impacts", sheet_type__key="solution")
        values = {
            "section": section.pk, "heading_fr": "Bruit", "key": "bruit", "question": "Lequel ?",
            "shape": "table", "columns": "Source\nNiveau",
        }  # fmt: skip
        page = ada.post(reverse("admin:sheets_field_add"), {**values, **wrong}).content.decode()
        assert said in page
        assert not section.fields.filter(key="bruit").exists()

    def test_two_headings_that_read_alike_are_refused(self, ada: Client) -> None:
        kind = SheetType.objects.get(key="solution")
        values = {
            "sheet_type": kind.pk,
            "heading_fr": "2. IMPACTS attendus",
            "role": "body",
            "key": "x",
        }
        page = ada.post(reverse("admin:sheets_section_add"), values).content.decode()
        assert "Impacts attendus" in page
        assert not kind.sections.filter(key="x").exists()

    def test_an_empty_sheet_is_shown(self, ada: Client) -> None:
        kind = SheetType.objects.get(key="secteur")
        page = ada.get(reverse("admin:sheets_sheettype_empty", args=[kind.pk])).content.decode()
        assert "Sous-secteurs" in page
        assert "Enjeux &amp; priorités climatiques" in page

    def test_a_section_is_tried_and_nothing_is_saved(self, ada: Client, sheet: Sheet) -> None:
        address = reverse("admin:sheets_sheettype_trial", args=[sheet.sheet_type_id])
        assert ada.get(address, {"section": "impacts"}).status_code == 200
        answer = ada.post(address, {"sheet": sheet.pk, "section": "fonctionnement", "ask": "1"})
        assert "«\xa0Fonctionnement\xa0»" in answer.content.decode()
        assert not sheet.revisions.exists()


class TestPrompts:
    def test_versions_are_compared_and_restored(self, ada: Client, administrator: User) -> None:
        first = Prompt.objects.current()
        texts = {"request": first.request, "repair": first.repair}
        second = Prompt.objects.create(system="Soyez bref et exact.", **texts)
        third = Prompt.objects.create(system="Soyez bref et prudent.", **texts)
        page = ada.get(reverse("admin:sheets_prompt_change", args=[third.pk])).content.decode()
        assert "<del>" in page
        assert "prudent" in page.partition("<ins>")[2].partition("</ins>")[0]
        page = ada.get(
            reverse("admin:sheets_prompt_change", args=[third.pk]), {"with": first.version}
        ).content.decode()
        assert escape(first.system[:60]) in page

        ada.post(reverse("admin:sheets_prompt_restore", args=[second.pk]))
        now = Prompt.objects.current()
        assert (now.version, now.system, now.author) == (
            third.version + 1,
            second.system,
            administrator,
        )
        ada.post(reverse("admin:sheets_prompt_restore", args=[now.pk]))
        assert Prompt.objects.current() == now

    def test_a_new_one_may_begin_with_an_old_one(self, ada: Client) -> None:
        first = Prompt.objects.current()
        texts = {"request": first.request, "repair": first.repair}
        Prompt.objects.create(system="Autre.", **texts)
        page = ada.get(reverse("admin:sheets_prompt_add"), {"from": first.version}).content.decode()
        assert escape(first.system[:60]) in page


class TestSources:
    def test_a_source_is_read_anew(self, ada: Client, document: Document) -> None:
        address = reverse("admin:ingestion_document_changelist")
        ada.post(address, {"action": "reread", "_selected_action": [document.pk]})
        document.refresh_from_db()
        assert document.reader_version == 0
        run_queue()
        document.refresh_from_db()
        assert document.reader_version > 0

    def test_two_that_are_one_are_merged(
        self, ada: Client, document: Document, contributor: User, sheet: Sheet
    ) -> None:
        other = accept_upload(upload(make_pdf(LIGHT), "copie.pdf"), contributor)
        Document.objects.filter(pk=other.pk).update(licence="Licence Ouverte")
        run_queue()
        address = reverse("admin:ingestion_document_changelist")
        chosen = {"action": "merge", "_selected_action": [document.pk, other.pk]}
        other.refresh_from_db()
        assert other.title in ada.post(address, chosen).content.decode()
        document.refresh_from_db()
        assert document.supersedes_id is None
        ada.post(address, {**chosen, "kept": document.pk})
        now = Document.objects.get(pk=document.pk)
        assert (now.supersedes_id, now.licence) == (other.pk, "Licence Ouverte")

    def test_a_merge_never_makes_a_ring(self, document: Document, contributor: User) -> None:
        a, b, c = (
            document,
            *(
                accept_upload(upload(make_pdf((f"Texte {n}.",)), f"{n}.pdf"), contributor)
                for n in "bc"
            ),
        )
        assert merge_documents(a, [b, c, b]) == [b, c]
        for one in (a, b, c):
            one.refresh_from_db()
        assert (a.supersedes_id, b.supersedes_id, c.supersedes_id) == (b.pk, c.pk, None)
        assert merge_documents(c, [a, b]) == []
