"""The sources of a sheet through the API: what rests on them, adding, removing, replacing."""

from typing import Any

from ingestion.models import Document
from sheets.models import Sheet
from tests.api.conftest import Caller
from tests.sheets.test_pages import QUOTE
from wikico2.models import User


def another(title: str, **more: Any) -> Document:
    return Document.objects.create(
        title=title,
        filename="autre.pdf",
        file="autre.pdf",
        sha256=title.encode().hex().ljust(64, "0")[:64],
        size=1,
        page_count=3,
        state=Document.State.READY,
        **more,
    )


def test_what_rests_on_a_source_is_said_before_it_goes(
    program: Caller, sheet: Sheet, source: Document, contributor: User
) -> None:
    caller = program(contributor)
    path = f"/v1/sheets/{sheet.slug}/sources"
    (row,) = caller.get(path).json()["items"]
    assert (row["id"], row["citations"], row["newer"]) == (source.pk, 1, None)
    asked = caller.delete(f"{path}/{source.pk}")
    assert (asked.status_code, asked.json()["code"]) == (409, "statements_rest")
    resting = [one for one in asked.json()["statements"] if one["text"] == QUOTE]
    assert [one["loses_ground"] for one in resting] == [True]
    assert sheet.documents.count() == 1
    body = sheet.current.body if sheet.current else ""
    removed = caller.delete(f"{path}/{source.pk}?sure=true").json()
    assert removed["losing_ground"] == len(asked.json()["statements"])
    assert caller.get(path).json()["items"] == []
    sheet.refresh_from_db()
    assert sheet.current
    assert sheet.current.body == body
    assert caller.delete(f"{path}/{source.pk}").status_code == 404


def test_a_source_nothing_rests_on_goes_at_once(
    program: Caller, sheet: Sheet, contributor: User
) -> None:
    other = another("Fiche technique")
    caller = program(contributor)
    path = f"/v1/sheets/{sheet.slug}/sources"
    added = caller.post(path, {"sources": [other.pk, other.pk]}).json()["items"]
    assert [one["title"] for one in added] == ["Fiche technique", "Guide de l’air comprimé"]
    assert caller.delete(f"{path}/{other.pk}").json() == {"statements": [], "losing_ground": 0}


def test_a_later_version_is_named_and_replaces(
    program: Caller, sheet: Sheet, source: Document, contributor: User
) -> None:
    newer = another("Guide de l’air comprimé, 2e édition", supersedes=source)
    caller = program(contributor)
    path = f"/v1/sheets/{sheet.slug}/sources"
    assert caller.get(path).json()["items"][0]["newer"] == newer.pk
    put = caller.put(f"{path}/{source.pk}", {"source": newer.pk}).json()
    assert [one["id"] for one in put["items"]] == [newer.pk]
    kinds = [one["kind"] for one in caller.get(f"/v1/sheets/{sheet.slug}/events").json()["items"]]
    assert kinds == ["replace_source"]


def test_what_does_not_exist_is_refused_and_nothing_is_added(
    program: Caller, sheet: Sheet, contributor: User
) -> None:
    other = another("Fiche technique")
    path = f"/v1/sheets/{sheet.slug}/sources"
    refused = program(contributor).post(path, {"sources": [other.pk, 10**12]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_source")
    assert sheet.documents.count() == 1


def test_only_those_who_may_edit(program: Caller, published: Sheet, reader: User) -> None:
    path = f"/v1/sheets/{published.slug}"
    for caller, status in ((program(), 401), (program(reader), 403)):
        for address in (f"{path}/sources", f"{path}/suggested-sources"):
            assert caller.get(address).status_code == status


def test_sources_are_suggested_to_a_sheet_and_sheets_to_a_source(
    program: Caller, sheet: Sheet, source: Document, contributor: User
) -> None:
    caller = program(contributor)
    assert caller.get(f"/v1/sheets/{sheet.slug}/suggested-sources").json() == {"items": []}
    sheet.documents.remove(source)
    items = caller.get(f"/v1/sheets/{sheet.slug}/suggested-sources").json()["items"]
    assert [one["source"] for one in items] == [source.pk]
    assert items[0]["passage"]["text"] == QUOTE
    sheet.documents.add(source)
    found = caller.get(f"/v1/sources/{source.pk}/sheets").json()
    assert [one["slug"] for one in found["drawing"]] == [sheet.slug]
    limited = program(contributor, sheet_types=["secteur"])
    assert limited.get(f"/v1/sources/{source.pk}/sheets").json()["drawing"] == []
