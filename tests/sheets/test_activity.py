"""What has changed: the page, the feed, what one watches, the daily digest."""

import datetime as dt
from xml.etree import ElementTree

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from sheets import tasks
from sheets.generation.request import create_sheet
from sheets.models import Digest, Revision, Sheet, SheetType, Watch
from sheets.notifications import digest
from sheets.notifications.activity import list_watched_changes
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.models import User

ATOM = "{http://www.w3.org/2005/Atom}"


def make(title: str, kind: str = "solution", category: str = "", by: User | None = None) -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key=kind), title, None)
    change(sheet, by, category)
    return sheet


def change(sheet: Sheet, by: User | None = None, category: str = "") -> Revision:
    sheet.refresh_from_db()
    return save_revision(
        sheet,
        base=sheet.current,
        body=f"Un texte, fois {sheet.revisions.count()}.",
        metadata={"categorie": category} if category else {},
        origin=Revision.Origin.HUMAN,
        author=by,
        comment="Précision <b>",
    )


@pytest.fixture
def sheets(contributor: User) -> list[Sheet]:
    return [make("Froid", category="Utilités", by=contributor), make("Laiterie", kind="secteur")]


class TestPage:
    def test_it_lists_the_versions_the_latest_first(
        self, client: Client, sheets: list[Sheet]
    ) -> None:
        html = client.get(reverse("activity")).content.decode()
        assert html.index("Laiterie") < html.index("Froid")
        assert "claire" in html
        assert "Précision &lt;b&gt;" in html

    @pytest.mark.parametrize(
        ("query", "seen"),
        [
            ("type=solution", {"Froid"}),
            ("categorie=Utilités", {"Froid"}),
            ("fiche=laiterie", {"Laiterie"}),
            ("par=machine", set()),
            ("par=personnes", {"Froid", "Laiterie"}),
            ("par=x&type=%00&page=x", {"Froid", "Laiterie"}),
        ],
    )
    def test_choices_narrow_page_and_feed_alike(
        self, client: Client, sheets: list[Sheet], query: str, seen: set[str]
    ) -> None:
        for name in ("activity", "activity_feed"):
            html = client.get(f"{reverse(name)}?{query}").content.decode()
            titles = {
                title
                for title in ("Froid", "Laiterie")
                if f"{title}<" in html or f"{title} ·" in html
            }
            assert titles == seen, name

    def test_hidden_drafts_do_not_show(
        self, client: Client, sheets: list[Sheet], settings: Settings
    ) -> None:
        settings.SHOW_DRAFTS = False
        for name in ("activity", "activity_feed"):
            assert "Froid" not in client.get(reverse(name)).content.decode()

    def test_the_feed_is_atom_and_answers_304(self, client: Client, sheets: list[Sheet]) -> None:
        answer = client.get(reverse("activity_feed"))
        entries = ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")  # noqa: S314 (ours)
        assert [e.findtext(f"{ATOM}title", "").split(" ·")[0] for e in entries] == [
            "Laiterie",
            "Froid",
        ]
        again = client.get(
            reverse("activity_feed"), headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304

    def test_an_empty_wiki_says_what_will_stand_here(self, client: Client, db: None) -> None:
        assert 'class="empty' in client.get(reverse("activity")).content.decode()


class TestWatching:
    def test_what_others_change_in_a_watched_sheet_or_category(
        self, client: Client, sheets: list[Sheet], contributor: User, expert: User
    ) -> None:
        client.force_login(expert)
        client.post(reverse("watch_sheet", args=["laiterie"]))
        client.post(reverse("watch_category"), {"category": "Utilités", "next": "//evil.example"})
        assert not list_watched_changes(expert), "what was there before is no news"
        changed = [change(sheets[0], contributor, "Utilités"), change(sheets[1], contributor)]
        change(sheets[1], expert)
        assert set(list_watched_changes(expert)) == set(changed)
        assert "Froid" in client.get(reverse("watching")).content.decode()
        client.post(reverse("watch_sheet", args=["laiterie"]))
        assert list(list_watched_changes(expert)) == changed[:1]

    def test_a_category_that_no_sheet_has_is_not_watched(
        self, client: Client, contributor: User
    ) -> None:
        client.force_login(contributor)
        client.post(reverse("watch_category"), {"category": "Inconnue"})
        assert not Watch.objects.exists()

    def test_a_reader_without_an_account_logs_in_first(
        self, client: Client, sheets: list[Sheet]
    ) -> None:
        for address in (reverse("watching"), reverse("watch_sheet", args=["froid"])):
            assert "/compte/connexion/" in client.post(address).headers["Location"]


class TestDigest:
    @pytest.fixture(autouse=True)
    def _mail(self, settings: Settings) -> None:
        settings.EMAIL_HOST = "smtp.example.org"

    def watch(self, user: User, sheet: Sheet) -> Digest:
        Watch.objects.create(user=user, sheet=sheet)
        return Digest.of(user, "fr")

    def test_it_tells_what_changed_once(
        self, sheets: list[Sheet], contributor: User, expert: User
    ) -> None:
        self.watch(expert, sheets[0])
        change(sheets[0], contributor)
        for _day in range(2):
            tasks.send_digests()
            run_queue()
        (letter,) = mail.outbox
        assert letter.to == [expert.email]
        assert "Froid" in letter.body
        assert "/fiches/froid/versions/2/" in letter.body
        assert "Précision <b>" in letter.body

    def test_a_letter_that_could_not_be_sent_is_sent_the_next_day(
        self, sheets: list[Sheet], contributor: User, expert: User, settings: Settings
    ) -> None:
        self.watch(expert, sheets[0])
        change(sheets[0], contributor)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        with pytest.raises(OSError, match="refused"):
            digest.email_digest(expert.pk)
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert digest.email_digest(expert.pk) == 1

    def test_nobody_is_written_to_who_does_not_want_or_cannot(
        self, sheets: list[Sheet], expert: User, contributor: User, settings: Settings
    ) -> None:
        one = self.watch(expert, sheets[0])
        assert digest.due_user_ids() == [expert.pk]
        for model, values in (
            (Digest, {"wanted": False}),
            (User, {"email": ""}),
            (User, {"is_active": False}),
        ):
            before = {name: getattr(one if model is Digest else expert, name) for name in values}
            model.objects.filter(pk=expert.pk).update(**values)
            assert digest.due_user_ids() == []
            model.objects.filter(pk=expert.pk).update(**before)
        settings.EMAIL_HOST = ""
        assert digest.due_user_ids() == []

    def test_one_chooses_on_the_page(self, client: Client, expert: User) -> None:
        client.force_login(expert)
        for wanted in (False, True):
            client.post(reverse("digest_wanted"), {"wanted": "1" if wanted else "0"})
            assert Digest.objects.get().wanted is wanted

    def test_old_changes_are_not_told(
        self, sheets: list[Sheet], contributor: User, expert: User
    ) -> None:
        self.watch(expert, sheets[0])
        Digest.objects.update(sent_until=timezone.now() + dt.timedelta(hours=1))
        change(sheets[0], contributor)
        assert digest.email_digest(expert.pk) == 0
