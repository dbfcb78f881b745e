"""Long work that pages ask for: it is done in the queue, told about, stopped, gone on with."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from sheets import errands
from sheets.models import Errand, Revision, Sheet, SheetType
from sheets.pack import pack
from sheets.revise import save_revision
from tests.conftest import run_queue
from wikico2.models import User
from wikico2.queue import resume_stalled


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
    pack(output)
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

        assert Errand.objects.count() == 1
        assert run_queue() == 1
        assert not Errand.objects.exists()
        ready = client.get(first["Location"]).content.decode()
        assert address in ready
        assert "hx-get" not in ready
        answer = client.get(address)
        assert answer.content.startswith(b"%PDF")
        assert answer["Content-Disposition"] == 'attachment; filename="air.pdf"'

    def test_another_text_is_another_file(
        self, sheet: Sheet, client: Client, contributor: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sheets.pdf.made", lambda page, style: f"%PDF {page}".encode())
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
        client.get(reverse("export_pdf", args=["air"]))
        OrmQ.objects.all().delete()
        Errand.objects.in_progress().claim(Errand.objects.get().pk)
        Errand.objects.update(lease_until="2020-01-01T00:00:00Z")
        assert resume_stalled() == 1
        run_queue()
        assert not Errand.objects.exists()


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
        errand = Errand.objects.get()
        assert errand.done == errand.total > 1
        assert not errand.file
        assert default_storage.listdir("imports")[1] == []
        assert asked in client.get(reverse("wiki")).content.decode()

    def test_what_is_no_archive_is_refused_at_once(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        answer = client.post(reverse("wiki"), {"archive": ContentFile(b"PK", name="x.zip")})
        assert answer.status_code == 422
        assert not Errand.objects.exists()

    def test_it_goes_on_slice_by_slice(
        self, asked: str, client: Client, settings: Settings
    ) -> None:
        settings.TASK_SLICE_SECONDS = -1
        errand = Errand.objects.get()
        errands.run(errand.pk)
        errand.refresh_from_db()
        assert errand.done == 1
        assert errand.state == Errand.State.RUNNING
        assert run_queue() >= errand.total - 1
        errand.refresh_from_db()
        assert errand.state == Errand.State.DONE
        assert errand.report["created"] == ["air"]
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
        errands.clear()
        assert Errand.objects.exists()
        file = Errand.objects.get().file.name
        Errand.objects.update(created_at="2020-01-01T00:00:00Z")
        errands.clear()
        assert not Errand.objects.exists()
        assert not default_storage.exists(str(file))
