"""What people are told: in the bar, by e-mail at once, or in the digest."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from ingestion.models import Document
from ingestion.signals import document_settled
from sheets import tasks
from sheets.actions import states
from sheets.merge import Version
from sheets.models import Digest, Proposal, Revision, Sheet, SheetType, Watch
from sheets.notifications import digest
from sheets.notifications.notices import tell_of_due_reviews
from sheets.proposals.review import accept_proposal, reject_proposal
from sheets.proposals.suggestions import create_suggestion
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.models import Notification, User
from wikico2.notifications import clear_old_notifications, notify

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(db: None, expert: User) -> Sheet:
    sheet = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Froid", slug="froid"
    )
    change(sheet, expert, "## Un\n\nA\n")
    return sheet


def change(sheet: Sheet, user: User, body: str, **values: str) -> Revision:
    sheet.refresh_from_db()
    return save_revision(
        sheet, base=sheet.current, body=body, metadata=values, origin="human", author=user
    )


def propose(sheet: Sheet, author: User | None, body: str = "## Un\n\nB\n") -> Proposal:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return create_suggestion(
        sheet, base=sheet.current, text=Version(body), sender="x", author=author
    )


def kinds(user: User) -> list[str]:
    return [row.kind for row in Notification.objects.unseen().filter(user=user)]


class TestWhat:
    def test_a_proposal_waits_for_experts_until_it_is_decided(
        self, sheet: Sheet, contributor: User, expert: User, administrator: User
    ) -> None:
        first, _second = propose(sheet, contributor), propose(sheet, contributor, "## Un\n\nC\n")
        assert kinds(expert) == kinds(administrator) == ["waiting"]
        assert kinds(contributor) == []
        reject_proposal(first, expert, "Non.")
        assert kinds(expert) == ["waiting"]
        reject_proposal(Proposal.objects.waiting().get(), expert, "Non plus.")
        assert kinds(expert) == kinds(administrator) == []

    def test_a_decision_reaches_its_author(
        self, sheet: Sheet, contributor: User, expert: User
    ) -> None:
        accept_proposal(propose(sheet, contributor), expert, onto=1, choices={})
        reject_proposal(propose(sheet, contributor, "## Un\n\nZ\n"), expert, "Sans source.")
        assert sorted(kinds(contributor)) == ["accepted", "refused"]
        refused = Notification.objects.get(kind="refused")
        assert ("Froid" in refused.sentence, refused.quote) == (True, "Sans source.")
        accept_proposal(propose(sheet, expert, "## Un\n\nY\n"), expert, onto=2, choices={})
        assert "accepted" not in kinds(expert)

    def test_a_change_of_what_one_watches_is_told_once_while_unseen(
        self, sheet: Sheet, contributor: User, expert: User
    ) -> None:
        Watch.objects.create(user=expert, sheet=sheet)
        Watch.objects.create(user=contributor, category="Froid")
        change(sheet, expert, "## Un\n\nB\n")
        assert kinds(expert) == []
        for body in ("C", "D"):
            change(sheet, contributor, f"## Un\n\n{body}\n", categorie="Froid")
        assert kinds(expert) == ["followed"]
        assert Notification.objects.get(user=expert).address.endswith("/versions/4/")
        change(sheet, expert, "## Un\n\nE\n", categorie="Froid")
        assert kinds(contributor) == ["followed"]

    def test_a_submitted_sheet_waits_for_experts_and_its_authors_hear_what_became_of_it(
        self, sheet: Sheet, contributor: User, expert: User, administrator: User, reader: User
    ) -> None:
        Sheet.objects.filter(pk=sheet.pk).update(created_by=reader)
        states.submit_sheet(sheet, contributor, "Relue.")
        assert kinds(expert) == kinds(administrator) == ["to_validate"]
        states.request_changes(sheet, expert, "Citer la source.")
        assert (kinds(expert), kinds(administrator)) == ([], [])
        assert kinds(contributor) == ["changes"]
        assert Notification.objects.get(kind="changes").quote == "Citer la source."
        states.validate_sheet(sheet, expert, version=1)
        states.publish_sheet(sheet, administrator)
        states.assign_sheet(sheet, administrator, expert)
        assert sorted(kinds(contributor)) == ["changes", "published", "validated"]
        assert kinds(expert) == ["assigned"]
        assert kinds(reader) == []  # who may no longer edit is not told what members say

    def test_who_is_in_charge_is_told_once_of_each_review_that_is_due(
        self, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        today = timezone.localdate()
        Sheet.objects.filter(pk=sheet.pk).update(responsible=contributor)
        states.schedule_review(sheet, expert, today + dt.timedelta(days=1))
        tell_of_due_reviews()
        assert kinds(contributor) == []
        states.schedule_review(sheet, expert, today)
        tasks.send_digests()
        run_queue()
        assert kinds(contributor) == ["due"]
        Notification.objects.update(seen_at=timezone.now())
        tell_of_due_reviews()
        assert Notification.objects.count() == 1
        Notification.objects.update(seen_at=None)
        states.validate_sheet(sheet, expert, version=1)  # which sets the next date
        tell_of_due_reviews()
        assert kinds(contributor) == ["validated"]

    def test_a_failed_source_is_told_to_who_brought_it(self, contributor: User) -> None:
        document = Document.objects.create(
            title="Guide", file="absent.pdf", sha256="a" * 64, size=1, uploaded_by=contributor
        )
        for state, wanted in (("ready", []), ("failed", ["source_failed"])):
            code = "unreadable" if wanted else ""
            Document.objects.filter(pk=document.pk).update(state=state, error_code=code)
            document_settled.send(Document, document_id=document.pk)
            assert kinds(contributor) == wanted

    def test_who_is_deactivated_is_told_nothing(self, sheet: Sheet, expert: User) -> None:
        User.objects.filter(pk=expert.pk).update(is_active=False)
        notify([expert.pk, 999_999], "mention", "x", "/")
        assert not Notification.objects.exists()


class TestPages:
    def test_the_bar_has_a_count_on_every_page_and_costs_no_query(
        self, client: Client, sheet: Sheet, expert: User, django_assert_num_queries: Any
    ) -> None:
        client.force_login(expert)
        address = sheet.get_absolute_url()
        client.get(address)
        for number in (0, 1, 2):
            with django_assert_num_queries(3):  # session, user, kept page
                page = client.get(address).content.decode()
            badge = page[page.index('href="/notifications/"') :][:900]
            assert (f">{number}</span>" in badge) is (number > 0)
            notify([expert.pk], "mention", f"n{number}", address, title="Froid")
        assert ">3</span>" in client.get("/").content.decode()

    def test_opening_one_marks_it_and_leads_there(
        self, client: Client, expert: User, contributor: User
    ) -> None:
        notify([expert.pk, contributor.pk], "mention", "a", "/fiches/", title="Froid")
        client.force_login(expert)
        page = client.get("/notifications/").content.decode()
        one, other = (Notification.objects.get(user=user) for user in (expert, contributor))
        assert one.get_absolute_url() in page
        assert client.get(other.get_absolute_url()).status_code == 404
        assert client.get(one.get_absolute_url())["Location"] == "/fiches/"
        assert (kinds(expert), kinds(contributor)) == ([], ["mention"])

    def test_all_are_marked_at_once(self, client: Client, expert: User) -> None:
        for key in "abc":
            notify([expert.pk], "mention", key, "/", title="<b>Froid</b>")
        client.force_login(expert)
        assert "&lt;b&gt;Froid" in client.get("/notifications/").content.decode()
        client.post("/notifications/")
        assert kinds(expert) == []

    def test_readers_without_an_account_have_none(self, client: Client, db: None) -> None:
        assert client.get("/notifications/").status_code == 302
        assert "/notifications/" not in client.get("/").content.decode()


class TestMail:
    @pytest.fixture(autouse=True)
    def _mail(self, settings: Settings) -> None:
        settings.EMAIL_HOST = "smtp.example.org"

    def test_at_once_in_ones_language(self, expert: User, contributor: User) -> None:
        User.objects.filter(pk=expert.pk).update(language="en")
        about: dict[str, Any] = {"actor": contributor, "title": "Froid"}
        notify([expert.pk], "mention", "a", "/fiches/", **about, text="Vu ?")
        notify([expert.pk], "mention", "a", "/fiches/", **about)
        run_queue()
        (letter,) = mail.outbox
        assert letter.subject == "WikiCO2: claire mentions you on “Froid”."
        assert "Vu ?" in str(letter.body)
        assert "/fiches/" in str(letter.body)

    def test_in_the_digest_once(self, expert: User, contributor: User) -> None:
        User.objects.filter(pk=expert.pk).update(mail="digest")
        notify([expert.pk], "mention", "a", "/fiches/", actor=contributor, title="Froid")
        run_queue()
        assert mail.outbox == []
        for _day in range(2):
            tasks.send_digests()
            run_queue()
        (letter,) = mail.outbox
        assert "Froid" in str(letter.body)
        notify([expert.pk], "mention", "b", "/fiches/", actor=contributor, title="Chaud")
        Digest.objects.update(wanted=False)
        assert digest.due_user_ids() == [expert.pk]
        assert digest.email_digest(expert.pk) == 1

    def test_never(self, expert: User) -> None:
        User.objects.filter(pk=expert.pk).update(mail="never")
        notify([expert.pk], "mention", "a", "/")
        run_queue()
        assert (mail.outbox, digest.due_user_ids()) == ([], [])

    def test_what_one_watches_is_left_to_the_digest(
        self, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        Watch.objects.create(user=expert, sheet=sheet)
        Digest.of(expert, "fr")
        change(sheet, contributor, "## Un\n\nC\n")
        run_queue()
        assert mail.outbox == []
        assert digest.email_digest(expert.pk) == 1


def test_old_ones_are_deleted(expert: User) -> None:
    notify([expert.pk], "mention", "a", "/")
    notify([expert.pk], "mention", "b", "/")
    Notification.objects.filter(key="a").update(created_at="2020-01-01T00:00Z")
    clear_old_notifications()
    assert [row.key for row in Notification.objects.all()] == ["b"]
