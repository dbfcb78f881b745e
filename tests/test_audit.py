"""The audit log: what is written, its page with filters, its export, how long it is kept."""

import csv
import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from ingestion.models import Document
from sheets.models import SheetEvent
from tests.conftest import LIGHT, make_pdf
from wikico2.accounts.audit import clear_old_events, record
from wikico2.accounts.roles import EXPERT
from wikico2.models import AuditEvent, User
from wikico2.models.audit_names import NAMES_OF_ACTIONS, NAMES_OF_DETAILS

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


class TestWriting:
    def test_it_tells_who_what_and_from_where(self, client: Client, contributor: User) -> None:
        client.force_login(contributor)
        file = SimpleUploadedFile("eclairage.pdf", make_pdf(LIGHT), "application/pdf")
        client.post("/sources/ajouter/", {"uploads": file, "access": "internal"})
        event = AuditEvent.objects.get(action="source.add")
        source = Document.objects.get()
        assert (event.actor, event.channel, event.address) == (contributor, "page", "127.0.0.1")
        assert (event.kind, event.row_id, event.label) == (
            "ingestion.document", source.pk, source.title,
        )  # fmt: skip
        assert event.details == {"access": "internal"}

    def test_opening_an_internal_source_leaves_a_trace(
        self, client: Client, waiting_document: Document, contributor: User
    ) -> None:
        Document.objects.update(access="internal")
        client.force_login(contributor)
        client.post(
            f"/sources/{waiting_document.pk}/modifier/",
            {"title": waiting_document.title, "access": "open"},
        )
        event = AuditEvent.objects.get(action="source.set_access")
        assert (event.actor, event.details) == (contributor, {"old": "internal", "new": "open"})

    def test_removing_and_stopping_are_logged(
        self, client: Client, waiting_document: Document, expert: User
    ) -> None:
        client.force_login(expert)
        client.post(f"/sources/{waiting_document.pk}/arreter/")
        client.post(f"/sources/{waiting_document.pk}/retirer/")
        assert {"job.stop", "source.remove"} <= set(actions())
        assert AuditEvent.objects.get(action="source.remove").label == waiting_document.title

    def test_accounts_roles_and_sign_ins(self, client: Client, administrator: User) -> None:
        client.post("/compte/connexion/", {"username": "ada", "password": "faux"})
        client.post("/compte/connexion/", {"username": "ada@example.org", "password": "faux"})
        client.post("/compte/connexion/", {"username": "mon mot de passe", "password": "x"})
        client.post("/compte/connexion/", {"username": "ada", "password": "mot de passe"})
        failed = AuditEvent.objects.filter(action="account.sign_in_failed")
        assert sorted(failed.values_list("label", flat=True)) == ["", "ada", "ada"]
        assert AuditEvent.objects.get(action="account.sign_in").actor == administrator
        other = User.objects.create_user("paul")
        other.groups.add(Group.objects.get(name=EXPERT))
        given = AuditEvent.objects.filter(action="role.give").latest("pk")
        assert (given.label, given.details) == ("paul", {"roles": [EXPERT]})

    def test_the_administration_is_logged(self, client: Client, administrator: User) -> None:
        client.force_login(administrator)
        client.post(
            "/admin/ingestion/synonyms/add/", {"terms": "chaudière\ngénérateur", "note": ""}
        )
        event = AuditEvent.objects.get(action="admin.add")
        assert (event.actor, event.channel) == (administrator, "admin")
        assert event.details["model"] == "ingestion.synonyms"

    def test_the_program_itself_has_no_address(self) -> None:
        record("index.rebuild")
        event = AuditEvent.objects.get()
        assert (event.channel, event.address, event.actor_name) == ("program", None, "")

    def test_an_account_that_deletes_itself_leaves_its_name(self, rf: Any) -> None:
        root = User.objects.create_superuser("racine", password="x")
        client = Client()
        client.force_login(root)
        client.post(f"/admin/wikico2/user/{root.pk}/delete/", {"post": "yes"})
        assert not User.objects.filter(pk=root.pk).exists()
        assert AuditEvent.objects.get(action="account.delete").label == "racine"


class TestPage:
    @pytest.fixture(autouse=True)
    def _events(self, contributor: User, administrator: User, client: Client) -> None:
        client.force_login(administrator)
        AuditEvent.objects.all().delete()
        record("source.add", user=contributor, title="Guide")
        record("sheet.validate", administrator, administrator, version=4)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", {"source.add", "sheet.validate"}),
            ("?qui=claire", {"source.add"}),
            ("?action=sheet.", {"sheet.validate"}),
            ("?objet=ada", {"sheet.validate"}),
            ("?canal=api", set()),
            ("?au=2020-01-01", set()),
            ("?du=2020-01-01", {"source.add", "sheet.validate"}),
            ("?du=2020-13-45&au=9999-12-31", {"source.add", "sheet.validate"}),
        ],
    )
    def test_it_is_filtered_and_exported_alike(
        self, client: Client, query: str, found: set[str]
    ) -> None:
        html = client.get(f"/journal/{query}").content.decode()
        answer = client.get(f"/journal/export.csv{query}")
        exported = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        rows = list(csv.DictReader(io.StringIO(exported)))
        assert {row["action"] for row in rows} == found
        shown = {name for name in ("source.add", "sheet.validate") if f"<code>{name}<" in html}
        assert shown == found

    def test_actions_have_names_in_the_readers_language(self, client: Client) -> None:
        html = client.get("/journal/").content.decode()
        assert "source ajoutée<br>" in html
        with override("fr"):
            for kind in SheetEvent.Kind:
                name = AuditEvent(action=f"sheet.{kind}").action_name
                assert name not in (f"sheet.{kind}", NAMES_OF_ACTIONS[f"sheet.{kind}"])
        assert AuditEvent(action="plugin.thing").action_name == "plugin.thing"

    @pytest.mark.parametrize(
        ("action", "details", "shown"),
        [
            ("sheet.archive", {"before": "published"}, "état précédent\xa0: publiée"),
            ("sheet.write", {"origin": "human"}, "origine\xa0: modifiée"),
            ("source.set_access", {"old": "internal"}, "ancien\xa0: interne"),
            ("source.edit", {"fields": ["author"]}, "champs\xa0: auteur"),
            ("admin.add", {"model": "sheets.sheet"}, "type\xa0: fiche"),
            ("sheet.schedule_review", {"date": "2027-05-01"}, "date\xa0: 1 mai 2027"),
            ("sheet.assign", {"name": ""}, "nom\xa0: —"),
            ("wiki.export", {"files": False}, "avec les fichiers\xa0: non"),
            ("plugin.thing", {"lost": "gone", "model": "no.such"}, "lost\xa0: gone"),
        ],
    )
    def test_rows_and_details_are_told_in_the_readers_language(
        self,
        client: Client,
        waiting_document: Document,
        action: str,
        details: dict[str, Any],
        shown: str,
    ) -> None:
        record(action, waiting_document, **details)
        html = client.get("/journal/").content.decode()
        assert shown in html
        assert f"source {waiting_document.pk}<" in html

    def test_what_the_code_logs_has_a_name(self) -> None:
        code = "".join(
            path.read_text()
            for app in ("api", "ingestion", "sheets", "wikico2")
            for path in Path(settings.BASE_DIR, app).rglob("*.py")
        )
        calls = re.findall(r'\brecord\(\s*"([a-z_.]+)"([^\n]*)', code)
        actions = {action for action, _rest in calls}
        assert {"sheet.write", "term.rename", "queue.pause"} <= actions
        assert actions <= NAMES_OF_ACTIONS.keys()
        named = {name for _action, rest in calls for name in re.findall(r"\b(\w+)=", rest)}
        assert named - {"user"} <= NAMES_OF_DETAILS.keys()

    def test_no_cell_is_a_formula(self, client: Client) -> None:
        User.objects.create_user("x", first_name="=HYPERLINK(1)")
        answer = client.get("/journal/export.csv?action=account.add")
        exported = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        assert next(csv.DictReader(io.StringIO(exported)))["object"] == "'=HYPERLINK(1)"

    def test_only_administrators_read_it(self, client: Client, expert: User) -> None:
        client.force_login(expert)
        assert client.get("/journal/").status_code == 403
        assert client.get("/journal/export.csv").status_code == 403

    def test_the_number_of_queries_does_not_grow(
        self, client: Client, contributor: User, django_assert_max_num_queries: Any
    ) -> None:
        for _n in range(30):
            record("source.add", contributor, contributor)
        with django_assert_max_num_queries(8):
            client.get("/journal/")


def test_it_is_kept_for_a_set_time(settings: Any) -> None:
    AuditEvent.objects.create(action="old", at=timezone.now() - dt.timedelta(days=10))
    AuditEvent.objects.create(action="new")
    settings.AUDIT_DAYS = 0
    assert clear_old_events() == 0
    settings.AUDIT_DAYS = 9
    assert clear_old_events() == 1
    assert clear_old_events() == 0
    assert actions() == ["new"]
