"""Discussions through the API: of a passage or of the sheet, answered, resolved, opened again."""

import pytest

from sheets.models import Discussion, Sheet
from tests.api.conftest import Caller
from tests.sheets.test_pages import QUOTE
from wikico2.models import User


@pytest.fixture
def path(sheet: Sheet) -> str:
    return f"/v1/sheets/{sheet.slug}/discussions"


def test_a_passage_is_discussed_and_settled(
    program: Caller, path: str, contributor: User, expert: User
) -> None:
    caller = program(contributor)
    begun = caller.post(path, {"text": "Quelle condition ?", "quote": QUOTE[:20]})
    assert begun.status_code == 201
    row = begun.json()
    assert (row["quote"], row["lost"], row["may_settle"]) == (QUOTE[:20].strip(), False, True)
    answered = program(expert).post(f"{row['address']}/comments", {"text": "À 7 bar."}).json()
    assert [one["text"] for one in answered["comments"]] == ["Quelle condition ?", "À 7 bar."]
    done = caller.post(f"{row['address']}/resolve").json()
    assert done["resolved_by"]["id"] == contributor.pk
    assert program(expert).post(f"{row['address']}/reopen").json()["resolved_at"] is None
    (listed,) = caller.get(path).json()["items"]
    assert listed["id"] == row["id"]


def test_only_an_expert_or_who_began_it_settles(
    program: Caller, path: str, contributor: User, expert: User
) -> None:
    row = program(expert).post(path, {"text": "À revoir."}).json()
    refused = program(contributor).post(f"{row['address']}/resolve")
    assert refused.status_code == 403
    assert Discussion.objects.unresolved().count() == 1
    assert program(contributor).get(path).json()["items"][0]["may_settle"] is False


def test_words_that_are_not_there_and_empty_comments_are_refused(
    program: Caller, path: str, contributor: User
) -> None:
    caller = program(contributor)
    refused = caller.post(path, {"text": "Où ?", "quote": "absent de la fiche"})
    assert (refused.status_code, refused.json()["code"]) == (422, "passage_unknown")
    for text in ("", " \n "):
        assert caller.post(path, {"text": text}).status_code == 422
    assert not Discussion.objects.exists()


def test_they_are_for_members(program: Caller, path: str, contributor: User, reader: User) -> None:
    row = program(contributor).post(path, {"text": "Entre nous."}).json()
    member = User.objects.create_user("membre")
    assert program().get(path).status_code == 401
    assert program(member).get(path).status_code == 403
    assert program(reader).get(path).status_code == 200
    for caller, status in ((program(), 401), (program(reader), 403)):
        assert caller.post(f"{row['address']}/comments", {"text": "x"}).status_code == status
    read_only = program(contributor, "read")
    assert read_only.post(path, {"text": "x"}).status_code == 403


def test_a_repeated_request_begins_one(program: Caller, path: str, contributor: User) -> None:
    caller = program(contributor)
    for _time in range(2):
        sent = caller.post(path, {"text": "Une fois."}, **{"Idempotency-Key": "une-fois"})
        assert sent.status_code == 201
    assert Discussion.objects.count() == 1
