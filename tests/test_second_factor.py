"""The second factor: setting it up, the codes at every door, who has to have one, the reset."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from sheets.generation.request import create_sheet
from sheets.merge import Version
from sheets.models import SheetType
from sheets.revisions.edit import save_edit
from tests.api.test_tokens import make_token
from tests.test_accounts import LOGIN, unblock
from wikico2.accounts.second_factor import EncryptingAdapter
from wikico2.models import AuditEvent, User

pytestmark = pytest.mark.django_db
CODE, SETTINGS = "/compte/connexion/code/", "/compte/second-facteur/"
PASSWORD = "secret"
NAMES = {"username": "emile", "password": PASSWORD}


def code_of(secret: str, ahead: int = 0) -> str:
    """Return the code of a secret, so many periods of 30 s from now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead)))


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set a second factor up for who is signed in; return its secret and the recovery codes."""
    page = client.get(SETTINGS).content.decode()
    found = re.search(r'<code class="break">([A-Z2-7 ]+)</code>', page)
    assert found, page
    secret = found[1].replace(" ", "")
    shown = client.post(SETTINGS, {"code": code_of(secret, -1)}).content.decode()
    codes = re.findall(r"\b\d{8}\b", shown)
    assert len(codes) == 10, shown
    return secret, codes


@pytest.fixture
def factor(expert: User) -> tuple[str, list[str]]:
    """The secret and the recovery codes of the expert, who is signed in nowhere."""
    expert.set_password(PASSWORD)
    expert.save()
    client = Client()
    client.force_login(expert)
    return set_up(client)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


class TestSetUp:
    def test_it_is_stored_encrypted_once_a_code_was_right(
        self, client: Client, expert: User
    ) -> None:
        client.force_login(expert)
        page = client.get(SETTINGS).content.decode()
        assert "data:image/svg+xml;base64," in page
        assert client.post(SETTINGS, {"code": "000000"}).status_code == 422
        assert not Authenticator.objects.exists()
        secret, codes = set_up(client)

        row = Authenticator.objects.get(type="totp")
        assert secret not in str(row.data)
        assert EncryptingAdapter().decrypt(row.data["secret"]) == secret
        assert client.get(SETTINGS).status_code == 200  # the session goes on
        assert all(code not in client.get(SETTINGS).content.decode() for code in codes)
        assert "account.second_factor_set_up" in actions()

    def test_the_other_sessions_are_asked_for_a_code(self, client: Client, expert: User) -> None:
        other = Client()
        client.force_login(expert)
        other.force_login(expert)
        set_up(client)
        assert client.get("/compte/").status_code == 200
        assert other.get("/compte/")["Location"] == f"{CODE}?next=%2Fcompte%2F"

    def test_removing_it_asks_for_the_password(
        self, factor: tuple[str, list[str]], client: Client
    ) -> None:
        client.post(LOGIN, NAMES)
        client.post(CODE, {"code": code_of(factor[0])})
        wrong = client.post(SETTINGS, {"do": "remove", "proof": "autre"})
        assert wrong.status_code == 422
        unblock()
        again = client.post(SETTINGS, {"do": "codes", "proof": PASSWORD}).content.decode()
        assert factor[1][0] not in again
        assert client.post(SETTINGS, {"do": "remove", "proof": PASSWORD}).status_code == 302
        assert not Authenticator.objects.exists()
        assert Client().post(LOGIN, NAMES)["Location"] == "/"

    def test_a_session_on_the_former_telephone_ends_with_its_factor(
        self, factor: tuple[str, list[str]], client: Client
    ) -> None:
        former = Client()
        for one, code in ((former, code_of(factor[0])), (client, factor[1][0])):
            one.post(LOGIN, NAMES)
            one.post(CODE, {"code": code})
            assert one.get("/compte/").status_code == 200
        client.post(SETTINGS, {"do": "remove", "proof": PASSWORD})
        set_up(client)
        assert client.get("/compte/").status_code == 200
        assert former.get("/compte/")["Location"] == f"{LOGIN}?next=/compte/"

    def test_guesses_of_the_password_are_bounded(
        self, factor: tuple[str, list[str]], client: Client
    ) -> None:
        client.post(LOGIN, NAMES)
        client.post(CODE, {"code": code_of(factor[0])})
        sent = {"do": "remove", "proof": "autre"}
        pages = [client.post(SETTINGS, sent).content.decode() for _ in range(4)]
        assert "mot de passe incorrect" in pages[0].lower()
        assert "attendez" in pages[3].lower()


class TestDoors:
    def test_the_sign_in_page_asks_for_a_code(
        self, factor: tuple[str, list[str]], client: Client
    ) -> None:
        wanted = "/atelier/"
        assert client.post(LOGIN, NAMES | {"next": wanted})["Location"] == wanted
        assert client.get(wanted)["Location"] == f"{CODE}?next=%2Fatelier%2F"
        assert "emile" in client.get(CODE).content.decode().lower()
        assert client.post(CODE, {"code": "123"}).status_code == 422
        done = client.post(CODE, {"code": code_of(factor[0]), "next": wanted})
        assert done["Location"] == wanted
        assert client.get(wanted).status_code == 200
        assert actions()[-3:] == [
            "account.sign_in", "account.second_factor_failed", "account.second_factor"
        ]  # fmt: skip
        assert "second facteur" in client.get("/compte/").content.decode().lower()

    def test_until_then_the_session_is_nobodys(
        self, factor: tuple[str, list[str]], client: Client, administrator: User
    ) -> None:
        client.post(LOGIN, NAMES)
        for address in ("/", "/compte/", "/personnes/", "/notifications/", SETTINGS):
            answer = client.get(address)
            assert answer["Location"].startswith(CODE), address
        assert client.post("/compte/sessions/", {})["Location"] == CODE
        assert not client.get("/v1/me").json()["username"]
        assert client.get("/nulle-part/").status_code == 404

    def test_the_administration_asks_too(
        self, factor: tuple[str, list[str]], client: Client, expert: User
    ) -> None:
        User.objects.filter(pk=expert.pk).update(is_staff=True)
        client.post("/admin/login/?next=/admin/", NAMES)
        assert client.get("/admin/")["Location"].startswith(CODE)
        client.post(CODE, {"code": code_of(factor[0])})
        assert client.get("/admin/").status_code == 200

    def test_the_form_of_the_editor_keeps_its_text_and_asks(
        self, factor: tuple[str, list[str]], client: Client, expert: User
    ) -> None:
        sheet = create_sheet(SheetType.objects.get(key="solution"), "Air", expert)
        save_edit(sheet, expert, base=None, text=Version("## Résumé\n\nAvant.\n"))
        edit = reverse("sheet_edit", args=[sheet.slug])
        text = {"body": "## Résumé\n\nAprès.\n", "base": 1, "do": "save", "sheet": sheet.pk}
        asked = client.post(edit, text | NAMES)
        page = asked.content.decode()
        assert asked.status_code == 401
        assert "Après." in page
        assert "second_factor-code" in page
        assert 'name="password"' not in page
        wrong = client.post(edit, text | {"second_factor-code": "000000"})
        assert wrong.status_code == 401
        assert "Après." in wrong.content.decode()
        bare = client.post(edit, text)
        assert (bare.status_code, "Après." in bare.content.decode()) == (401, True)
        assert sheet.revisions.count() == 1
        saved = client.post(edit, text | {"second_factor-code": code_of(factor[0])})
        assert saved.status_code == 302
        assert list(sheet.revisions.filter(body__contains="Après.", author=expert))

    def test_tokens_are_not_asked(self, factor: tuple[str, list[str]]) -> None:
        client = Client()
        client.post(LOGIN, NAMES)
        client.post(CODE, {"code": code_of(factor[0])})
        secret = make_token(client)
        answer = Client().get("/v1/me", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200


class TestCodes:
    def test_a_code_counts_once_and_so_does_one_before_it(
        self, factor: tuple[str, list[str]]
    ) -> None:
        secret = factor[0]
        first, second = Client(), Client()
        for client in (first, second):
            client.post(LOGIN, NAMES)
        assert first.post(CODE, {"code": code_of(secret)}).status_code == 302
        assert second.post(CODE, {"code": code_of(secret)}).status_code == 422
        assert second.post(CODE, {"code": code_of(secret, -1)}).status_code == 422
        assert second.post(CODE, {"code": code_of(secret, 1)}).status_code == 302

    def test_a_recovery_code_counts_once(self, factor: tuple[str, list[str]]) -> None:
        for code, status in ((factor[1][3], 302), (factor[1][3], 422), (factor[1][4], 302)):
            client = Client()
            client.post(LOGIN, NAMES)
            assert client.post(CODE, {"code": f" {code[:4]}-{code[4:]}"}).status_code == status

        assert actions().count("account.recovery_code") == 2

    def test_guesses_are_bounded_and_unlocked_by_an_administrator(
        self, factor: tuple[str, list[str]], client: Client, expert: User, administrator: User
    ) -> None:
        client.post(LOGIN, NAMES)
        answers = [client.post(CODE, {"code": "000000"}).status_code for _ in range(4)]
        assert answers == [422, 422, 422, 429]
        refused = client.post(CODE, {"code": code_of(factor[0])})
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
        assert Client().post(LOGIN, NAMES).status_code == 302  # the password has its own count
        curator = Client()
        curator.force_login(administrator)
        curator.post(f"/personnes/{expert.pk}/", {"do": "unlock"})
        assert client.post(CODE, {"code": code_of(factor[0])}).status_code == 302

    @pytest.mark.parametrize("code", ["", "0" * 41, "\0", "é" * 6, "１２３４５６"])
    def test_nonsense_is_refused(
        self, factor: tuple[str, list[str]], client: Client, code: str
    ) -> None:
        client.post(LOGIN, NAMES)
        assert client.post(CODE, {"code": code}).status_code == 422
        unblock()
        client.post(CODE, {"code": code_of(factor[0])})
        assert client.post(SETTINGS, {"do": "codes", "proof": code}).status_code == 422

    def test_another_secret_key_makes_all_codes_wrong(
        self, factor: tuple[str, list[str]], client: Client, settings: Settings
    ) -> None:
        settings.SECRET_KEY = "une autre clé"
        client.post(LOGIN, NAMES)
        for code in (code_of(factor[0]), factor[1][0]):
            assert client.post(CODE, {"code": code}).status_code == 422


class TestRequired:
    @pytest.mark.parametrize(
        ("whose", "asked"),
        [("nobody", []), ("administrators", ["administrator"]),
         ("curators", ["expert", "administrator"]),
         ("everyone", ["contributor", "expert", "administrator"])],
    )  # fmt: skip
    def test_the_setting_names_who_sets_one_up_before_anything_else(
        self, whose: str, asked: list[str], settings: Settings, request: Any
    ) -> None:
        settings.SECOND_FACTOR_FOR = whose
        for name in ("contributor", "expert", "administrator"):
            client = Client()
            client.force_login(request.getfixturevalue(name))
            led = client.get("/compte/").status_code == 302
            assert led == (name in asked), name
            assert bool(client.get("/v1/me").json()["username"]) != led

    def test_they_are_led_there_and_on(
        self, client: Client, expert: User, settings: Settings
    ) -> None:
        settings.SECOND_FACTOR_FOR = "curators"
        client.force_login(expert)
        assert client.get("/atelier/")["Location"] == f"{SETTINGS}?next=%2Fatelier%2F"
        set_up(client)
        assert client.get("/atelier/").status_code == 200


class TestReset:
    def test_an_administrator_resets_it(
        self, factor: tuple[str, list[str]], client: Client, expert: User, administrator: User
    ) -> None:
        lost = Client()
        lost.post(LOGIN, NAMES)
        lost.post(CODE, {"code": code_of(factor[0])})
        client.force_login(administrator)
        page = f"/personnes/{expert.pk}/"
        assert "reset_second_factor" in client.get(page).content.decode()
        client.post(page, {"do": "reset_second_factor"})
        assert not Authenticator.objects.exists()
        assert actions()[-1] == "account.reset_second_factor"
        assert AuditEvent.objects.latest("pk").actor_id == administrator.pk
        assert lost.get("/compte/")["Location"] == f"{LOGIN}?next=/compte/"
        assert "reset_second_factor" not in client.get(page).content.decode()

    def test_nobody_else_does(
        self, factor: tuple[str, list[str]], client: Client, expert: User, contributor: User
    ) -> None:
        client.force_login(contributor)
        client.post(f"/personnes/{expert.pk}/", {"do": "reset_second_factor"})
        assert Authenticator.objects.count() == 2


def test_pages_cost_no_query_more(
    client: Client, expert: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get("/compte/connexion/")
    client.force_login(expert)
    with django_assert_num_queries(2):  # the session, the user with their rights
        client.get("/compte/mot-de-passe/")
