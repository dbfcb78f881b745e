"""File jobs that pages request: run in the queue, report progress, stop, resume."""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from ingestion.models import Document
from sheets.file_jobs import (
    ARCHIVE_RETENTION,
    ARCHIVES,
    clear_file_jobs,
)
from sheets.models import FileJob, Revision, SectionLock, Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.transfer.exporter import WikiExporter, export_wiki
from tests.conftest import run_job, run_queue
from wikico2.jobs import runner
from wikico2.jobs.policy import policy_of
from wikico2.jobs.queue import resume_stalled
from wikico2.jobs.turns import claim_next
from wikico2.models import Job, User


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    """A sheet with a picture that is not there."""
    made = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Air comprimé", slug="air"
    )
    body = "## 🎯 Résumé (10 secondes)\n\nDe la chaleur. ![Une cuve](/images/cuve.webp)\n"
    save_revision(made, base=None, body=body, metadata={}, origin="human", author=contributor)
    return made


def archive() -> ContentFile[bytes]:
    output = io.BytesIO()
    export_wiki(output)
    return ContentFile(output.getvalue(), name="wiki.zip")


class Broken:
    """A module whose libraries are not there."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"cannot load library: {name}")


class TestPdf:
    @pytest.fixture(autouse=True)
    def _nothing_kept(self, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path

    def test_it_is_made_in_the_queue_once_and_kept(self, sheet: Sheet, client: Client) -> None:
        address = reverse("export_pdf", args=["air"])
        run_queue()
        first = client.get(address)
        second = client.get(address)
        assert first["Location"] == second["Location"]
        waiting = client.get(first["Location"]).content.decode()
        assert "hx-get" in waiting
        assert 'http-equiv="refresh"' in waiting

        assert FileJob.objects.count() == 1
        assert run_queue() == 1
        assert not FileJob.objects.exists()
        ready = client.get(first["Location"]).content.decode()
        assert address in ready
        assert "hx-get" not in ready
        answer = client.get(address)
        assert answer.content.startswith(b"%PDF")
        assert answer["Content-Disposition"] == 'attachment; filename="air.pdf"'

    def test_another_text_is_another_file(
        self, sheet: Sheet, client: Client, contributor: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "sheets.transfer.pdf.render_pdf", lambda page, style: f"%PDF {page}".encode()
        )
        address = reverse("export_pdf", args=["air"])
        client.get(address)
        run_queue()
        assert "De la chaleur" in client.get(address).content.decode()
        save_revision(
            sheet, base=sheet.current, body="Du froid.\n", metadata={}, origin="human",
            author=contributor,
        )  # fmt: skip
        assert client.get(address).status_code == 302

    def test_without_its_libraries_the_page_says_what_to_do(
        self, sheet: Sheet, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "weasyprint", Broken())
        address = reverse("export_pdf", args=["air"])
        place = client.get(address)["Location"]
        run_queue()
        page = client.get(place).content.decode()
        assert "libpango" in page
        assert sheet.get_absolute_url() in page

        monkeypatch.undo()  # they were installed since
        assert client.get(address)["Location"] == place
        run_queue()
        assert client.get(address).content.startswith(b"%PDF")

    def test_what_a_dead_worker_left_goes_on(self, sheet: Sheet, client: Client) -> None:
        run_queue()
        client.get(reverse("export_pdf", args=["air"]))
        OrmQ.objects.all().delete()
        claim_next()
        Job.objects.update(lease_until="2020-01-01T00:00:00Z")
        assert resume_stalled() == 1
        run_queue()
        assert not FileJob.objects.exists()


def test_the_name_is_that_of_a_file_whatever_the_kind(
    sheet: Sheet, client: Client, administrator: User, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(administrator)
    client.get(reverse("export_pdf", args=["air"]))
    client.post(reverse("wiki_pack"), {"files": "0"})
    client.post(reverse("wiki"), {"archive": archive()})
    names = dict(FileJob.objects.values_list("kind", "name"))
    assert names == {
        "pdf": names["pdf"],
        "export": f"wiki-{timezone.localdate()}.zip",
        "import": "wiki.zip",
    }
    assert not FileJob.objects.get(kind="export").with_files
    kinds = Job.objects.filter(merges=False).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["pdf", "export", "import"]


class TestExport:
    @pytest.fixture(autouse=True)
    def _signed_in(
        self, sheet: Sheet, client: Client, administrator: User, settings: Settings, tmp_path: Path
    ) -> None:
        settings.MEDIA_ROOT = tmp_path
        run_queue()
        client.force_login(administrator)

    @pytest.fixture
    def asked(self, client: Client) -> str:
        """An export that waits: where it is told about."""
        return client.post(reverse("wiki_pack"))["Location"]

    def test_it_is_packed_by_the_queue_and_downloaded(self, asked: str, client: Client) -> None:
        waiting = client.get(asked).content.decode()
        assert "hx-get" in waiting
        assert 'http-equiv="refresh"' in waiting
        assert client.get(f"{asked}wiki.zip").status_code == 404
        assert run_queue() == 1
        ready = client.get(asked).content.decode()
        assert "hx-get" not in ready
        assert f"{asked}wiki.zip" in ready
        assert asked in client.get(reverse("wiki")).content.decode()
        answer = client.get(f"{asked}wiki.zip")
        assert content_of(answer) == archive().read()
        assert answer["Content-Disposition"].endswith('.zip"')
        file_job = FileJob.objects.get()
        assert file_job.done == file_job.total == Sheet.objects.count() + SheetType.objects.count()

    def test_the_bar_is_told_numbers_as_browsers_write_them(
        self, asked: str, client: Client
    ) -> None:
        Job.objects.update(done=1_412, total=12_040)
        assert 'max="12040" value="1412"' in client.get(asked).content.decode()
        FileJob.objects.update(kind=FileJob.Kind.IMPORT)
        page = client.get(asked.replace("exports", "imports")).content.decode()
        assert 'max="12040" value="1412"' in page

    def test_the_files_of_sources_stay_out_where_that_is_asked(
        self, client: Client, document: Document
    ) -> None:
        names = {}
        for files in "10":
            place = client.post(reverse("wiki_pack"), {"files": files})["Location"]
            run_queue()
            names[files] = names_in(content_of(client.get(f"{place}wiki.zip")))
        assert [n for n in names["1"] if n not in names["0"]] == [
            f"sources/{document.sha256[:16]}.pdf"
        ]

    def test_who_asks_while_it_is_under_way_gets_the_same(self, asked: str, client: Client) -> None:
        assert client.post(reverse("wiki_pack"))["Location"] == asked
        assert client.post(reverse("wiki_pack"), {"files": "0"})["Location"] != asked
        assert run_queue() == 2

    @pytest.mark.parametrize("change", ["nothing", "a text", "a name", "a lock"])
    def test_it_is_made_again_when_something_has_changed(
        self, asked: str, client: Client, sheet: Sheet, contributor: User, change: str
    ) -> None:
        run_queue()
        if change == "a text":
            save_revision(
                sheet, base=sheet.current, body="Du froid.\n", metadata={}, origin="human",
                author=contributor,
            )  # fmt: skip
        elif change == "a name":
            User.objects.filter(pk=contributor.pk).update(username="clara")
        elif change == "a lock":
            SectionLock.objects.create(sheet=sheet, section="resume")
        again = client.post(reverse("wiki_pack"))["Location"]
        assert (again == asked) is (change == "nothing")

    def test_it_goes_on_slice_by_slice(
        self, asked: str, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        whole = archive().read()
        settings.TASK_SLICE_SECONDS = -1
        file_job = FileJob.objects.get()
        run_job(file_job)
        file_job.refresh_from_db()
        assert (file_job.state, file_job.done) == (FileJob.State.WAITING, 1)
        assert run_queue() >= file_job.total - 1
        assert content_of(client.get(f"{asked}wiki.zip")) == whole
        assert len(default_storage.listdir(f"{ARCHIVES}/{file_job.pk}")[1]) == 1

    def test_a_worker_that_dies_takes_nothing_along(
        self, asked: str, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = archive().read()
        settings.TASK_SLICE_SECONDS = -1
        file_job = FileJob.objects.get()
        run_job(file_job)
        OrmQ.objects.all().delete()

        def die(self: WikiExporter, sheet: Sheet) -> None:
            self.put("fiches/air.md", "half")
            raise SystemExit

        settings.TASK_SLICE_SECONDS = 60
        with monkeypatch.context() as broken:
            broken.setattr(WikiExporter, "put_sheet", die)
            with pytest.raises(SystemExit):
                run_job(file_job)
        Job.objects.update(lease_until="2020-01-01T00:00:00Z")
        assert resume_stalled() == 1
        run_queue()
        assert content_of(client.get(f"{asked}wiki.zip")) == whole

    def test_one_that_fails_each_time_is_given_up(
        self, asked: str, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(self: WikiExporter, sheet: Sheet) -> None:
            raise SystemExit

        monkeypatch.setattr(WikiExporter, "put_sheet", die)
        for _time in range(policy_of("export").attempts):
            with pytest.raises(SystemExit):
                run_job(FileJob.objects.get())
            Job.objects.update(lease_until="2020-01-01T00:00:00Z")
        run_job(FileJob.objects.get())
        assert FileJob.objects.get().state == FileJob.State.FAILED
        assert 'value="restart"' in client.get(asked).content.decode()

    def test_it_is_stopped_in_the_middle_and_begun_anew(
        self, asked: str, client: Client, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "WRITE_SECONDS", 0)
        put = WikiExporter.put_type

        def stopped(self: WikiExporter, kind: SheetType) -> None:
            client.post(asked, {"do": "stop"})
            put(self, kind)

        with monkeypatch.context() as stopping:
            stopping.setattr(WikiExporter, "put_type", stopped)
            run_queue()
        file_job = FileJob.objects.get()
        assert file_job.state == FileJob.State.CANCELLED
        assert not default_storage.exists(f"{ARCHIVES}/{file_job.pk}")
        sheet.delete()
        run_queue()
        client.post(asked, {"do": "restart"})
        run_queue()
        content = content_of(client.get(f"{asked}wiki.zip"))
        assert content == archive().read()
        assert "fiches/air.md" not in names_in(content)

    def test_it_is_not_begun_anew_beside_another(self, asked: str, client: Client) -> None:
        client.post(asked, {"do": "stop"})
        other = client.post(reverse("wiki_pack"))["Location"]
        assert other != asked
        assert client.post(asked, {"do": "restart"}).status_code == 302
        assert FileJob.objects.in_progress().count() == 1

    def test_a_file_that_the_storage_lost_is_told(self, client: Client, document: Document) -> None:
        default_storage.delete(document.file.name or "")
        asked = client.post(reverse("wiki_pack"))["Location"]
        run_queue()
        assert f"sources/{document.sha256[:16]}.pdf" in client.get(asked).content.decode()

    def test_only_who_may_publish_takes_the_wiki(
        self, asked: str, client: Client, contributor: User
    ) -> None:
        run_queue()
        client.force_login(contributor)
        for address in (asked, f"{asked}wiki.zip"):
            assert client.get(address).status_code == 403
        assert client.post(reverse("wiki_pack")).status_code == 403
        assert client.post(asked, {"do": "stop"}).status_code == 403
        client.logout()
        assert client.get(f"{asked}wiki.zip").status_code == 302

    def test_archives_are_cleared_after_a_while(self, asked: str, client: Client) -> None:
        run_queue()
        name = str(FileJob.objects.get().file.name)
        clear_file_jobs()
        assert default_storage.exists(name)
        FileJob.objects.update(created_at=timezone.now() - ARCHIVE_RETENTION)
        clear_file_jobs()
        assert not FileJob.objects.exists()
        assert default_storage.listdir(ARCHIVES) == ([], [])

    def test_an_archive_that_nobody_knows_is_cleared(self, asked: str, client: Client) -> None:
        run_queue()
        FileJob.objects.all().delete()
        clear_file_jobs()
        assert default_storage.listdir(ARCHIVES) == ([], [])


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def names_in(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


class TestImport:
    @pytest.fixture
    def asked(self, sheet: Sheet, client: Client, administrator: User) -> str:
        """An import of a wiki of one sheet, which is gone since: where it is told about."""
        content = archive()
        sheet.delete()
        run_queue()
        client.force_login(administrator)
        return client.post(reverse("wiki"), {"archive": content})["Location"]

    def test_it_is_taken_in_by_the_queue_and_told(self, asked: str, client: Client) -> None:
        assert not Sheet.objects.exists()
        assert "hx-get" in client.get(asked).content.decode()
        run_queue()
        page = client.get(asked).content.decode()
        assert "hx-get" not in page
        assert reverse("sheet", args=["air"]) in page
        assert Sheet.objects.get().current is not None
        file_job = FileJob.objects.get()
        assert file_job.done == file_job.total > 1
        assert not file_job.file
        assert default_storage.listdir("imports")[1] == []
        assert asked in client.get(reverse("wiki")).content.decode()

    def test_what_is_no_archive_is_refused_at_once(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        answer = client.post(reverse("wiki"), {"archive": ContentFile(b"PK", name="x.zip")})
        assert answer.status_code == 422
        assert not FileJob.objects.exists()

    def test_it_goes_on_slice_by_slice(
        self, asked: str, client: Client, settings: Settings
    ) -> None:
        settings.TASK_SLICE_SECONDS = -1
        file_job = FileJob.objects.get()
        run_job(file_job)
        file_job.refresh_from_db()
        assert file_job.done == 1
        assert file_job.is_working
        assert run_queue() >= file_job.total - 1
        file_job.refresh_from_db()
        assert file_job.state == FileJob.State.DONE
        assert file_job.report["created"] == ["air"]
        assert Revision.objects.count() == 1

    def test_it_is_stopped_and_goes_on(self, asked: str, client: Client) -> None:
        client.post(asked, {"do": "stop"})
        run_queue()
        assert not Sheet.objects.exists()
        page = client.get(asked).content.decode()
        assert 'value="restart"' in page
        client.post(asked, {"do": "restart"})
        run_queue()
        assert Sheet.objects.count() == 1

    def test_only_who_may_publish_sees_it(
        self, asked: str, client: Client, contributor: User
    ) -> None:
        client.force_login(contributor)
        assert client.get(asked).status_code == 403
        assert client.post(asked, {"do": "stop"}).status_code == 403

    def test_errands_of_long_ago_are_forgotten(self, asked: str, client: Client) -> None:
        client.post(asked, {"do": "stop"})
        clear_file_jobs()
        assert FileJob.objects.exists()
        file = FileJob.objects.get().file.name
        FileJob.objects.update(created_at="2020-01-01T00:00:00Z")
        clear_file_jobs()
        assert not FileJob.objects.exists()
        assert not default_storage.exists(str(file))
