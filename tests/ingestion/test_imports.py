"""Imports: archives and web addresses become documents in the queue, each with its outcome."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django_q.models import OrmQ
from pytest_django import Settings

from ingestion.intake.imports import (
    cancel_import,
    receive_upload,
    receive_url,
    retry_import,
)
from ingestion.intake.upload import accept_upload
from ingestion.models import Document, SourceImport
from ingestion.pipeline.run import remove_document
from tests.conftest import AIR, LIGHT, STEAM, let_go_on, make_pdf, run_job, run_queue, upload
from tests.ingestion import web
from tests.ingestion.test_zip_archive import packed
from tests.worker import seconds_left
from wikico2.errors import UserError
from wikico2.jobs.queue import RUN_NEXT, resume_stalled
from wikico2.jobs.runner import JobRun
from wikico2.models import Job, User

ADD = "/sources/ajouter/"
WEB = "/sources/ajouter/adresses/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def someone(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


@pytest.fixture
def archive() -> Any:
    """A ZIP of two documents, one of them twice, and of what is none."""
    air = make_pdf(AIR)
    return upload(
        packed(
            {
                "rapports/air.pdf": air,
                "rapports/faux.pdf": bytes(range(256)),
                "../dehors.pdf": make_pdf(LIGHT),
                "copie.pdf": air,
                "vapeur.pdf": make_pdf(STEAM),
            }
        ).getvalue(),
        "Dossier ADEME.zip",
    )


def received(archive: Any, user: User) -> SourceImport:
    source_import = receive_upload(archive, user)
    assert isinstance(source_import, SourceImport)
    return source_import


def outcomes(source_import: SourceImport) -> list[tuple[str, str]]:
    return [(i.name, i.error_code or "taken") for i in source_import.files.all()]


class TestArchive:
    def test_each_document_has_its_outcome(self, archive: Any, contributor: User) -> None:
        source_import = receive_upload(archive, contributor, access="internal")
        assert isinstance(source_import, SourceImport)
        kept = Path(source_import.file.path)
        assert kept.exists()
        run_queue()
        source_import.refresh_from_db()
        assert source_import.state == SourceImport.State.DONE
        assert outcomes(source_import) == [
            ("rapports/air.pdf", "taken"),
            ("rapports/faux.pdf", "unknown_format"),
            ("../dehors.pdf", "member_path"),
            ("copie.pdf", "duplicate"),
            ("vapeur.pdf", "taken"),
        ]
        for document in Document.objects.all():
            assert document.is_ready
            assert (document.access, document.uploaded_by) == ("internal", contributor)
        assert not kept.exists()

    def test_goes_on_where_it_was_cut_short(
        self, archive: Any, contributor: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that dies in the middle leaves nothing undone and nothing done twice."""
        source_import = received(archive, contributor)
        OrmQ.objects.all().delete()
        taken: list[Any] = []

        def dying(*args: Any, **kwargs: Any) -> Document:
            if len(taken) == 1:
                raise KeyboardInterrupt
            taken.append(args)
            return accept_upload(*args, **kwargs)

        monkeypatch.setattr("ingestion.intake.imports.accept_upload", dying)
        with pytest.raises(KeyboardInterrupt):
            run_job(source_import)
        assert len(outcomes(source_import)) == 1
        monkeypatch.setattr("ingestion.intake.imports.accept_upload", accept_upload)
        let_go_on()
        assert resume_stalled() == 1
        run_queue()
        assert [code for _name, code in outcomes(source_import)] == [
            "taken",
            "unknown_format",
            "member_path",
            "duplicate",
            "taken",
        ]
        assert Document.objects.count() == 2

    def test_takes_turns(self, archive: Any, contributor: User, settings: Settings) -> None:
        settings.TASK_SLICE_SECONDS = 0
        source_import = received(archive, contributor)
        OrmQ.objects.all().delete()
        run_job(source_import)
        assert [row.task["func"] for row in OrmQ.objects.all()] == [RUN_NEXT]
        assert not source_import.files.exists()

    def test_can_be_stopped_and_begun_again(self, archive: Any, contributor: User) -> None:
        source_import = received(archive, contributor)
        assert cancel_import(source_import)
        run_queue()
        assert not Document.objects.exists()
        assert retry_import(source_import)
        assert not retry_import(source_import)
        run_queue()
        assert Document.objects.count() == 2

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"PK\x03\x04 nonsense", "archive_damaged"), (b"", "empty_file")],
    )
    def test_that_is_none_is_refused_at_the_door(self, db: None, content: bytes, code: str) -> None:
        with pytest.raises(UserError, match=code):
            receive_upload(upload(content, "a.zip"), None)
        assert not SourceImport.objects.exists()

    def test_is_sent_like_any_file(self, someone: Client, archive: Any) -> None:
        response = someone.post(ADD, {"uploads": archive}, headers=HTMX)
        assert response.status_code == 201
        source_import = SourceImport.objects.get()
        progress = f"/sources/envois/{source_import.pk}/progression/"
        assert progress in response.content.decode()
        run_queue()
        html = someone.get(progress).content.decode()
        assert "hx-trigger" not in html
        for item in source_import.files.all():
            assert item.name in html
            assert item.document or item.error in html


class TestAddress:
    def test_becomes_a_document_that_knows_its_origin(
        self, site: web.Site, someone: Client, contributor: User
    ) -> None:
        site.pages["/guide.pdf"] = (200, {"Content-Type": "text/html"}, make_pdf(AIR))
        response = someone.post(WEB, {"addresses": site.url("/guide.pdf"), "access": "internal"})
        source_import = SourceImport.objects.get()
        assert response["Location"] == source_import.get_absolute_url()
        assert "hx-trigger" in someone.get(response["Location"]).content.decode()
        assert source_import.name in someone.get(ADD).content.decode()
        run_queue()
        document = Document.objects.get()
        assert document.is_ready
        assert (document.filename, document.origin) == ("guide.pdf", site.url("/guide.pdf"))
        assert (document.access, document.uploaded_by) == ("internal", contributor)
        assert document.title in someone.get(response["Location"]).content.decode()

    def test_is_taken_once_though_the_worker_dies_before_it_says_so(
        self, site: web.Site, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dies(self: object) -> None:
            raise KeyboardInterrupt

        site.pages["/guide.pdf"] = (200, {}, make_pdf(AIR))
        source_import = receive_url(site.url("/guide.pdf"), None)
        with monkeypatch.context() as patched:
            patched.setattr(JobRun, "finish", dies)
            with pytest.raises(KeyboardInterrupt):
                run_queue()
        let_go_on()
        resume_stalled()
        run_queue()
        source_import.refresh_from_db()
        assert (source_import.state, Document.objects.count()) == (SourceImport.State.DONE, 1)
        assert len(site.asked) == 1

    def test_may_be_an_archive(self, site: web.Site, archive: Any, contributor: User) -> None:
        site.pages["/tout"] = (200, {}, archive.read())
        source_import = receive_url(site.url("/tout"), contributor)
        run_queue()
        source_import.refresh_from_db()
        assert (source_import.state, len(outcomes(source_import))) == (SourceImport.State.DONE, 5)
        assert {d.origin for d in Document.objects.all()} == {site.url("/tout")}

    def test_that_is_known_is_said_and_linked(
        self, site: web.Site, someone: Client, document: Document
    ) -> None:
        with document.file.open("rb") as content:
            site.pages["/x"] = (200, {}, content.read())
        response = someone.post(WEB, {"addresses": site.url("/x")})
        run_queue()
        source_import = SourceImport.objects.get()
        assert source_import.state == SourceImport.State.DONE
        html = someone.get(response["Location"]).content.decode()
        assert document.get_absolute_url() in html
        assert Document.objects.count() == 1

    def test_that_fails_says_why_and_can_be_retried(self, site: web.Site, someone: Client) -> None:
        someone.post(WEB, {"addresses": site.url("/absent.pdf")})
        run_queue()
        source_import = SourceImport.objects.get()
        assert (source_import.state, source_import.error_code) == ("failed", "address_missing")
        page = someone.get(source_import.get_absolute_url()).content.decode()
        assert source_import.error in page.replace("&#x27;", "'")
        assert source_import.error in someone.get("/taches/").content.decode()
        site.pages["/absent.pdf"] = (200, {}, make_pdf(STEAM))
        someone.post(f"{source_import.get_absolute_url()}reprendre/")
        run_queue()
        assert Document.objects.get().is_ready

    def test_that_may_pass_is_tried_again_by_itself(self, site: web.Site, db: None) -> None:
        site.pages["/"] = (503, {"Retry-After": "90"}, b"")
        source_import = receive_url(site.url("/"), None)
        run_queue()
        source_import.refresh_from_db()
        assert (source_import.state, source_import.error_code) == ("waiting", "address_status")
        assert 80 < seconds_left(Job.objects.all()) < 91
        for _ in range(2):
            let_go_on()
            resume_stalled()
            run_queue()
        source_import.refresh_from_db()
        assert source_import.state == "failed"

    def test_whose_content_is_refused_fails_with_that_sentence(
        self, site: web.Site, db: None
    ) -> None:
        site.pages["/"] = (200, {"Content-Type": "application/pdf"}, bytes(range(256)))
        source_import = receive_url(site.url("/"), None)
        run_queue()
        source_import.refresh_from_db()
        assert source_import.error_code == "unknown_format"
        assert not source_import.files.exists()

    def test_of_a_private_network_is_refused(
        self, site: web.Site, settings: Settings, db: None
    ) -> None:
        settings.FETCH_PRIVATE_HOSTS = []
        source_import = receive_url(site.url("/secret"), None)
        run_queue()
        source_import.refresh_from_db()
        assert (source_import.state, source_import.error_code) == ("failed", "address_private")
        assert not site.asked

    def test_a_bad_one_does_not_block_the_others(self, someone: Client) -> None:
        good = "https://ademe.example/a.pdf"
        sent = {"addresses": f"{good},\nftp://x/\nwww.ademe.example/b.pdf\nrapport\n"}
        response = someone.post(WEB, sent, follow=True)
        page = response.content.decode()
        assert re.search(r"ftp://x/\s?: ", page), "the mistake is named"
        assert re.search(r"rapport\s?: ", page)
        field = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)
        assert field is not None
        assert field[1].split() == ["ftp://x/", "rapport"], "what is wrong can be mended"
        assert set(SourceImport.objects.values_list("name", "url")) == {
            (good, good),
            ("www.ademe.example/b.pdf", "https://www.ademe.example/b.pdf"),
        }
        response = someone.post(WEB, {"addresses": "ftp://x/\nrapport"})
        assert response.status_code == 422

    def test_a_retry_is_offered_only_where_it_can_help(
        self, someone: Client, contributor: User
    ) -> None:
        one = receive_url("https://ademe.example/a.pdf", contributor)
        for code, helps in (("address_slow", True), ("address_private", False)):
            Job.objects.filter(kind="source_import").update(state="failed", error_code=code)
            page = someone.get(one.get_absolute_url()).content.decode()
            assert (f"source-import-{one.pk}-retry" in page) == helps
            assert f"source-import-{one.pk}-forget" in page

    def test_a_space_belongs_to_an_address(self, someone: Client) -> None:
        good = "https://ademe.example/a.pdf"
        lines = f"https://ademe.example/rapport final.pdf\n{good} www.ademe.example/b\nle rapport"
        page = someone.post(WEB, {"addresses": lines}, follow=True).content.decode()
        assert re.search(r"le rapport\s?: ", page)
        assert set(SourceImport.objects.values_list("url", flat=True)) == {
            "https://ademe.example/rapport%20final.pdf",
            good,
            "https://www.ademe.example/b",
        }

    def test_several_are_taken(self, someone: Client, settings: Settings) -> None:
        good = "https://ademe.example/a.pdf"
        assert someone.post(WEB, {"addresses": f"{good}\n{good}2 {good}"}).status_code == 302
        assert SourceImport.objects.count() == 2
        settings.MAX_FILES_PER_UPLOAD = 1
        assert someone.post(WEB, {"addresses": f"{good} {good}2"}).status_code == 422

    def test_needs_the_right_to_add(self, client: Client, contributor: User) -> None:
        source_import = receive_url("https://ademe.example/interne.pdf", contributor)
        place = source_import.get_absolute_url()
        for user in (None, User.objects.create_user("lecteur")):
            if user:
                client.force_login(user)
            for address in (place, f"{place}progression/"):
                assert client.get(address).status_code in (302, 403)
            for address in (WEB, f"{place}reprendre/", f"{place}arreter/", f"{place}oublier/"):
                assert client.post(address).status_code in (302, 403)
            assert "interne.pdf" not in client.get("/taches/").content.decode()
        assert SourceImport.objects.get().state == SourceImport.State.WAITING


def test_a_delivery_can_be_taken_off_the_list(
    someone: Client, archive: Any, contributor: User
) -> None:
    source_import = received(archive, contributor)
    name = str(source_import.file.name)
    with_callbacks = someone.post(f"{source_import.get_absolute_url()}oublier/")
    assert with_callbacks.status_code == 302
    assert not SourceImport.objects.exists()
    run_queue()
    assert not Document.objects.exists()
    assert default_storage.exists(name)  # until the transaction ends


class TestTwin:
    def test_the_same_bytes_may_be_added_on_purpose(
        self, someone: Client, document: Document
    ) -> None:
        with document.file.open("rb") as content:
            same = content.read()
        sent = someone.post(ADD, {"uploads": upload(same, "copie.pdf")}, headers=HTMX)
        assert sent.status_code == 409
        copy_at = f"/sources/{document.pk}/copier/"
        assert copy_at in sent.content.decode()
        response = someone.post(copy_at, {"name": "copie.pdf", "access": "internal"})
        run_queue()
        copy = Document.objects.exclude(pk=document.pk).get()
        assert response["Location"] == copy.get_absolute_url()
        assert (copy.filename, copy.access, copy.sha256) == (
            "copie.pdf",
            "internal",
            document.sha256,
        )
        assert copy.is_ready
        for one, other in ((copy, document), (document, copy)):
            page = someone.get(one.get_absolute_url()).content.decode()
            assert f'href="{other.get_absolute_url()}"' in page
        remove_document(copy)
        run_queue()
        document.refresh_from_db()
        assert default_storage.exists(str(document.file.name))

    @pytest.mark.parametrize("lost", [True, False], ids=["lost", "never came"])
    def test_of_a_missing_file_is_not_made(
        self, someone: Client, document: Document, lost: bool
    ) -> None:
        if lost:
            default_storage.delete(str(document.file.name))
        else:
            Document.objects.update(file="")
        response = someone.post(f"/sources/{document.pk}/copier/")
        assert response["Location"] == document.get_absolute_url()
        assert Document.objects.count() == 1
