"""Sign-in with an organisation's own accounts: who becomes whom, and what is refused."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.checks import run_checks
from django.test import Client
from pytest_django.fixtures import Settings

from tests.fake_organisation import CLIENT, SECRET, FakeOrganisation
from tests.test_accounts import LOGIN, invite
from tests.test_second_factor import CODE, SETTINGS, set_up
from wikico2.accounts.role_choice import RoleChoice, role_of
from wikico2.models import AuditEvent, User

pytestmark = pytest.mark.django_db
START, RETURN = "/compte/organisation/", "/compte/organisation/retour/"
NINA = {
    "sub": "u-7", "email": "nina@example.org", "email_verified": True,
    "preferred_username": "nina", "given_name": "Nina", "family_name": "Neuve",
}  # fmt: skip


@pytest.fixture(scope="module")
def service() -> Iterator[FakeOrganisation]:
    fake = FakeOrganisation()
    yield fake
    fake.stop()


@pytest.fixture
def provider(service: FakeOrganisation, settings: Settings) -> FakeOrganisation:
    service.claims, service.userinfo, service.token_changes = dict(NINA), {}, {}
    service.refuses = service.is_forged = False
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = service.issuer, CLIENT
    settings.OIDC_CLIENT_SECRET, settings.OIDC_NAME = SECRET, "Compte Exemple"
    return service


def come(client: Client, wanted: str = "") -> Any:
    """Go to the provider and back as a browser does; return the answer to the way back."""
    away = client.get(START, {"next": wanted} if wanted else {})
    assert away.status_code == 302, away.content
    back = httpx.get(away["Location"]).headers["Location"]
    parts = urlsplit(back)
    assert parts.path == RETURN
    return client.get(f"{parts.path}?{parts.query}")


def said(client: Client) -> str:
    return client.get(LOGIN).content.decode()


class TestSignIn:
    def test_the_button_leads_there_and_back(
        self, provider: FakeOrganisation, client: Client
    ) -> None:
        page = client.get(f"{LOGIN}?next=/compte/").content.decode()
        assert "Compte Exemple" in page
        assert f'href="{START}?next=/compte/"' in page
        assert come(client, "/compte/")["Location"] == "/compte/"
        nina = User.objects.get()
        assert (str(nina), nina.username, nina.email) == ("Nina Neuve", "nina", NINA["email"])
        assert role_of(nina) == RoleChoice.NONE
        assert not nina.has_usable_password()
        assert nina.email_verified_at
        page = client.get("/compte/").content.decode()
        assert "compte de l’organisation" in page
        assert "/compte/mot-de-passe/" not in page
        events = AuditEvent.objects.values_list("action", flat=True)
        assert {"account.add", "account.link", "account.sign_in"} <= set(events)

    def test_the_same_person_comes_again(self, provider: FakeOrganisation) -> None:
        come(Client())
        provider.claims |= {"email": "autre@example.org", "preferred_username": "autre"}
        assert come(Client())["Location"] == "/"
        assert User.objects.get().email == NINA["email"]
        assert SocialAccount.objects.get().extra_data == {}

    def test_an_address_elsewhere_is_not_followed(
        self, provider: FakeOrganisation, client: Client
    ) -> None:
        assert come(client, "https://example.org/")["Location"] == "/"

    def test_a_link_changes_nothing_of_what_is_asked_there(
        self, provider: FakeOrganisation, client: Client
    ) -> None:
        stray = {"auth_params": "prompt=none&nonce=x", "scope": "admin", "process": "connect"}
        asked = parse_qs(urlsplit(client.get(START, stray)["Location"]).query)
        assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
        assert "prompt" not in asked
        assert len(asked["nonce"][0]) > 20

    def test_names_that_are_taken_or_missing(
        self, provider: FakeOrganisation, expert: User
    ) -> None:
        provider.claims = {"sub": "u-8", "preferred_username": "emile"}
        come(Client())
        provider.claims = {"sub": "u-9", "email": "pas une adresse", "given_name": ["liste"]}
        come(Client())
        names = set(User.objects.exclude(pk=expert.pk).values_list("username", "email"))
        assert names == {("emile2", ""), ("compte", "")}

    def test_without_a_provider_there_is_neither_button_nor_address(self, client: Client) -> None:
        assert client.get(START).status_code == client.get(RETURN).status_code == 404
        assert START not in client.get(LOGIN).content.decode()


class TestAddress:
    def test_a_verified_address_opens_the_account_that_has_it(
        self, provider: FakeOrganisation, expert: User, client: Client
    ) -> None:
        provider.claims["email"] = "EMILE@example.org"
        User.objects.update(must_change_password=True)
        come(client)
        assert client.get("/compte/").status_code == 200  # that password was not used
        assert SocialAccount.objects.get().user == expert
        assert role_of(expert) == RoleChoice.EXPERT

    @pytest.mark.parametrize("verified", [None, False, "false", 1])
    def test_an_address_that_is_not_does_not(
        self, provider: FakeOrganisation, expert: User, client: Client, verified: Any
    ) -> None:
        provider.claims |= {"email": expert.email, "email_verified": verified}
        assert come(client)["Location"] == LOGIN
        assert "ne confirme pas" in said(client)
        assert not SocialAccount.objects.exists()
        assert User.objects.count() == 1

    def test_the_confirmation_of_another_address_does_not_count(
        self, provider: FakeOrganisation, expert: User, client: Client
    ) -> None:
        provider.claims = {"sub": "u-7", "email": expert.email}
        provider.userinfo = {"email": "nina@example.org", "email_verified": True}
        assert come(client)["Location"] == LOGIN
        assert not SocialAccount.objects.exists()

    def test_nobody_takes_a_colleagues_address_before_they_come(
        self, provider: FakeOrganisation, expert: User, client: Client, settings: Settings
    ) -> None:
        expert.set_password("secret")
        expert.save()
        client.force_login(expert)
        taken = {"email": NINA["email"], "password": "secret"}
        assert "address_email" not in client.get("/compte/").content.decode()
        assert client.post("/compte/adresse/", taken).status_code == 403
        come(Client())
        assert SocialAccount.objects.get().user != expert
        settings.EMAIL_HOST = "mail.test"  # a link confirms it
        assert "address_email" in client.get("/compte/").content.decode()
        assert client.post("/compte/adresse/", taken).status_code == 302

    def test_an_invitation_is_over_once_its_owner_has_come(
        self, provider: FakeOrganisation, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        nina = invite(client, str(NINA["email"]))
        come(Client())
        nina.refresh_from_db()
        assert not nina.is_invited
        assert role_of(nina) == RoleChoice.CONTRIBUTOR


class TestRoles:
    @pytest.mark.parametrize(
        ("claims", "role"),
        [
            ({"groups": ["wiki-experts", "wiki-admins", "autres"]}, RoleChoice.ADMINISTRATOR),
            ({"groups": "wiki-experts"}, RoleChoice.EXPERT),
            ({"groups": ["Wiki-Experts"]}, RoleChoice.NONE),
            ({"groups": {"wiki-experts": 1}}, RoleChoice.NONE),
            ({}, RoleChoice.NONE),
        ],
    )
    def test_a_claim_gives_the_first_role(
        self, provider: FakeOrganisation, settings: Settings, claims: Any, role: RoleChoice
    ) -> None:
        settings.OIDC_ROLE_CLAIM = "groups"
        settings.OIDC_ROLES = ["wiki-experts:expert", "wiki-admins:administrator"]
        provider.claims |= claims
        come(Client())
        assert role_of(User.objects.get()) == role
        provider.claims["groups"] = ["wiki-admins"]
        come(Client())
        assert role_of(User.objects.get()) == role  # later on administrators give roles

    def test_a_claim_within_another(self, provider: FakeOrganisation, settings: Settings) -> None:
        settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "realm_access.roles", ["urn:x:expert"]
        provider.claims["realm_access"] = {"roles": ["urn:x"]}
        come(Client())
        assert role_of(User.objects.get()) == RoleChoice.EXPERT

    def test_settings_that_make_no_sense_are_refused(self, settings: Settings) -> None:
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = "https://login.example.org", ""
        settings.OIDC_ROLES = ["tous:superuser", "expert"]
        found = [error.id for error in run_checks()]
        assert {"wikico2.E005", "wikico2.E006"} <= set(found)


class TestRefused:
    @pytest.mark.parametrize(
        "changes",
        [{"iss": "https://autre.example"}, {"aud": "autre"}, {"exp": 1}, {"nonce": "autre"},
         {"nonce": None}],
    )  # fmt: skip
    def test_a_token_for_another_issuer_audience_time_or_sign_in(
        self,
        provider: FakeOrganisation,
        client: Client,
        changes: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        provider.token_changes = changes
        assert come(client)["Location"] == LOGIN
        assert not User.objects.exists()
        assert "OAuth2Error" in caplog.text

    def test_a_token_with_another_signature(
        self, provider: FakeOrganisation, client: Client
    ) -> None:
        provider.is_forged = True
        assert come(client)["Location"] == LOGIN
        assert "organisation" in said(client)
        assert not User.objects.exists()

    def test_userinfo_about_somebody_else(self, provider: FakeOrganisation, client: Client) -> None:
        provider.userinfo = {"sub": "u-1"}
        assert come(client)["Location"] == LOGIN
        assert not User.objects.exists()

    def test_a_return_that_this_browser_did_not_begin(
        self, provider: FakeOrganisation, client: Client
    ) -> None:
        away = Client().get(START)
        back = httpx.get(away["Location"]).headers["Location"]
        assert client.get(back.partition("testserver")[2])["Location"] == LOGIN
        assert not User.objects.exists()

    def test_who_is_refused_there(self, provider: FakeOrganisation, client: Client) -> None:
        provider.refuses = True
        assert come(client)["Location"] == LOGIN
        assert "organisation" in said(client)

    def test_a_provider_that_does_not_answer(
        self, provider: FakeOrganisation, client: Client, settings: Settings
    ) -> None:
        settings.OIDC_ISSUER = "http://127.0.0.1:9"
        assert client.get(START)["Location"] == LOGIN
        assert "ne répond pas" in said(client)

    def test_a_deactivated_account(
        self, provider: FakeOrganisation, expert: User, client: Client
    ) -> None:
        User.objects.update(is_active=False)
        provider.claims["email"] = expert.email
        assert come(client)["Location"] == LOGIN
        assert "désactivé" in said(client)


class TestSecondFactor:
    def test_it_need_not_be_set_up_here_but_is_asked_for_where_it_is(
        self, provider: FakeOrganisation, settings: Settings
    ) -> None:
        settings.SECOND_FACTOR_FOR = "everyone"
        client = Client()
        come(client)
        assert client.get("/compte/").status_code == 200
        set_up(client)
        other = Client()
        come(other)
        assert other.get("/compte/")["Location"].startswith(CODE)

    def test_without_a_password_a_code_removes_it(self, provider: FakeOrganisation) -> None:
        client = Client()
        come(client)
        _secret, codes = set_up(client)
        wrong = client.post(SETTINGS, {"do": "remove", "proof": "000000"})
        assert wrong.status_code == 422
        assert client.post(SETTINGS, {"do": "remove", "proof": codes[0]}).status_code == 302
        assert Client().get("/").status_code == 200
