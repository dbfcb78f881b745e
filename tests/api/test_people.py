"""People through the API: what the pages of administrators do, by the same functions and rules."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.api.conftest import Caller, Program
from wikico2.accounts.role_choice import role_of
from wikico2.models import AuditEvent, OutgoingMail, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(program: Caller, administrator: User) -> Program:
    return program(administrator)


def test_an_invited_person_comes_in_by_the_link(caller: Program, client: Client) -> None:
    given = {"email": "Nina@example.org", "role": "expert", "first_name": "Nina"}
    answer = caller.post("/v1/people", given)
    assert answer.status_code == 201
    told = answer.json()
    person = User.objects.get(username="Nina")
    assert (told["person"]["role"], told["person"]["invited"]) == ("expert", True)
    assert client.get("/" + told["link"].split("/", 3)[3]).status_code == 200
    again = caller.post(f"{told['person']['address']}/invite").json()
    assert client.get("/" + told["link"].split("/", 3)[3]).status_code in (404, 410)
    assert again["link"] != told["link"]
    taken = caller.post("/v1/people", given)
    assert (taken.status_code, taken.json()["errors"][0]["where"]) == (422, "email")
    assert role_of(person) == "expert"


def test_with_e_mail_the_link_is_not_told(caller: Program, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.test"
    told = caller.post("/v1/people", {"email": "nina@example.org", "role": ""}).json()
    assert told["link"] is None
    assert OutgoingMail.objects.get().to == "nina@example.org"


def test_role_and_access_change_and_are_logged(
    caller: Program, program: Caller, contributor: User, client: Client
) -> None:
    client.force_login(contributor)
    theirs = program(contributor)
    path = f"/v1/people/{contributor.pk}"
    assert caller.put(f"{path}/role", {"role": "reader"}).json()["role"] == "reader"
    assert caller.post(f"{path}/deactivate").json()["active"] is False
    assert client.get("/compte/").status_code == 302
    assert theirs.get("/v1/me").status_code == 401
    refused = caller.post(f"{path}/invite")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert caller.post(f"{path}/activate").json()["active"] is True
    assert caller.post(f"{path}/unlock").json()["locked"] is False
    assert caller.get(f"/v1/people?q={contributor.username}").json()["items"][0]["id"] == (
        contributor.pk
    )
    did = AuditEvent.objects.filter(kind="wikico2.user", action__startswith="account.")
    assert list(did.order_by("pk").values_list("action", flat=True))[-4:] == [
        "account.change_role",
        "account.deactivate",
        "account.activate",
        "account.unlock",
    ]
    change = AuditEvent.objects.get(action="account.change_role")
    assert change.details == {"old": "contributor", "new": "reader"}


def test_nobody_goes_beyond_their_rights(
    program: Caller, administrator: User, expert: User, contributor: User
) -> None:
    root = User.objects.create_superuser("racine")
    caller = program(administrator)
    role = {"role": "superuser"}
    assert caller.put(f"/v1/people/{contributor.pk}/role", role).status_code == 422
    invited = caller.post("/v1/people", {"email": "a@b.test", **role})
    assert (invited.status_code, invited.json()["code"]) == (422, "person_invalid")
    for other in (root, administrator):
        for what in ("deactivate", "activate", "invite", "unlock"):
            assert caller.post(f"/v1/people/{other.pk}/{what}").status_code == 403
        assert caller.put(f"/v1/people/{other.pk}/role", {"role": ""}).status_code == 403
    limited = (program(administrator, "curate"), program(administrator, sheet_types=["solution"]))
    for weak in (program(expert), *limited):
        assert weak.get("/v1/people").status_code == 403
        assert weak.post(f"/v1/people/{contributor.pk}/deactivate").status_code == 403
        assert weak.post("/v1/people", {"email": "a@b.test", "role": ""}).status_code == 403
    contributor.refresh_from_db()
    assert contributor.is_active
