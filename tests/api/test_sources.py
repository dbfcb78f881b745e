"""Sources, search and jobs through the API."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from ingestion.intake import upload as intake
from ingestion.models import Document
from sheets.models import Sheet
from tests.api.conftest import Caller
from tests.conftest import AIR, STEAM, make_pdf, run_queue
from wikico2.models import User


def pdf_file(*pages: tuple[str, ...], name: str = "rapport.pdf") -> io.BytesIO:
    file = io.BytesIO(make_pdf(*pages, title="Guide chaleur"))
    file.name = name
    return file


class TestUploads:
    def test_a_source_is_uploaded_read_and_found(self, program: Caller, contributor: User) -> None:
        caller = program(contributor, "write")
        made = caller.upload("/v1/sources", file=pdf_file(AIR, STEAM))
        assert made.status_code == 201, made.content
        source = made.json()["source"]
        assert (source["state"], source["pages"]) == ("waiting", 2)
        assert caller.get(source["job"]).json()["state"] == "waiting"
        run_queue()
        assert caller.get(source["job"]).json()["percent"] == 100
        address = source["address"]
        assert caller.get(address).json()["state"] == "ready"
        pages = caller.get(f"{address}/pages").json()["items"]
        assert [page["number"] for page in pages] == [1, 2]
        assert "économiseur" in caller.get(f"{address}/pages/2").json()["text"]
        passages = caller.get(f"{address}/passages").json()["items"]
        assert passages[0]["url"].endswith(f"/pages/1/?passage={passages[0]['id']}")
        found = caller.get("/v1/retrieve?q=chaleur d’un compresseur").json()["items"]
        assert found[0]["page_start"] == 1
        assert "90 %" in found[0]["text"]
        hit = caller.get("/v1/search?q=économiseur&type=sources").json()["items"][0]
        assert (hit["page"], hit["why"]["words"]) == (2, True)
        file = caller.get(f"{address}/file")
        assert b"".join(file.streaming_content).startswith(b"%PDF")

    def test_the_same_file_again_names_its_source(self, program: Caller, contributor: User) -> None:
        caller = program(contributor)
        first = caller.upload("/v1/sources", file=pdf_file(AIR)).json()["source"]["id"]
        again = caller.upload("/v1/sources", file=pdf_file(AIR))
        assert (again.status_code, again.json()["code"]) == (409, "duplicate")
        assert again.json()["source"] == first

    def test_a_key_makes_one_source_of_two_uploads(
        self, program: Caller, contributor: User
    ) -> None:
        caller = program(contributor)
        caller.headers["Idempotency-Key"] = "envoi-1"
        first, second = (caller.upload("/v1/sources", file=pdf_file(AIR)) for _ in range(2))
        assert (second.status_code, second.json()) == (201, first.json())
        assert Document.objects.count() == 1

    def test_a_large_file_streams_to_disk_and_one_beyond_the_limit_is_dropped(
        self,
        program: Caller,
        contributor: User,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[Any] = []
        accept = intake.accept_upload

        def watched(upload: Any, *args: Any, **rest: Any) -> Any:
            seen.append(upload)
            return accept(upload, *args, **rest)

        monkeypatch.setattr("ingestion.intake.imports.accept_upload", watched)
        caller = program(contributor)
        large = io.BytesIO(b"%PDF-1.7\n" + b"0" * (20 * 2**20))
        large.name = "grand.pdf"
        answer = caller.upload("/v1/sources", file=large)
        assert 400 <= answer.status_code < 500
        assert isinstance(seen[0], TemporaryUploadedFile)
        assert (seen[0].size or 0) > 20 * 2**20
        settings.MAX_UPLOAD_MB = 1
        large.seek(0)
        answer = caller.upload("/v1/sources", file=large)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [(b"", 422, "empty_file"), (b"{}", 415, "data_file"), (b"\x00\x01\x02", 415, None)],
    )
    def test_what_is_no_document_is_refused_with_its_code(
        self, program: Caller, contributor: User, content: bytes, status: int, code: str | None
    ) -> None:
        file = io.BytesIO(content)
        file.name = "a.pdf"
        answer = program(contributor).upload("/v1/sources", file=file)
        assert answer.status_code == status, answer.content
        assert code is None or answer.json()["code"] == code
        assert not Document.objects.exists()

    def test_addresses_become_imports_and_private_ones_are_refused_later(
        self, program: Caller, contributor: User
    ) -> None:
        caller = program(contributor)
        given = {"addresses": ["https://exemple.test/a.pdf"]}
        (row,) = caller.post("/v1/sources/addresses", given).json()
        assert caller.get(row["address"]).json()["state"] == "waiting"
        refused = caller.post("/v1/sources/addresses", {"addresses": ["file:///etc/passwd"]})
        assert (refused.status_code, refused.json()["code"]) == (422, "address_invalid")


class TestRights:
    def test_an_internal_source_is_closed_to_readers(
        self, program: Caller, contributor: User, document: Document
    ) -> None:
        Document.objects.update(access=Document.Access.INTERNAL)
        reader, member = program(), program(contributor, "read")
        for path in ("", "/file", "/pages", "/pages/1", "/pages/1/image", "/passages"):
            assert reader.get(f"/v1/sources/{document.pk}{path}").status_code == 401, path
            assert member.get(f"/v1/sources/{document.pk}{path}").status_code == 200, path
        assert reader.get("/v1/sources").json()["items"] == []
        assert reader.get("/v1/retrieve?q=compresseur").json()["items"] == []
        assert reader.get("/v1/search?q=compresseur&type=sources").json()["total"] == 0

    def test_a_reader_uploads_and_changes_nothing(
        self, program: Caller, document: Document
    ) -> None:
        reader, path = program(), f"/v1/sources/{document.pk}"
        assert reader.upload("/v1/sources", file=pdf_file(STEAM)).status_code == 401
        assert reader.send("patch", path, {"title": "A"}).status_code == 401
        assert reader.delete(path).status_code == 401
        assert reader.post(f"{path}/stop").status_code == 401

    def test_a_description_is_corrected(
        self, program: Caller, contributor: User, document: Document
    ) -> None:
        caller, path = program(contributor, "write"), f"/v1/sources/{document.pk}"
        given = {"title": "Guide corrigé", "published": "mars 2021"}
        answer = caller.send("patch", path, given)
        assert answer.status_code == 200, answer.content
        assert caller.get(f"{path}?fields=title,published").json() == {
            "title": "Guide corrigé",
            "published": "2021-03",
        }
        refused = caller.send("patch", path, {"published": "demain"})
        assert refused.json()["errors"][0]["where"] == "published"

    def test_its_owner_removes_an_uncited_source(
        self, program: Caller, contributor: User, expert: User, document: Document
    ) -> None:
        path = f"/v1/sources/{document.pk}"
        assert program(contributor, "write").delete(path).status_code == 204
        assert program(contributor).get(path).status_code == 404


class TestWork:
    def test_jobs_are_listed_stopped_and_restarted(
        self, program: Caller, administrator: User, waiting_document: Document
    ) -> None:
        caller = program(administrator)
        (job,) = caller.get("/v1/jobs").json()["items"]
        assert (job["kind"], job["state"], job["may_stop"]) == ("document", "waiting", True)
        assert caller.post(f"{job['address']}/stop").json()["state"] == "cancelled"
        assert caller.post(f"{job['address']}/retry").json()["state"] == "waiting"
        assert caller.get(f"{job['address']}/events").json()["items"]
        assert program().post(f"{job['address']}/stop").status_code == 401

    def test_the_queue_is_paused_by_who_may(
        self, program: Caller, administrator: User, contributor: User
    ) -> None:
        assert program(contributor).put("/v1/queue", {"paused": True}).status_code == 403
        caller = program(administrator)
        assert caller.put("/v1/queue", {"paused": True}).json() == {"paused": True}
        assert caller.put("/v1/queue", {"paused": False}).json() == {"paused": False}

    def test_locks_watches_and_confirmations(
        self, program: Caller, expert: User, sheet: Sheet
    ) -> None:
        caller, path = program(expert, "curate"), f"/v1/sheets/{sheet.slug}"
        assert caller.put(f"{path}/locks/contexte", None).json() == {"locks": ["contexte"]}
        assert caller.get(path).json()["locks"] == ["contexte"]
        assert caller.delete(f"{path}/locks/contexte").json() == {"locks": []}
        assert caller.put(f"{path}/watch", None).json() == {"watched": True}
        assert [s["slug"] for s in caller.get("/v1/watched").json()["items"]] == [sheet.slug]
        assert caller.delete(f"{path}/watch").json() == {"watched": False}
        left = caller.get(f"{path}/confirmations").json()
        assert left["version"] == 1
        for row in left["items"]:
            given = {"version": 1, "index": row["index"], "accepted": True}
            assert caller.post(f"{path}/confirmations", given).status_code == 200
        assert caller.get(f"{path}/confirmations").json()["items"] == []

    def test_types_activity_and_export(
        self, program: Caller, administrator: User, sheet: Sheet
    ) -> None:
        caller = program(administrator)
        keys = [row["key"] for row in caller.get("/v1/types").json()["items"]]
        assert keys == ["solution", "secteur"]
        fields = [
            field["key"]
            for section in caller.get("/v1/types/solution").json()["sections"]
            for field in section["fields"]
        ]
        assert {"energie", "co2", "capex", "opex"} <= set(fields)
        (change,) = caller.get("/v1/activity").json()["items"]
        assert (change["sheet"], change["version"]) == (sheet.slug, 1)
        made = caller.post("/v1/exports", {"files": False}).json()
        run_queue()
        shown = caller.get(f"/v1/exports/{made['id']}").json()
        archive = caller.get(shown["file"])
        assert b"".join(archive.streaming_content)[:2] == b"PK"


class TestSearch:
    def test_a_sheet_is_found_with_its_reasons(self, program: Caller, sheet: Sheet) -> None:
        found = program().get("/v1/search?q=recuperation de chaleur").json()
        assert found["total"] == 1
        hit = found["items"][0]
        assert (hit["slug"], hit["why"]["words"]) == (sheet.slug, True)
        assert found["facets"]["type"][0]["value"] == "solution"
        completions = program().get("/v1/suggestions?q=récup").json()["items"]
        assert completions[0]["text"] == sheet.title

    def test_a_token_for_one_kind_finds_no_other(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller = program(contributor, sheet_types=["secteur"])
        assert caller.get("/v1/search?q=chaleur").json()["total"] == 0
        assert caller.get("/v1/search?q=chaleur&fiche=solution").json()["total"] == 0
        assert caller.get("/v1/suggestions?q=récup").json()["items"] == []


def test_the_documentation_is_served_by_us_under_the_policy(client: Client, db: None) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "//cdn" not in html
    assert "<script>" not in html
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    schema = client.get("/v1/openapi.json").json()
    assert schema["paths"]["/v1/sheets/{slug}"]["get"]["operationId"] == "sheets_read"
