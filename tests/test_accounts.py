"""Accounts: invitations, passwords, addresses, sessions, roles, and the bound on guesses."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from sheets.models import Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.accounts.attempts import SignInBlocked, account_key, count_sign_in, pause_after
from wikico2.accounts.role_choice import RoleChoice, may_manage, role_of, set_role
from wikico2.models import OutgoingMail, SessionOwner, SignInCounter, User

pytestmark = pytest.mark.django_db
LOGIN = "/compte/connexion/"
NEW = "un long secret neuf"
Ask = Callable[..., Any]


@pytest.fixture
def _mail(settings: Settings) -> None:
    settings.EMAIL_HOST = "smtp.example.org"


@pytest.fixture
def ada(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def invite(client: Client, email: str = "nina@example.org", role: str = "contributor") -> User:
    sent = {"email": email, "first_name": "Nina", "last_name": "Neuve", "role": role}
    answer = client.post("/personnes/inviter/", sent)
    assert answer.status_code == 302, answer.content.decode()
    return User.objects.get(email=email)


def link_in(text: str) -> str:
    found = re.search(r"http://[^/\s]+(/compte/[^\s<\"]+)", text)
    assert found, text
    return found[1]


def unblock() -> None:
    """Let the time of a pause pass."""
    SignInCounter.objects.update(blocked_until="2000-01-01T00:00Z")


class TestInvitation:
    def test_a_link_is_handed_over_where_no_mail_is_set(self, ada: Client) -> None:
        nina = invite(ada)
        assert (nina.is_invited, role_of(nina)) == (True, RoleChoice.CONTRIBUTOR)
        link = link_in(ada.get(f"/personnes/{nina.pk}/").content.decode())
        visitor = Client()

        assert "nina" in visitor.get(link).content.decode()
        typed = {"username": "nina", "first_name": "Nina", "new_password1": NEW}
        wrong = visitor.post(link, typed | {"new_password2": "autre"})
        assert wrong.status_code == 422
        done = visitor.post(link, typed | {"new_password2": NEW})

        assert done["Location"] == "/compte/"
        assert visitor.get("/compte/").status_code == 200
        nina.refresh_from_db()
        assert (nina.is_invited, nina.email_verified_at) == (False, None)
        assert visitor.get(link).status_code == Client().post(link, typed).status_code == 410
        assert Client().post(LOGIN, {"username": "nina", "password": NEW}).status_code == 302

    @pytest.mark.usefixtures("_mail")
    def test_it_is_sent_by_mail_which_confirms_the_address(self, ada: Client) -> None:
        nina = invite(ada, role="expert")
        assert (len(mail.outbox), OutgoingMail.objects.count()) == (0, 1)
        run_queue()
        assert OutgoingMail.objects.count() == 0
        (letter,) = mail.outbox
        assert isinstance(letter, EmailMessage)
        assert (letter.to, "\n" in letter.subject) == (["nina@example.org"], False)

        sent = {"username": "n.neuve", "new_password1": NEW, "new_password2": NEW}
        assert Client().post(link_in(str(letter.body)), sent).status_code == 302
        nina.refresh_from_db()
        assert nina.email_verified_at
        assert nina.has_perm("sheets.validate_sheet")

    def test_a_new_one_ends_the_earlier_one_and_so_does_time(
        self, ada: Client, settings: Settings
    ) -> None:
        nina = invite(ada)
        page = f"/personnes/{nina.pk}/"
        first = link_in(ada.get(page).content.decode())
        ada.post(page, {"do": "invite"})
        second = link_in(ada.get(page).content.decode())
        assert [Client().get(link).status_code for link in (first, second)] == [410, 200]
        settings.INVITATION_DAYS = 0
        assert Client().get(second).status_code == 410

    def test_it_opens_no_other_account(self, ada: Client, contributor: User) -> None:
        nina = invite(ada)
        link = link_in(ada.get(f"/personnes/{nina.pk}/").content.decode())
        taken = {"username": "CLAIRE", "new_password1": NEW, "new_password2": NEW}
        assert Client().post(link, taken).status_code == 422
        ada.post(f"/personnes/{nina.pk}/", {"do": "deactivate"})
        assert Client().get(link).status_code == 410

    def test_who_has_an_account_is_not_invited_again(self, ada: Client, expert: User) -> None:
        answer = ada.post("/personnes/inviter/", {"email": "EMILE@example.org", "role": ""})
        assert answer.status_code == 422
        assert User.objects.filter(email__iexact=expert.email).count() == 1

    def test_a_private_site_lets_an_invited_person_in(
        self, ada: Client, settings: Settings
    ) -> None:
        settings.PUBLIC_SITE = False
        nina = invite(ada)
        link = link_in(ada.get(f"/personnes/{nina.pk}/").content.decode())
        assert Client().get(link).status_code == 200
        assert Client().get("/compte/oubli/").status_code == 200
        assert Client().get("/compte/").status_code == 302


class TestPassword:
    @pytest.mark.usefixtures("_mail")
    def test_a_forgotten_one_is_replaced_by_a_link_that_works_once(
        self, client: Client, contributor: User
    ) -> None:
        elsewhere = Client()
        elsewhere.force_login(contributor)
        known = client.post("/compte/oubli/", {"email": contributor.email})
        unknown = client.post("/compte/oubli/", {"email": "personne@example.org"})
        assert known["Location"] == unknown["Location"]
        run_queue()
        (letter,) = mail.outbox
        link = link_in(str(letter.body))
        page = client.get(link, follow=True)
        form = page.redirect_chain[-1][0]
        sent = {"new_password1": NEW, "new_password2": NEW}
        assert client.post(form, sent)["Location"] == LOGIN

        contributor.refresh_from_db()
        assert contributor.check_password(NEW)
        assert elsewhere.get("/compte/").status_code == 302
        assert "/compte/oubli/" in client.get(link, follow=True).content.decode()

    @pytest.mark.usefixtures("_mail")
    def test_few_links_are_sent_to_one_address(self, client: Client, contributor: User) -> None:
        for _ in range(8):
            client.post("/compte/oubli/", {"email": contributor.email})
        assert OutgoingMail.objects.count() == 3

    def test_without_mail_an_administrator_makes_the_link(
        self, ada: Client, contributor: User
    ) -> None:
        assert "mot de passe" in Client().get("/compte/oubli/").content.decode()
        claire = Client()
        claire.force_login(contributor)
        page = f"/personnes/{contributor.pk}/"
        ada.post(page, {"do": "invite"})
        assert claire.get("/compte/").status_code == 302
        link = link_in(ada.get(page).content.decode())
        sent = {"username": "claire", "new_password1": NEW, "new_password2": NEW}
        assert Client().post(link, sent).status_code == 302
        assert role_of(User.objects.get(pk=contributor.pk)) == RoleChoice.CONTRIBUTOR

    def test_the_first_one_is_changed_before_anything_else(
        self, client: Client, administrator: User
    ) -> None:
        root = User.objects.create_superuser("racine", password="x")
        client.force_login(root)
        typed = {"username": "paul", "password1": NEW, "password2": NEW, "usable_password": "true"}
        client.post(reverse("admin:wikico2_user_add"), typed)
        paul = Client()
        assert paul.post(LOGIN, {"username": "paul", "password": NEW}).status_code == 302

        for address in ("/", "/fiches/", "/compte/", "/sources/ajouter/"):
            assert paul.get(address)["Location"].startswith("/compte/mot-de-passe/?next=")
        assert "choisi votre mot de passe" in paul.get("/compte/mot-de-passe/").content.decode()
        own = {"old_password": NEW, "new_password1": "mon secret", "new_password2": "mon secret"}
        answer = paul.post("/compte/mot-de-passe/", own | {"next": "/fiches/"})
        assert answer["Location"] == "/fiches/"
        assert paul.get("/compte/").status_code == 200
        assert not User.objects.get(username="paul").must_change_password

    def test_one_set_by_an_administrator_is_changed_too(
        self, client: Client, contributor: User
    ) -> None:
        client.force_login(User.objects.create_superuser("racine", password="x"))
        address = reverse("admin:auth_user_password_change", args=[contributor.pk])
        typed = {"password1": NEW, "password2": NEW, "usable_password": "true"}
        assert client.post(address, typed).status_code == 302
        contributor.refresh_from_db()
        assert contributor.must_change_password

    def test_changing_it_ends_the_other_sessions(self, client: Client, contributor: User) -> None:
        elsewhere = Client()
        for one in (client, elsewhere):
            one.force_login(contributor)
        typed = {"old_password": "mot de passe", "new_password1": NEW, "new_password2": NEW}
        client.post("/compte/mot-de-passe/", typed)
        assert client.get("/compte/").status_code == 200
        assert elsewhere.get("/compte/").status_code == 302

    def test_a_text_sent_with_a_first_password_is_kept(
        self, client: Client, contributor: User
    ) -> None:
        kind = SheetType.objects.get(key="solution")
        sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")
        save_revision(sheet, base=None, body="## A\n", metadata={}, origin="human")
        client.force_login(contributor)
        User.objects.update(must_change_password=True)
        answer = client.post("/fiches/air/modifier/", {"base": "1", "body": "## A\n\nMon mot\n"})
        assert answer.status_code == 403
        assert "Mon mot" in answer.content.decode()


class TestOwnAccount:
    def test_name_language_and_appearance_are_stored(
        self, client: Client, contributor: User
    ) -> None:
        client.force_login(contributor)
        sent = {"first_name": "Claire", "last_name": "C.", "language": "en", "theme": "dark",
                "mail": "digest"}  # fmt: skip
        answer = client.post("/compte/", sent, follow=True)
        page = answer.content.decode()
        assert 'lang="en"' in page
        assert 'data-theme="dark"' in page
        contributor.refresh_from_db()
        assert (str(contributor), contributor.mail) == ("Claire C.", "digest")
        assert client.post("/compte/", sent | {"mail": "x"}).status_code == 422

        other = Client()
        other.post(LOGIN, {"username": "claire", "password": "mot de passe"})
        assert 'lang="en"' in other.get("/").content.decode()

    @pytest.mark.usefixtures("_mail")
    def test_a_new_address_counts_once_its_link_was_followed(
        self, client: Client, contributor: User, expert: User
    ) -> None:
        client.force_login(contributor)
        new = {"email": "neuve@example.org", "password": "mot de passe"}
        assert client.post("/compte/adresse/", new | {"password": "faux"}).status_code == 422
        client.post("/compte/adresse/", new)
        run_queue()
        (letter,) = mail.outbox
        assert letter.to == ["neuve@example.org"]
        link = link_in(str(letter.body))
        stranger = Client()
        stranger.force_login(expert)
        assert stranger.get(link).status_code == 410
        client.get(link)
        contributor.refresh_from_db()
        assert contributor.email == "claire@example.org"
        client.post(link)
        contributor.refresh_from_db()
        assert contributor.email == "neuve@example.org"
        assert contributor.email_verified_at
        assert client.post(link).status_code == 410

    def test_sessions_are_listed_and_ended(self, client: Client, contributor: User) -> None:
        agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
        typed = {"username": "claire@example.org", "password": "mot de passe"}
        elsewhere = Client(HTTP_USER_AGENT=agent)
        elsewhere.post(LOGIN, typed)
        third = Client()
        third.force_login(contributor)
        client.force_login(contributor)
        SessionOwner.objects.filter(session_id=third.session.session_key).delete()

        page = client.get("/compte/").content.decode()
        assert "Firefox · Linux" in page
        marks = re.findall(r'name="session" value="(\w+)"', page)
        assert len(marks) == 2
        assert not any(key in page for key in Session.objects.values_list("pk", flat=True))
        client.post("/compte/sessions/", {"session": marks[0]})
        ended = [one.get("/compte/").status_code for one in (elsewhere, third)]
        assert sorted(ended) == [200, 302]
        client.post("/compte/sessions/")
        assert [one.get("/compte/").status_code for one in (client, elsewhere, third)] == [
            200, 302, 302,
        ]  # fmt: skip


class TestGuesses:
    @pytest.fixture
    def sheet(self, contributor: User) -> Sheet:
        kind = SheetType.objects.get(key="solution")
        sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")
        save_revision(sheet, base=None, body="## A\n\nB\n", metadata={}, origin="human")
        return sheet

    @pytest.fixture(params=[LOGIN, "/admin/login/", "/fiches/air/modifier/"])
    def door(self, request: pytest.FixtureRequest, sheet: Sheet, contributor: User) -> Ask:
        User.objects.update(is_staff=True)

        def enter(password: str, name: str = "claire") -> Client:
            client = Client()
            sent = {"username": name, "password": password, "body": "## A\n\nC\n", "base": "1"}
            client.post(request.param, sent, follow=False)
            return client

        return enter

    @staticmethod
    def is_in(client: Client) -> bool:
        return "_auth_user_id" in client.session

    def test_each_door_is_slowed_and_then_locked(self, door: Ask, settings: Settings) -> None:
        for _ in range(settings.SIGN_IN_SLOWED_AFTER):
            assert not self.is_in(door("faux"))
        assert not self.is_in(door("mot de passe"))  # slowed: even the right one has to wait
        unblock()
        assert self.is_in(door("mot de passe"))
        for _ in range(settings.SIGN_IN_LOCKED_AFTER):
            unblock()
            door("faux")
        assert not self.is_in(door("mot de passe"))
        wait = SignInCounter.objects.order_by("-blocked_until")[0]
        assert (wait.blocked_until - wait.failed_at).total_seconds() > 800

    def test_all_doors_share_one_count(self, sheet: Sheet, contributor: User) -> None:
        wrong = {"username": "claire", "password": "faux"}
        for address in (LOGIN, "/admin/login/", "/fiches/air/modifier/"):
            Client().post(address, wrong | {"body": "x", "base": "1"})
        answer = Client().post(LOGIN, wrong | {"password": "mot de passe"})
        assert (answer.status_code, "seconde" in answer.content.decode()) == (429, True)
        text = Client().post(
            "/fiches/air/modifier/", wrong | {"body": "## A\n\nMon mot\n", "base": "1"}
        )
        assert text.status_code == 401
        assert "Mon mot" in text.content.decode()
        assert "seconde" in text.content.decode()

    def test_an_address_that_tries_many_names_is_locked(
        self, contributor: User, settings: Settings
    ) -> None:
        settings.SIGN_IN_ADDRESS_FACTOR = 1
        for n in range(settings.SIGN_IN_LOCKED_AFTER):
            unblock()
            Client().post(LOGIN, {"username": f"nom{n}", "password": "faux"})
        right = {"username": "claire", "password": "mot de passe"}
        assert Client().post(LOGIN, right).status_code == 429
        assert Client(REMOTE_ADDR="192.0.2.9").post(LOGIN, right).status_code == 302

    def test_behind_a_proxy_the_address_is_that_of_the_client(
        self, contributor: User, settings: Settings
    ) -> None:
        settings.SIGN_IN_ADDRESS_FACTOR = 1
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        for n in range(settings.SIGN_IN_LOCKED_AFTER):
            unblock()
            forged = Client(HTTP_X_FORWARDED_FOR=f"192.0.2.{n}, 203.0.113.5")
            forged.post(LOGIN, {"username": f"nom{n}", "password": "faux"})
        right = {"username": "claire", "password": "mot de passe"}
        locked, free = (
            Client(HTTP_X_FORWARDED_FOR=f"192.0.2.99, {last}").post(LOGIN, right).status_code
            for last in ("203.0.113.5", "203.0.113.6")
        )
        assert (locked, free) == (429, 302)

    def test_name_and_address_count_for_one_account(self, contributor: User) -> None:
        for name in ("claire", "claire@example.org", "CLAIRE@example.org"):
            Client().post(LOGIN, {"username": name, "password": "faux"})
        assert SignInCounter.objects.get(key=account_key(contributor, "")).failures == 3

    def test_a_right_password_starts_the_count_again(self, contributor: User) -> None:
        for _ in range(2):
            Client().post(LOGIN, {"username": "claire", "password": "faux"})
        Client().post(LOGIN, {"username": "claire", "password": "mot de passe"})
        assert not SignInCounter.objects.filter(key=account_key(contributor, "")).exists()

    def test_what_is_refused_does_not_lengthen_the_lock(self, contributor: User) -> None:
        for _ in range(9):
            Client().post(LOGIN, {"username": "claire", "password": "faux"})
        assert SignInCounter.objects.get(key=account_key(contributor, "")).failures == 3

    def test_an_administrator_unlocks(
        self, ada: Client, contributor: User, settings: Settings
    ) -> None:
        for _ in range(settings.SIGN_IN_LOCKED_AFTER):
            unblock()
            Client().post(LOGIN, {"username": "claire", "password": "faux"})
        assert "verrouill" in ada.get("/personnes/").content.decode()
        ada.post(f"/personnes/{contributor.pk}/", {"do": "unlock"})
        right = {"username": "claire", "password": "mot de passe"}
        assert Client(REMOTE_ADDR="192.0.2.9").post(LOGIN, right).status_code == 302

    def test_no_names_addresses_or_passwords_are_stored(self, contributor: User) -> None:
        Client().post(LOGIN, {"username": "nom secret", "password": "faux"})
        assert all(re.fullmatch(r"[0-9a-f]{64}", row.key) for row in SignInCounter.objects.all())

    def test_a_program_that_asks_without_a_request_is_bounded_too(self, contributor: User) -> None:
        for _ in range(3):
            authenticate(username="claire", password="faux")
        assert authenticate(username="claire", password="mot de passe") is None
        request = RequestFactory().get("/")
        assert authenticate(request, username="claire", password="mot de passe") is None
        assert request.sign_in_wait > 0  # type: ignore[attr-defined]

    def test_pauses_double(self) -> None:
        pauses = [pause_after(n) for n in range(12)]
        assert pauses == [0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 900, 900]

    def test_a_blocked_key_is_told_with_its_seconds(self, db: None) -> None:
        for _ in range(3):
            count_sign_in("a", "b")
        with pytest.raises(SignInBlocked) as told:
            count_sign_in("a", "b")
        assert told.value.seconds in (1, 2)


class TestRoles:
    @pytest.mark.parametrize("role", list(RoleChoice))
    def test_one_choice_gives_one_role(self, role: RoleChoice, contributor: User) -> None:
        set_role(contributor, role)
        fresh = User.objects.get(pk=contributor.pk)
        assert role_of(fresh) == role
        assert fresh.has_perm("sheets.change_sheet") is (role not in ("", "reader"))
        assert fresh.has_perm("sheets.publish_sheet") is (role in ("administrator", "superuser"))

    def test_groups_of_the_operator_stay(self, contributor: User) -> None:
        contributor.groups.create(name="Archivistes")
        set_role(contributor, RoleChoice.EXPERT)
        names = set(contributor.groups.values_list("name", flat=True))
        assert names == {"Archivistes", "Expert CO2"}

    def test_only_a_superuser_makes_or_changes_one(
        self, ada: Client, administrator: User, contributor: User
    ) -> None:
        root = User.objects.create_superuser("racine", password="x")
        page = f"/personnes/{contributor.pk}/"
        assert ada.post(page, {"do": "role", "role": "superuser"}).status_code == 422
        assert ada.post(page, {"do": "role", "role": "expert"}).status_code == 302
        assert role_of(User.objects.get(pk=contributor.pk)) == RoleChoice.EXPERT
        for do in ("role", "deactivate", "invite", "unlock"):
            ada.post(f"/personnes/{root.pk}/", {"do": do, "role": ""})
        root.refresh_from_db()
        assert (root.is_superuser, root.is_active, root.has_usable_password()) == (True,) * 3
        assert may_manage(root, contributor)
        assert not may_manage(root, root)
        assert not may_manage(contributor, administrator)

    def test_nobody_takes_their_own_role_away(self, ada: Client, administrator: User) -> None:
        ada.post(f"/personnes/{administrator.pk}/", {"do": "role", "role": ""})
        ada.post(f"/personnes/{administrator.pk}/", {"do": "deactivate"})
        fresh = User.objects.get(pk=administrator.pk)
        assert (role_of(fresh), fresh.is_active) == (RoleChoice.ADMINISTRATOR, True)

    def test_a_deactivated_account_is_out_at_once(self, ada: Client, contributor: User) -> None:
        claire = Client()
        claire.force_login(contributor)
        ada.post(f"/personnes/{contributor.pk}/", {"do": "deactivate"})
        assert claire.get("/compte/").status_code == 302
        sent = {"username": "claire", "password": "mot de passe"}
        assert Client().post(LOGIN, sent).status_code == 200

    @pytest.mark.parametrize("address", ["/personnes/", "/personnes/inviter/", "/personnes/1/"])
    def test_the_list_is_for_administrators(
        self, address: str, client: Client, expert: User
    ) -> None:
        assert client.get(address).status_code == 302
        client.force_login(expert)
        assert client.get(address).status_code == 403
        assert client.post(address, {"do": "deactivate"}).status_code == 403

    def test_the_list_is_narrowed_by_words_in_few_queries(
        self, ada: Client, expert: User, contributor: User, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(7):
            page = ada.get("/personnes/").content.decode()
        assert "emile@example.org" in page
        page = ada.get("/personnes/?q=CLAIRE example").content.decode()
        assert ("claire@example.org" in page, "emile@" in page) == (True, False)


def test_the_anonymous_page_asks_nothing_of_accounts(
    client: Client, contributor: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert client.get(LOGIN).status_code == 200
