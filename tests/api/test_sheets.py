"""Sheets through the API: lists, reading with proof, editing with a base, versions."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from ingestion.models import Document
from sheets.models import Proposal, Revision, Sheet
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from tests.api.conftest import Caller
from tests.conftest import run_queue
from tests.sheets.test_pages import QUOTE
from wikico2.models import User

HEAD = "## 🧭 Contexte & périmètre\n\n### Objectif principal\n\n"


def two_paragraphs(sheet: Sheet, user: User) -> None:
    """Give the sheet two paragraphs, so that two people can edit apart."""
    current = sheet.current
    assert current
    body = current.body.replace(f"{QUOTE}[^1]\n", f"{QUOTE}[^1]\n\nUn second paragraphe.\n")
    text = version_of(current)
    save_edit(sheet, user, base=current, text=type(text)(body, text.values))


class TestReading:
    def test_every_figure_comes_with_quote_document_page_level_and_address(
        self, program: Caller, sheet: Sheet, source: Document
    ) -> None:
        answer = program().get(f"/v1/sheets/{sheet.slug}")
        content = answer.json()
        assert content["header"] == {"categorie": "Air comprimé[^1]"}
        (statement,) = [s for s in content["statements"] if s["field"] == "objectif"]
        assert (statement["text"], statement["level"]) == (QUOTE, "verbatim")
        assert statement["url"].endswith(f"/fiches/{sheet.slug}/#{statement['id']}")
        (citation,) = content["citations"]
        assert citation["marker"] in statement["citations"]
        assert (citation["source"], citation["page"], citation["quote"]) == (source.pk, 14, QUOTE)
        assert f"/sources/{source.pk}/pages/14/?citation=" in citation["url"]
        assert content["sources"] == [{"id": source.pk, "title": source.title}]
        assert answer.headers["ETag"].startswith('"1-')

    def test_an_unchanged_sheet_is_not_sent_again(self, program: Caller, sheet: Sheet) -> None:
        caller = program()
        etag = caller.get(f"/v1/sheets/{sheet.slug}").headers["ETag"]
        again = caller.get(f"/v1/sheets/{sheet.slug}", **{"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")

    def test_fields_shorten_sheets_and_lists(self, program: Caller, sheet: Sheet) -> None:
        caller = program()
        wanted = "?fields=title,version"
        title = {"title": "Récupération de chaleur", "version": 1}
        assert caller.get(f"/v1/sheets/{sheet.slug}{wanted}").json() == title
        assert caller.get(f"/v1/sheets{wanted}").json() == {"items": [title], "next": None}
        refused = caller.get(f"/v1/sheets/{sheet.slug}?fields=secret")
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_fields")

    def test_markdown_and_html(self, program: Caller, sheet: Sheet) -> None:
        caller = program()
        markdown = caller.get(f"/v1/sheets/{sheet.slug}/markdown")
        assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert QUOTE in markdown.content.decode()
        html = caller.get(f"/v1/sheets/{sheet.slug}/html").content.decode()
        assert "70\u202f%" in html

    def test_the_id_leads_to_the_sheet_too(self, program: Caller, sheet: Sheet) -> None:
        assert program().get(f"/v1/sheets/{sheet.pk}").json()["slug"] == sheet.slug

    @pytest.mark.parametrize("slug", ["absent", "0", "9" * 30, "a%00b", "²"])
    def test_what_does_not_exist_is_a_404(self, program: Caller, db: None, slug: str) -> None:
        answer = program().get(f"/v1/sheets/{slug}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_errors_are_in_the_language_of_the_request(self, program: Caller, db: None) -> None:
        caller = program()
        details = {
            language: caller.get("/v1/sheets/x", **{"Accept-Language": language}).json()["detail"]
            for language in ("fr", "en")
        }
        assert details["en"] == "There is nothing at this address, or you may not see it."
        assert details["fr"] != details["en"]

    def test_a_renamed_sheet_is_found_at_its_old_address(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller = program(contributor)
        given = {"title": "Récupération d’énergie"}
        assert caller.post(f"/v1/sheets/{sheet.slug}/rename", given).status_code == 200
        answer = caller.get(f"/v1/sheets/{sheet.slug}")
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            "/v1/sheets/recuperation-denergie",
        )


class TestLists:
    def test_cursors_walk_the_list_once_in_each_order(
        self, program: Caller, contributor: User
    ) -> None:
        caller = program(contributor)
        for n in range(5):
            given = {"type": "solution", "title": f"Fiche {n}", "markdown": f"{HEAD}Texte {n}."}
            assert caller.post("/v1/sheets", given).status_code == 201
        for order in ("recent", "title", "complete", "incomplete", "sure", "unsure"):
            found: list[str] = []
            cursor = ""
            while cursor is not None:
                page = caller.get(f"/v1/sheets?limit=2&sort={order}&cursor={cursor}").json()
                found += [row["slug"] for row in page["items"]]
                cursor = page["next"]
            assert sorted(found) == [f"fiche-{n}" for n in range(5)], order

    @pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "é", "A" * 1_500])
    def test_a_strange_cursor_is_refused(self, program: Caller, db: None, cursor: str) -> None:
        answer = program().get(f"/v1/sheets?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")

    def test_the_facets_of_the_site_narrow_it(self, program: Caller, sheet: Sheet) -> None:
        caller = program()
        for query, count in (
            ("type=solution", 1),
            ("type=secteur", 0),
            ("q=chaleur", 1),
            ("q=vapeur", 0),
            ("category=Air comprimé", 1),
            ("state=published", 0),
        ):
            assert len(caller.get(f"/v1/sheets?{query}").json()["items"]) == count, query


class TestCreating:
    def test_with_a_text(self, program: Caller, contributor: User) -> None:
        given = {
            "type": "solution",
            "title": "Éclairage",
            "markdown": f"{HEAD}Éclairer mieux.",
            "header": {"categorie": "Éclairage"},
        }
        answer = program(contributor, "write").post("/v1/sheets", given)
        assert answer.status_code == 201, answer.content
        sheet = Sheet.objects.get(slug="eclairage")
        assert sheet.current
        assert sheet.current.metadata == {"categorie": "Éclairage"}
        assert answer.json()["version"] == 1

    def test_from_sources_with_a_job(
        self, program: Caller, contributor: User, document: Document
    ) -> None:
        caller = program(contributor, "write")
        given = {"type": "solution", "title": "Air comprimé", "sources": [document.pk]}
        answer = caller.post("/v1/sheets", given)
        assert answer.status_code == 202, answer.content
        job = answer.json()["job"]
        assert caller.get(job).json()["state"] == "waiting"
        run_queue()
        assert caller.get(job).json()["state"] == "done"
        sheet = caller.get(answer.json()["address"]).json()
        assert sheet["version"] == 1
        assert caller.get(f"{answer.json()['address']}/generation").json()["state"] == "done"

    def test_the_same_key_makes_one_sheet(self, program: Caller, contributor: User) -> None:
        caller = program(contributor, "write")
        given = {"type": "solution", "title": "Une fois", "markdown": HEAD + "A."}
        key = {"Idempotency-Key": "k-1"}
        first, second = (caller.post("/v1/sheets", given, **key) for _ in range(2))
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert Sheet.objects.count() == 1
        other = caller.post("/v1/sheets", {**given, "title": "Deux"}, **key)
        assert other.json()["code"] == "idempotency_reused"

    def test_a_refused_request_does_not_hold_its_key(
        self, program: Caller, contributor: User
    ) -> None:
        caller = program(contributor, "write")
        given: dict[str, Any] = {"type": "absent", "title": "Une fois", "markdown": HEAD + "A."}
        key = {"Idempotency-Key": "k-1"}
        assert caller.post("/v1/sheets", given, **key).status_code == 422
        again = caller.post("/v1/sheets", given, **key)
        assert (again.status_code, again.json()["code"]) == (422, "unknown_type")

    def test_a_title_that_is_taken_is_a_conflict(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        given = {"type": "solution", "title": "RÉCUPÉRATION de chaleur", "markdown": HEAD}
        answer = program(contributor).post("/v1/sheets", given)
        assert (answer.status_code, answer.json()["code"]) == (409, "title_taken")

    def test_a_marker_without_footnote_is_refused_as_on_the_page(
        self, program: Caller, contributor: User
    ) -> None:
        given = {"type": "solution", "title": "Sans note", "markdown": f"{HEAD}Un texte[^7]."}
        answer = program(contributor).post("/v1/sheets", given)
        assert (answer.status_code, answer.json()["code"]) == (422, "text_invalid")
        assert answer.json()["errors"][0]["where"] == "body"
        assert not Sheet.objects.exists()


class TestEditing:
    def test_whole_section_and_header(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller, path = program(contributor, "write"), f"/v1/sheets/{sheet.slug}"
        given = {"base": 1, "header": {"systeme": "Compresseur"}}
        assert caller.put(path, given).json()["version"] == 2
        section = caller.get(f"{path}/sections/contexte").json()
        given = {
            "base": 2,
            "section": "contexte",
            "markdown": section["markdown"].replace(f"{QUOTE}[^1]", f"{QUOTE}[^1]\n\nEt plus."),
        }
        assert caller.put(path, given).json()["version"] == 3
        content = caller.get(path).json()
        assert "Et plus." in content["markdown"]
        assert content["header"] == {"categorie": "Air comprimé[^1]", "systeme": "Compresseur"}

    def test_if_match_names_the_base(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        missing = caller.put(path, {"markdown": f"{HEAD}A."})
        assert (missing.status_code, missing.json()["code"]) == (428, "base_missing")
        etag = caller.get(path).headers["ETag"]
        saved = caller.put(path, {"markdown": f"{HEAD}A."}, **{"If-Match": etag})
        assert saved.json()["version"] == 2
        for strange in ('"x"', "*", '"99-a"'):
            refused = caller.put(path, {"markdown": "B"}, **{"If-Match": strange})
            assert (refused.status_code, refused.json()["code"]) == (412, "base_unknown")

    def test_a_stale_base_answers_with_the_merge_and_saves_it_when_asked(
        self, program: Caller, contributor: User, expert: User, sheet: Sheet
    ) -> None:
        two_paragraphs(sheet, expert)
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        base = caller.get(path).json()["markdown"]
        theirs = base.replace("Un second paragraphe.", "Un autre second paragraphe.")
        assert program(expert).put(path, {"base": 2, "markdown": theirs}).json()["version"] == 3
        mine = base.replace("### Objectif principal", "### Objectif principal\n\nEn bref.")
        refused = caller.put(path, {"base": 2, "markdown": mine})
        assert (refused.status_code, refused.json()["code"]) == (409, "stale_base")
        content = refused.json()
        assert content["onto"] == 3
        assert content["conflicts"] == []
        merged = content["merged"]["markdown"]
        assert "En bref." in merged
        assert "Un autre second paragraphe." in merged
        saved = caller.put(path, {"base": 2, "markdown": mine, "on_stale": "merge"}).json()
        assert (saved["version"], saved["merged"]) == (4, True)
        assert caller.get(path).json()["markdown"].strip() == merged.strip()

    def test_conflicts_are_listed_and_resolved_by_choices(
        self, program: Caller, contributor: User, expert: User, sheet: Sheet
    ) -> None:
        two_paragraphs(sheet, expert)
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        base = caller.get(path).json()["markdown"]

        def reworded(text: str) -> str:
            return str(base).replace("Un second paragraphe.", text)

        program(expert).put(path, {"base": 2, "markdown": reworded("Ce que l’expert écrit.")})
        given = {"base": 2, "markdown": reworded("Ma phrase tout autre."), "on_stale": "merge"}
        refused = caller.put(path, given).json()
        assert refused["code"] == "conflicts"
        (conflict,) = refused["conflicts"]
        assert "expert" in conflict["current"]
        assert "Ma phrase" in conflict["yours"]
        choices = {conflict["id"]: {"take": "theirs"}}
        saved = caller.put(path, {**given, "choices": choices, "onto": refused["onto"]})
        assert saved.status_code == 200, saved.content
        assert "Ma phrase tout autre." in caller.get(path).json()["markdown"]

    def test_the_same_text_makes_no_version(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        given = {"base": 1, "markdown": caller.get(path).json()["markdown"]}
        assert caller.put(path, given).json()["changed"] is False
        assert Revision.objects.count() == 1

    def test_a_reader_and_a_nul_change_nothing(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        path = f"/v1/sheets/{sheet.slug}"
        refused = program().put(path, {"base": 1, "markdown": "A"})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        given = {"base": 1, "markdown": f"{HEAD}a\0b"}
        assert program(contributor).put(path, given).status_code == 200
        assert "ab" in Revision.objects.get(number=2).body

    @pytest.mark.parametrize("section", ["absente", "x" * 200, "../contexte"])
    def test_an_unknown_section_or_field_is_refused(
        self, program: Caller, contributor: User, sheet: Sheet, section: str
    ) -> None:
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        answer = caller.put(path, {"base": 1, "section": section, "markdown": "A"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_section")
        answer = caller.put(path, {"base": 1, "header": {"absent": "A"}})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_fields")


class TestVersions:
    def test_history_text_comparison_and_restoring(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller, path = program(contributor), f"/v1/sheets/{sheet.slug}"
        before = caller.get(path).json()["markdown"]
        caller.put(path, {"base": 1, "markdown": f"{HEAD}Tout autre chose.", "comment": "Essai"})
        rows = caller.get(f"{path}/revisions").json()["items"]
        assert [(r["number"], r["comment"]) for r in rows] == [(2, "Essai"), (1, "")]
        assert caller.get(f"{path}/revisions/1").json()["markdown"] == before
        changes = caller.get(f"{path}/compare/1/2").json()["blocks"]
        assert any("Tout autre chose." in change["new"] for change in changes)
        stale = caller.post(f"{path}/revisions/1/restore", {"base": 1})
        assert (stale.status_code, stale.json()["onto"]) == (409, 2)
        restored = caller.post(f"{path}/revisions/1/restore", {"base": 2}).json()
        assert restored["version"] == 3
        assert caller.get(path).json()["markdown"] == before


class TestProposals:
    def test_a_reader_proposes_and_an_expert_accepts(
        self, program: Caller, expert: User, sheet: Sheet
    ) -> None:
        text = sheet.current.body.replace("### Objectif", "En bref.\n\n### Objectif")  # type: ignore[union-attr]
        given = {"markdown": text, "remark": "Une phrase d’abord", "signed": "Zoé"}
        made = program().post(f"/v1/sheets/{sheet.slug}/proposals", given)
        assert made.status_code == 201, made.content
        address = made.json()["address"]
        assert program().get(address).status_code == 401
        caller = program(expert, "curate")
        (row,) = caller.get("/v1/proposals").json()["items"]
        assert (row["signed"], row["state"], row["origin"]) == ("Zoé", "open", "suggested")
        shown = caller.get(address).json()
        assert "En bref." in shown["merged"]
        refused = caller.post(f"{address}/decision", {"decision": "refuse"})
        assert refused.json()["code"] == "reason_missing"
        given = {"decision": "accept", "onto": shown["onto"]}
        decided = caller.post(f"{address}/decision", given)
        assert decided.status_code == 200, decided.content
        assert decided.json()["saved"]["version"] == 2
        assert "En bref." in caller.get(f"/v1/sheets/{sheet.slug}").json()["markdown"]
        again = caller.post(f"{address}/decision", given)
        assert (again.status_code, again.json()["code"]) == (409, "proposal_closed")

    def test_nothing_to_propose_is_refused(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        answer = program(contributor).post(f"/v1/sheets/{sheet.slug}/proposals", {})
        assert (answer.status_code, answer.json()["code"]) == (422, "nothing_suggested")
        assert not Proposal.objects.exists()

    def test_a_contributor_does_not_decide(
        self, program: Caller, contributor: User, sheet: Sheet
    ) -> None:
        caller = program(contributor)
        given = {"remark": "Faux"}
        made = caller.post(f"/v1/sheets/{sheet.slug}/proposals", given).json()
        given = {"decision": "refuse", "reason": "Non"}
        assert caller.post(f"{made['address']}/decision", given).status_code == 403


class TestCache:
    def test_a_kept_sheet_costs_one_query_and_is_never_old(
        self,
        program: Caller,
        contributor: User,
        sheet: Sheet,
        source: Document,
        django_assert_max_num_queries: Any,
    ) -> None:
        reader, path = program(), f"/v1/sheets/{sheet.slug}"
        first = reader.get(path)
        with django_assert_max_num_queries(1):
            again = reader.get(path)
        assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
        for change in (
            lambda: Document.objects.update(title="Autre titre"),
            lambda: Sheet.objects.update(state=Sheet.State.PUBLISHED),
            lambda: program(contributor).put(path, {"base": 1, "markdown": f"{HEAD}Neuf."}),
        ):
            before = reader.get(path).content
            change()
            assert reader.get(path).content != before
        Sheet.objects.update(state=Sheet.State.DRAFT)

    def test_readers_do_not_get_what_is_for_accounts(
        self, program: Caller, contributor: User, sheet: Sheet, source: Document
    ) -> None:
        other = Document.objects.create(
            title="Note interne", filename="n.pdf", file="n.pdf", sha256="b" * 64, size=1,
            access=Document.Access.INTERNAL, state=Document.State.READY,
        )  # fmt: skip
        sheet.documents.add(other)
        path = f"/v1/sheets/{sheet.slug}"
        for _times in range(2):
            assert len(program(contributor).get(path).json()["sources"]) == 2
            assert len(program().get(path).json()["sources"]) == 1
        caller = program(contributor, sheet_types=["secteur"])
        assert caller.get(path).status_code == 404


def test_a_picture_is_stored_and_shown_by_its_markdown(
    program: Caller, contributor: User, client: Client
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (20, 10), "green").save(content, "PNG")
    given = SimpleUploadedFile("Schéma.png", content.getvalue())
    answer = program(contributor).upload("/v1/pictures", file=given)
    assert answer.status_code == 201
    told = answer.json()
    path = "/" + told["url"].split("/", 3)[3]
    assert told["markdown"] == f"![Schéma]({path})"
    assert client.get(path).headers["Content-Type"] == "image/webp"
    text = SimpleUploadedFile("a.png", b"no picture")
    refused = program(contributor).upload("/v1/pictures", file=text)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_a_picture")
    for weak in (program(), program(contributor, "read")):
        assert weak.upload("/v1/pictures", file=text).status_code in (401, 403)
