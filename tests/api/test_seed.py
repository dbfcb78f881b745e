"""The addresses of the first prototype, used as a small script of its front end would."""

import time
from typing import Any

import pytest

from api.routes import seed
from sheets.models import Revision, Sheet
from tests.api.conftest import Caller
from tests.api.test_sources import pdf_file
from tests.conftest import AIR, LIGHT, run_queue
from tests.sheets.test_pages import QUOTE
from wikico2.models import User


def test_two_pdfs_become_sheets_that_are_listed_read_updated(
    program: Caller, contributor: User
) -> None:
    caller = program(contributor, "write")
    made = caller.upload("/v1/process/solution", file=pdf_file(AIR), title="Air comprimé")
    assert made.status_code == 202, made.content
    other = caller.upload("/v1/process/sector", file=pdf_file(LIGHT, name="b.pdf"))
    assert other.status_code == 202, other.content
    assert caller.get(made.json()["job"]).json()["state"] == "waiting"
    run_queue()
    assert caller.get(made.json()["job"]).json()["state"] == "done"
    (row,) = caller.get("/v1/get/solution").json()
    assert (row["title"], row["type"]) == ("Air comprimé", "solution")
    (sector,) = caller.get("/v1/get/sector").json()
    assert sector["title"] == "Guide chaleur"
    sheet = caller.get(f"/v1/get/{row['id']}").json()
    assert {"resume", "contexte", "impacts"} <= set(sheet["fields"])
    given = {
        "base": sheet["version"],
        "header": {"categorie": "Air comprimé"},
        "fields": {"impacts": {"energie": ["Gain de 5 %", "Gain de 7 %"]}},
        "comment": "Deux gains",
    }
    updated = caller.put(f"/v1/update/{row['id']}", given)
    assert updated.status_code == 200, updated.content
    content = updated.json()
    assert content["version"] == sheet["version"] + 1
    assert content["fields"]["impacts"]["energie"] == ["Gain de 5 %", "Gain de 7 %"]
    assert content["header"]["categorie"] == "Air comprimé"
    stays = {key: value for key, value in sheet["fields"].items() if key != "impacts"}
    assert {key: content["fields"][key] for key in stays} == stays
    assert content["notes"].items() <= sheet["notes"].items()
    stale = caller.put(f"/v1/update/{row['id']}", given)
    assert stale.status_code == 409
    history = caller.get(f"/v1/get/{row['id']}/history").json()
    assert [one["comment"] for one in history][:1] == ["Deux gains"]


def test_a_sheet_is_given_within_the_wait_or_its_job(
    program: Caller, contributor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: run_queue())
    caller = program(contributor, "write")
    answer = caller.upload("/v1/process/solution?wait=20", file=pdf_file(AIR))
    assert answer.status_code == 200, answer.content
    assert answer.json()["version"] == 1
    assert answer.json()["title"] == "Guide chaleur"
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(seed, "is_written", lambda sheet, wait: False)
    again = caller.upload("/v1/process/sector?wait=20", file=pdf_file(AIR))
    assert (again.status_code, again.json()["slug"]) == (202, "guide-chaleur-2")
    assert caller.upload("/v1/process/sector?wait=21", file=pdf_file(AIR)).status_code == 422


def test_an_unchanged_update_makes_no_version(
    program: Caller, contributor: User, sheet: Sheet
) -> None:
    caller = program(contributor)
    content = caller.get(f"/v1/get/{sheet.pk}").json()
    given = {name: content[name] for name in ("header", "fields", "notes")} | {"base": 1}
    assert caller.put(f"/v1/update/{sheet.pk}", given).json()["version"] == 1
    assert Revision.objects.count() == 1
    assert content["fields"]["contexte"]["objectif"] == f"{QUOTE}[^1]"


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"fields": {"impacts": {"absent": "a"}}, "base": 1}, 422, "unknown_fields"),
        ({"fields": {"impacts": {"energie": ["a\nb"]}}, "base": 1}, 422, "invalid"),
        ({"fields": {"impacts": {"energie": "a[^9]"}}, "base": 1}, 422, "text_invalid"),
        ({"fields": {"impacts": {"energie": "a"}}}, 428, "base_missing"),
        ({"fields": {"impacts": {"energie": "a"}}, "base": 9}, 412, "base_unknown"),
        ({"fields": {"impacts": 3}, "base": 1}, 422, "invalid"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    program: Caller, contributor: User, sheet: Sheet, given: Any, status: int, code: str
) -> None:
    answer = program(contributor).put(f"/v1/update/{sheet.pk}", given)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert Revision.objects.count() == 1


def test_readers_process_nothing(program: Caller, db: None) -> None:
    assert program().upload("/v1/process/solution", file=pdf_file(AIR)).status_code == 401
    assert program().put("/v1/update/1", {}).status_code == 401
