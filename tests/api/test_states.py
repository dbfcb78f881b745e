"""The life of a sheet through the API: who may do what in which state, and what comes of it."""

import datetime as dt
from typing import Any

import pytest

from sheets.models import Sheet
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from tests.api.conftest import Caller
from wikico2.models import User


def path_of(sheet: Sheet, *more: str) -> str:
    return "/".join([f"/v1/sheets/{sheet.slug}", *more])


def test_from_draft_to_published(
    program: Caller, sheet: Sheet, contributor: User, expert: User, administrator: User
) -> None:
    writes, curates, rules = program(contributor), program(expert), program(administrator)
    assert writes.get(path_of(sheet, "state")).json()["actions"] == ["submit"]
    submitted = writes.post(path_of(sheet, "submit"), {"comment": "Relue."}).json()
    assert (submitted["state"], submitted["actions"]) == ("review", [])
    assert writes.post(path_of(sheet, "validate"), {"version": 1}).status_code == 403
    due = curates.get("/v1/due").json()["items"]
    assert [one["sheet"] for one in due] == [sheet.slug]
    day = "2031-03-01"
    valid = curates.post(path_of(sheet, "validate"), {"version": 1, "review_on": day}).json()
    assert (valid["state"], valid["validated_version"], valid["review_on"]) == ("validated", 1, day)
    assert curates.post(path_of(sheet, "publish")).status_code == 403
    assert rules.post(path_of(sheet, "publish")).json()["state"] == "published"
    events = writes.get(path_of(sheet, "events")).json()["items"]
    assert [one["kind"] for one in events] == ["publish", "validate", "submit"]
    assert [one["comment"] for one in events] == ["", "", "Relue."]
    assert program().get(path_of(sheet, "events")).json()["items"][2]["comment"] == ""


def test_a_version_that_is_no_longer_the_current_one_is_not_validated(
    program: Caller, sheet: Sheet, expert: User
) -> None:
    assert sheet.current
    text = version_of(sheet.current)
    changed = type(text)(f"{text.body}\nAutre chose.\n", text.values)
    save_edit(sheet, expert, base=sheet.current, text=changed)
    answer = program(expert).post(path_of(sheet, "validate"), {"version": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")
    sheet.refresh_from_db()
    assert (sheet.state, sheet.validated_revision) == ("draft", None)


def test_requested_changes_say_which(program: Caller, sheet: Sheet, expert: User) -> None:
    caller = program(expert)
    wrong = caller.post(path_of(sheet, "request-changes"), {"comment": "Chiffrer."})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_state")
    caller.post(path_of(sheet, "submit"))
    refused = caller.post(path_of(sheet, "request-changes"), {"comment": " "})
    assert (refused.status_code, refused.json()["code"]) == (422, "comment_needed")
    asked = caller.post(path_of(sheet, "request-changes"), {"comment": "Chiffrer."})
    assert asked.json()["state"] == "draft"


def test_an_archived_sheet_comes_back_as_it_was(
    program: Caller, published: Sheet, administrator: User, expert: User
) -> None:
    caller = program(administrator)
    assert program(expert).post(path_of(published, "archive")).status_code == 403
    assert caller.post(path_of(published, "archive")).json()["actions"] == ["restore"]
    assert caller.get("/v1/sheets").json()["items"] == []
    assert caller.post(path_of(published, "restore")).json()["state"] == "published"


def test_who_is_in_charge_and_when_to_review(
    program: Caller, sheet: Sheet, contributor: User, expert: User
) -> None:
    caller = program(expert)
    put = caller.put(path_of(sheet, "responsible"), {"person": contributor.pk}).json()
    assert put["responsible"] == {"id": contributor.pk, "name": str(contributor)}
    today = dt.date.today().isoformat()
    assert caller.put(path_of(sheet, "review"), {"review_on": today}).json()["review_on"] == today
    mine = program(contributor).get("/v1/due?what=review&mine=true").json()["items"]
    assert [one["sheet"] for one in mine] == [sheet.slug]
    assert caller.get("/v1/due?what=review&mine=true").json()["items"] == []
    # In charge, a contributor may pass it on, but not say when.
    own = program(contributor)
    assert own.put(path_of(sheet, "review"), {"review_on": None}).status_code == 403
    assert own.put(path_of(sheet, "responsible"), {"person": None}).json()["responsible"] is None
    assert own.put(path_of(sheet, "responsible"), {"person": None}).status_code == 403
    member = User.objects.create_user("membre")
    for person in (member.pk, 10**15):
        refused = caller.put(path_of(sheet, "responsible"), {"person": person})
        assert (refused.status_code, refused.json()["code"]) == (422, "person_unknown")


class TestDeleting:
    @pytest.fixture
    def superuser(self, db: None) -> User:
        return User.objects.create_superuser("racine", "racine@example.org", "mot de passe")

    def test_it_can_be_undone(self, program: Caller, published: Sheet, superuser: User) -> None:
        caller = program(superuser)
        deleted = caller.delete(path_of(published)).json()
        assert deleted["belongings"]["versions"] == 1
        assert caller.get(path_of(published)).status_code == 404
        (row,) = caller.get("/v1/deleted-sheets").json()["items"]
        assert (row["id"], row["title"]) == (published.pk, published.title)
        back = caller.post(f"{row['address']}/restore").json()
        assert back["state"] == "published"
        assert program().get(path_of(published)).status_code == 200
        assert caller.post(f"{row['address']}/restore").status_code == 404

    @pytest.mark.parametrize("scope", ["read", "write", "curate"])
    def test_a_narrow_token_deletes_nothing(
        self, program: Caller, published: Sheet, superuser: User, scope: str
    ) -> None:
        caller = program(superuser, scope)
        for answer in (caller.delete(path_of(published)), caller.get("/v1/deleted-sheets")):
            assert answer.status_code == 403
        assert Sheet.objects.filter(pk=published.pk).exists()

    def test_administrators_do_not(
        self, program: Caller, published: Sheet, administrator: User
    ) -> None:
        assert program(administrator).delete(path_of(published)).status_code == 403

    def test_a_token_of_another_type_sees_none_of_it(
        self, program: Caller, published: Sheet, superuser: User
    ) -> None:
        program(superuser).delete(path_of(published))
        other = program(superuser, sheet_types=["secteur"])
        assert other.get("/v1/deleted-sheets").json()["items"] == []
        assert other.post(f"/v1/deleted-sheets/{published.pk}/restore").status_code == 404


@pytest.mark.parametrize(
    "action",
    ["submit", "validate", "request-changes", "publish", "archive", "restore"],
)
def test_nobody_changes_a_state_without_an_account(
    program: Caller, published: Sheet, action: str
) -> None:
    content: dict[str, Any] = {"version": 1} if action == "validate" else {}
    assert program().post(path_of(published, action), content).status_code == 401
