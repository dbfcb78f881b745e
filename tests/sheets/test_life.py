"""The life of a sheet: states, validation of a version, review, deleting, what is public."""

import datetime as dt
import io
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from sheets.actions import states
from sheets.discussions.threads import begin_discussion
from sheets.merge import Version
from sheets.models import Revision, SearchedSheet, Sheet, SheetEvent, SheetType
from sheets.proposals.suggestions import create_suggestion
from sheets.revisions.edit import save_edit
from sheets.search.service import search_wiki
from sheets.transfer.exporter import export_wiki
from sheets.transfer.importer import import_wiki
from tests.conftest import run_queue
from wikico2.errors import UserError
from wikico2.models import AuditEvent, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    made = Sheet.objects.create(
        sheet_type=kind, title="Chaleur des compresseurs", slug="chaleur", created_by=contributor
    )
    write(made, contributor, "La chaleur est récupérée.")
    return made


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("racine", password="x")


def write(sheet: Sheet, user: User, text: str) -> Revision:
    body = f"## 🎯 Résumé (10 secondes)\n\n{text}\n"
    save_edit(sheet, user, base=sheet.current, text=Version(body))
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current


def kinds(sheet: Sheet) -> list[str]:
    return list(sheet.events.order_by("pk").values_list("kind", flat=True))


class TestStates:
    def test_from_draft_to_the_archive_and_back(
        self, sheet: Sheet, contributor: User, expert: User, administrator: User
    ) -> None:
        states.submit_sheet(sheet, contributor, "Prête")
        assert sheet.state == "review"
        states.validate_sheet(sheet, expert, version=1)
        assert (sheet.state, sheet.validated_by, sheet.is_validated) == ("validated", expert, True)
        states.publish_sheet(sheet, administrator)
        states.archive_sheet(sheet, administrator)
        assert not Sheet.objects.listed_for(administrator).filter(pk=sheet.pk).exists()
        states.restore_sheet(sheet, administrator)
        sheet.refresh_from_db()
        assert (sheet.state, sheet.validated_revision_id) == ("published", sheet.current_id)
        assert kinds(sheet) == ["submit", "validate", "publish", "archive", "restore"]

    def test_each_step_is_logged_with_who_did_it(self, sheet: Sheet, expert: User) -> None:
        states.validate_sheet(sheet, expert, version=1)
        event = AuditEvent.objects.about(sheet).exclude(action="sheet.write").get()
        assert (event.action, event.actor, event.details) == (
            "sheet.validate", expert, {"version": 1},
        )  # fmt: skip
        assert event.label == sheet.title

    def test_a_change_leaves_the_validation_with_its_version(
        self, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        states.validate_sheet(sheet, expert, version=1)
        write(sheet, contributor, "Une valeur inventée : 99 %.")
        assert sheet.is_changed_since_validation
        assert list(Sheet.objects.awaiting_validation()) == [sheet]
        with pytest.raises(UserError, match="1"):
            states.validate_sheet(sheet, expert, version=1)
        states.validate_sheet(sheet, expert, version=2)
        assert sheet.is_validated
        assert not Sheet.objects.awaiting_validation().exists()

    def test_changes_are_requested_with_a_comment(self, sheet: Sheet, expert: User) -> None:
        states.submit_sheet(sheet, expert)
        with pytest.raises(UserError):
            states.request_changes(sheet, expert, "  ")
        states.request_changes(sheet, expert, "Citer la source du gain")
        sheet.refresh_from_db()
        assert sheet.state == "draft"
        event = sheet.events.get(kind="request_changes")
        assert (event.comment, event.revision) == ("Citer la source du gain", sheet.current)

    def test_every_change_of_state_keeps_its_comment(
        self, client: Client, sheet: Sheet, administrator: User
    ) -> None:
        client.force_login(administrator)
        for action in ("submit", "validate", "publish", "archive", "restore"):
            given = {"do": action, "comment": f"Dit : {action}", "sheet": sheet.pk, "version": 1}
            client.post(f"{sheet.get_absolute_url()}etat/", given)
            assert sheet.events.get(kind=action).comment == f"Dit : {action}"

    def test_a_published_sheet_stays_published_while_changes_are_requested(
        self, sheet: Sheet, administrator: User
    ) -> None:
        states.publish_sheet(sheet, administrator)
        states.request_changes(sheet, administrator, "À jour ?")
        sheet.refresh_from_db()
        assert sheet.state == "published"

    def test_a_state_that_does_not_allow_it_changes_nothing(
        self, sheet: Sheet, administrator: User
    ) -> None:
        with pytest.raises(UserError):
            states.restore_sheet(sheet, administrator)
        states.validate_sheet(sheet, administrator, version=1)
        with pytest.raises(UserError):
            states.validate_sheet(sheet, administrator, version=1)
        assert kinds(sheet) == ["validate"]

    def test_a_sheet_without_text_is_neither_submitted_nor_published(
        self, administrator: User
    ) -> None:
        kind = SheetType.objects.get(key="solution")
        empty = Sheet.objects.create(sheet_type=kind, title="Vide", slug="vide")
        for action in (states.submit_sheet, states.publish_sheet):
            with pytest.raises(UserError):
                action(empty, administrator)
        assert states.possible_actions(empty) == ["archive", "delete"]

    def test_the_actions_ask_the_table(self, sheet: Sheet, contributor: User) -> None:
        refused: list[Any] = [
            lambda: states.validate_sheet(sheet, contributor, version=1),
            lambda: states.publish_sheet(sheet, contributor),
            lambda: states.delete_sheet(sheet, contributor),
        ]
        for action in refused:
            with pytest.raises(PermissionDenied):
                action()
        assert kinds(sheet) == []


class TestReview:
    def test_a_validation_sets_the_next_review(self, sheet: Sheet, expert: User) -> None:
        states.validate_sheet(sheet, expert, version=1)
        assert sheet.review_on == states.add_months(timezone.localdate(), 12)

    @pytest.mark.parametrize(
        ("day", "months", "then"),
        [
            ("2026-01-31", 1, "2026-02-28"),
            ("2027-12-15", 12, "2028-12-15"),
            ("2028-02-29", 12, "2029-02-28"),
            ("2026-11-30", 1, "2026-12-30"),
        ],
    )
    def test_months_end_where_they_end(self, day: str, months: int, then: str) -> None:
        start = dt.date.fromisoformat(day)
        assert states.add_months(start, months) == dt.date.fromisoformat(then)

    def test_what_is_due_is_listed(
        self, client: Client, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        states.schedule_review(sheet, expert, dt.date(2020, 5, 4))
        states.assign_sheet(sheet, expert, contributor)
        client.force_login(contributor)
        page = client.get("/fiches/echeances/?les=miennes").content.decode()
        assert sheet.title in page
        assert "4 mai 2020" in page
        client.force_login(expert)
        assert sheet.title not in client.get("/fiches/echeances/?les=miennes").content.decode()

    def test_the_owner_of_a_sheet_hands_it_over(
        self, sheet: Sheet, contributor: User, expert: User
    ) -> None:
        states.assign_sheet(sheet, contributor, expert)  # she created it
        Sheet.objects.filter(pk=sheet.pk).update(created_by=None)
        sheet.refresh_from_db()
        with pytest.raises(PermissionDenied):
            states.assign_sheet(sheet, contributor, contributor)


class TestDeleting:
    def test_it_names_what_goes_and_can_be_undone(
        self, client: Client, sheet: Sheet, root: User
    ) -> None:
        client.force_login(root)
        begin_discussion(sheet, root, "À revoir.")
        page = client.get("/fiches/chaleur/supprimer/").content.decode()
        assert "1 version de son texte" in page
        assert "1 discussion" in page
        client.get("/fiches/chaleur/")  # into the cache
        client.post("/fiches/chaleur/supprimer/", {"sheet": sheet.pk})
        assert client.get("/fiches/chaleur/").status_code == 404
        assert not SearchedSheet.objects.filter(sheet=sheet).exists()
        assert sheet.title in client.get("/fiches/supprimees/").content.decode()
        client.post(f"/fiches/supprimees/{sheet.pk}/retablir/")
        assert client.get("/fiches/chaleur/").status_code == 200
        assert SearchedSheet.objects.filter(sheet=sheet).exists()
        assert kinds(sheet) == ["delete", "undelete"]

    def test_its_title_is_free_meanwhile(self, sheet: Sheet, root: User) -> None:
        states.delete_sheet(sheet, root)
        kind = SheetType.objects.get(key="solution")
        Sheet.objects.create(sheet_type=kind, title=sheet.title, slug="autre")
        with pytest.raises(UserError):
            states.undelete_sheet(sheet, root)

    def test_an_archive_does_not_bring_it_back(
        self, sheet: Sheet, root: User, administrator: User
    ) -> None:
        archive = io.BytesIO()
        export_wiki(archive)
        states.delete_sheet(sheet, root)
        archive.seek(0)
        report = import_wiki(archive, administrator)
        assert (report.created, len(report.problems)) == ([], 1)
        assert "a été supprimée ici" in str(report.problems[0])

    def test_it_goes_for_good_after_its_time(self, sheet: Sheet, root: User, settings: Any) -> None:
        states.delete_sheet(sheet, root)
        assert states.purge_deleted_sheets() == 0
        old = timezone.now() - dt.timedelta(days=settings.DELETED_DAYS, minutes=1)
        Sheet.all_sheets.filter(pk=sheet.pk).update(deleted_at=old)
        assert states.purge_deleted_sheets() == 1
        assert states.purge_deleted_sheets() == 0
        assert not Sheet.all_sheets.exists()
        assert AuditEvent.objects.filter(action="sheet.delete", label=sheet.title).exists()


class TestPages:
    def test_a_changed_sheet_says_which_version_was_validated(
        self, client: Client, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        states.validate_sheet(sheet, expert, version=1)
        write(sheet, contributor, "Une valeur inventée : 99 %.")
        page = client.get("/fiches/chaleur/").content.decode()
        assert "Validée en version 1, modifiée depuis." in page
        assert 'href="/fiches/chaleur/diff/1/2/"' in page

    def test_validating_an_older_version_than_the_current_one_is_told(
        self, client: Client, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        write(sheet, contributor, "Deuxième version.")
        client.force_login(expert)
        data = {"do": "validate", "version": "1", "sheet": sheet.pk}
        answer = client.post("/fiches/chaleur/etat/", data)
        assert answer.status_code == 422
        assert "La version 1 n’est plus la version actuelle" in answer.content.decode()

    def test_a_comment_is_kept_when_it_is_refused(
        self, client: Client, sheet: Sheet, expert: User
    ) -> None:
        states.submit_sheet(sheet, expert)
        client.force_login(expert)
        data = {"do": "request_changes", "comment": "x" * 2_001, "sheet": sheet.pk}
        answer = client.post("/fiches/chaleur/etat/", data)
        assert answer.status_code == 422
        assert "x" * 2_001 in answer.content.decode()

    def test_a_comment_is_given_back_when_the_session_has_ended(
        self, client: Client, sheet: Sheet
    ) -> None:
        data = {"do": "submit", "comment": "Le gain est de 5 %.", "sheet": sheet.pk}
        answer = client.post("/fiches/chaleur/etat/", data)
        assert "Le gain est de 5 %." in answer.content.decode()

    def test_who_may_not_is_refused(self, client: Client, sheet: Sheet, contributor: User) -> None:
        data = {"do": "validate", "version": "1"}
        assert client.post("/fiches/chaleur/etat/", data).status_code in (302, 401)
        client.force_login(contributor)
        assert client.post("/fiches/chaleur/etat/", data).status_code == 403
        assert client.post("/fiches/chaleur/etat/", {"do": "n'importe"}).status_code == 403

    def test_events_stand_in_activity_feed_and_history(
        self, client: Client, sheet: Sheet, expert: User
    ) -> None:
        states.submit_sheet(sheet, expert, "secret de membres")
        for address in ("/activite/", "/activite/flux.atom", "/fiches/chaleur/historique/"):
            page = client.get(address).content.decode()
            assert "oumise à validation" in page, address
            assert "secret de membres" not in page, address
        client.force_login(expert)
        assert "secret de membres" in client.get("/fiches/chaleur/historique/").content.decode()

    def test_automatic_changes_alone_leave_events_out(
        self, client: Client, sheet: Sheet, expert: User
    ) -> None:
        states.submit_sheet(sheet, expert)
        assert "oumise à validation" not in client.get("/activite/?par=machine").content.decode()


class TestPublicVersion:
    @pytest.fixture(autouse=True)
    def _changed(self, sheet: Sheet, expert: User, contributor: User, settings: Any) -> None:
        settings.SHOW_UNVALIDATED = False
        states.validate_sheet(sheet, expert, version=1)
        write(sheet, contributor, "Une valeur inventée : 99 %.")

    @pytest.mark.parametrize(
        "address",
        ["", "export.md", "historique/", "enonces/", "proposer/", "versions/2/", "diff/1/2/"],
    )
    def test_the_public_reads_the_validated_one(self, client: Client, address: str) -> None:
        answer = client.get(f"/fiches/chaleur/{address}")
        assert "inventée" not in answer.content.decode()
        assert address == "versions/2/" or "/versions/2/" not in answer.content.decode()

    def test_proposals_show_the_current_text_and_are_for_members(
        self, client: Client, sheet: Sheet, reader: User
    ) -> None:
        assert sheet.current is not None
        made = create_suggestion(
            sheet, base=sheet.current, text=Version("## Autre\n\nC.\n"), sender="user 1"
        )
        address = f"/fiches/chaleur/propositions/{made.pk}/"
        assert client.get(address).status_code == 302
        client.force_login(reader)
        assert client.get(address).status_code == 200

    def test_it_is_the_same_in_lists_search_and_activity(self, client: Client) -> None:
        run_queue()
        lists = ("/", "/fiches/", "/fiches/?q=chaleur")
        for address in (*lists, "/recherche/?q=chaleur", "/activite/", "/activite/flux.atom"):
            page = client.get(address).content.decode()
            assert "inventée" not in page
            assert "/versions/2/" not in page

    @pytest.mark.parametrize(
        ("query", "public", "members"),
        [
            ("q=récupérée", True, False),
            ("q=compresseurs+récupérée", True, False),
            ("q=inventée", False, True),
            ("category=Inventée", False, True),
        ],
    )
    def test_the_list_finds_it_by_what_one_may_read(
        self, client: Client, contributor: User, query: str, public: bool, members: bool
    ) -> None:
        run_queue()
        SearchedSheet.objects.update(category_name="Inventée")
        for address in ("/fiches/", "/v1/sheets"):
            assert ("fiches/chaleur" in client.get(f"{address}?{query}").content.decode()) is public
        assert "Inventée" not in client.get("/fiches/").content.decode()
        client.force_login(contributor)
        for address in ("/fiches/", "/v1/sheets"):
            page = client.get(f"{address}?{query}").content.decode()
            assert ("fiches/chaleur" in page) is members

    @pytest.mark.parametrize(
        ("query", "public", "members"),
        [
            ("inventée", "", "words"),
            ("récupérée", "words", ""),
            ("compresseurs récupérée", "words", "some"),
            ("compresseurs inventée", "some", "words"),
            ('"chaleur est récupérée"', "words", ""),
            ('"récupérée chaleur"', "", ""),
            ("compresseurs -inventée", "words", ""),
            ("compresseurs -récupérée", "", "words"),
            ("type:solution", "words", "words"),
            ("type:solution -récupérée", "", "words"),
        ],
    )
    def test_search_finds_it_by_what_one_may_read(
        self, contributor: User, query: str, public: str, members: str
    ) -> None:
        run_queue()
        for user, wanted in ((AnonymousUser(), public), (contributor, members)):
            found = search_wiki(query, user=user, dense=False)
            reasons = [
                "words" if h.why.words else "some" if h.why.some else "?" for h in found.hits
            ]
            assert reasons == [wanted] * bool(wanted), user
            assert found.total == len(reasons)
            if user.is_anonymous:
                assert "inventée" not in str([hit.snippet for hit in found.hits])

    def test_members_read_the_current_one(self, client: Client, contributor: User) -> None:
        client.force_login(contributor)
        assert "inventée" in client.get("/fiches/chaleur/").content.decode()


def test_an_event_never_changes_the_log(sheet: Sheet, expert: User) -> None:
    states.submit_sheet(sheet, expert)
    event = AuditEvent.objects.about(sheet).exclude(action="sheet.write").get()
    expert.delete()  # only who it was may be forgotten
    event.refresh_from_db()
    assert (event.actor, event.actor_name) == (None, "emile")
    assert SheetEvent.objects.get(sheet=sheet).actor is None
    event.action = "autre"
    with pytest.raises(Exception, match="never changes"):
        event.save()


class TestMigrations:
    def test_validations_that_nobody_gave_here_are_taken_back(
        self, sheet: Sheet, expert: User, administrator: User
    ) -> None:
        imported = User.objects.create(username="importé : Zoé", is_active=False)
        kind = SheetType.objects.get(key="solution")
        by_hand = Sheet.objects.create(sheet_type=kind, title="Main", slug="main")
        shown = Sheet.objects.create(sheet_type=kind, title="Vue", slug="vue", state="published")
        Sheet.objects.filter(pk=by_hand.pk).update(state="validated")
        Sheet.objects.filter(pk=sheet.pk).update(
            state="validated", validated_by=imported, validated_at=timezone.now(),
            validated_revision=sheet.current,
        )  # fmt: skip
        take_back = import_module("sheets.migrations.0037_validations_belong_to_versions").take_back
        for _again in range(2):
            take_back(apps, None)
        states_now = dict(Sheet.objects.values_list("slug", "state"))
        assert states_now == {"chaleur": "review", "main": "review", "vue": "published"}
        assert not Sheet.objects.filter(validated_revision__isnull=False).exists()
        assert kinds(by_hand) == ["withdraw"]
        assert kinds(sheet) == ["imported_validation", "withdraw"]
        assert kinds(shown) == []
        event = sheet.events.get(kind="imported_validation")
        assert (event.details["name"], event.details["version"]) == ("Zoé", 1)
        page = Client().get("/fiches/chaleur/").content.decode()
        assert "Validée par Zoé dans le wiki d’où elle a été importée" in page
        assert "aucune validation d’une version" in Client().get("/activite/").content.decode()

    def test_accounts_without_a_group_become_readers_once(self, contributor: User) -> None:
        bare = User.objects.create_user("sana")
        gone = User.objects.create_user("partie", is_active=False)
        give_role = import_module("sheets.migrations.0035_accounts_become_readers").give_role
        for _again in range(2):
            give_role(apps, None)
        assert [group.name for group in bare.groups.all()] == ["Lecteur"]
        assert not gone.groups.exists()
        assert contributor.groups.count() == 1
