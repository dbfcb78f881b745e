"""The watched folder: its files become sources, each version once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from ingestion.intake.watch_folder import FolderWatcher, WatchOutcome, files_in
from ingestion.models import Document, SourceImport, WatchedFile
from tests.conftest import AIR, LIGHT, STEAM, make_pdf, run_queue
from tests.ingestion.test_zip_archive import packed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two documents, one of them below, and what is none."""
    (tmp_path / "sous-dossier").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "air.pdf").write_bytes(make_pdf(AIR))
    (tmp_path / "sous-dossier" / "vapeur.pdf").write_bytes(make_pdf(STEAM))
    for name in (".git/a.pdf", ".caché.pdf", "~$note.docx", "b.pdf.part", "c.crdownload"):
        (tmp_path / name).write_bytes(make_pdf(LIGHT))
    (tmp_path / "lien.pdf").symlink_to("/etc/passwd")
    return tmp_path


def looks(watch: FolderWatcher, times: int = 2) -> list[WatchOutcome]:
    return [outcome for _ in range(times) for outcome in watch.scan()]


def test_only_documents_are_looked_at(folder: Path) -> None:
    assert [seen.path.name for seen in files_in(folder)] == ["air.pdf", "vapeur.pdf"]


class TestWatch:
    def test_takes_each_file_once_across_restarts(self, folder: Path, db: None) -> None:
        first = looks(FolderWatcher(folder, access="internal"))
        assert [o.document and o.document.filename for o in first] == ["air.pdf", "vapeur.pdf"]
        assert {d.access for d in Document.objects.all()} == {"internal"}
        assert looks(FolderWatcher(folder), 3) == []

    def test_waits_until_a_file_has_stopped_growing(self, folder: Path, db: None) -> None:
        watch = FolderWatcher(folder)
        looks(watch)
        content = make_pdf(LIGHT)
        growing = folder / "long.pdf"
        for end in (100, 700, len(content)):
            growing.write_bytes(content[:end])
            assert looks(watch, 1) == []
        assert [o.path for o in looks(watch, 2)] == [growing]
        assert Document.objects.count() == 3

    def test_a_changed_file_is_a_new_version(self, folder: Path, db: None) -> None:
        watch = FolderWatcher(folder)
        looks(watch)
        old = Document.objects.get(filename="air.pdf")
        (folder / "air.pdf").write_bytes(make_pdf(AIR, LIGHT))
        (outcome,) = looks(watch)
        assert outcome.document
        assert outcome.document.supersedes == old

    def test_a_touched_or_copied_file_is_nothing_new(self, folder: Path, db: None) -> None:
        watch = FolderWatcher(folder)
        looks(watch)
        os.utime(folder / "air.pdf", (1, 1))
        (folder / "copie.pdf").write_bytes(make_pdf(AIR))
        assert {o.document.filename for o in looks(watch, 3) if o.document} == {"air.pdf"}
        assert Document.objects.count() == 2
        assert WatchedFile.objects.filter(document__filename="air.pdf").count() == 2

    def test_a_refused_file_is_said_once_and_again_when_it_changes(
        self, folder: Path, db: None
    ) -> None:
        (folder / "air.pdf").write_bytes(b"%PDF-1.4 coupe")
        watch = FolderWatcher(folder)
        (error,) = [o.error for o in looks(watch, 3) if o.error]
        assert error.code in ("truncated", "unreadable", "no_pages")
        assert looks(FolderWatcher(folder), 3) == []
        (folder / "air.pdf").write_bytes(make_pdf(AIR))
        assert [o.document is not None for o in looks(watch)] == [True]

    def test_an_archive_is_a_delivery(self, tmp_path: Path, db: None) -> None:
        (tmp_path / "tout.zip").write_bytes(packed({"a.pdf": make_pdf(AIR)}).getvalue())
        watch = FolderWatcher(tmp_path)
        assert [o.source_import is not None for o in looks(watch, 3)] == [True]
        run_queue()
        assert Document.objects.count() == 1
        assert SourceImport.objects.count() == 1

    def test_what_dies_on_the_way_is_done_again_and_not_twice(
        self, folder: Path, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The document and the note of its file appear together or not at all."""

        def dies(*args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(WatchedFile.objects, "update_or_create", dies)
            with pytest.raises(KeyboardInterrupt):
                looks(FolderWatcher(folder))
        assert not Document.objects.exists()
        looks(FolderWatcher(folder))
        assert Document.objects.count() == WatchedFile.objects.count() == 2

    def test_names_of_any_bytes(self, tmp_path: Path, db: None) -> None:
        (tmp_path / os.fsdecode(b"\xe9t\xe9.pdf")).write_bytes(make_pdf(AIR))
        watch = FolderWatcher(tmp_path)
        assert len(looks(watch, 3)) == 1
        assert WatchedFile.objects.get().path.endswith("\\xe9t\\xe9.pdf")


@pytest.mark.django_db(transaction=True)
def test_the_command_runs_until_it_is_told_to_stop(folder: Path) -> None:
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "watch", str(folder), "--every", "0.1"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        for name, line in zip(("Watching", "air.pdf", "vapeur.pdf"), lines, strict=True):
            assert name in line
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert Document.objects.count() == 2


class TestIngest:
    @pytest.fixture
    def run(self, db: None) -> Callable[..., tuple[str, str]]:
        def run(*args: str) -> tuple[str, str]:
            out, err = StringIO(), StringIO()
            call_command("ingest", *args, stdout=out, stderr=err)
            return out.getvalue(), err.getvalue()

        return run

    def test_a_folder_with_all_below_it(
        self, folder: Path, run: Callable[..., tuple[str, str]]
    ) -> None:
        out, _err = run(str(folder), "--internal")
        assert out.count("/sources/") == 2
        assert {d.access for d in Document.objects.all()} == {"internal"}
        out, err = run(str(folder))
        assert (out.count("/sources/"), err.count("\n")) == (2, 2)
        assert Document.objects.count() == 2

    def test_an_archive_with_what_is_refused_said(
        self, tmp_path: Path, run: Callable[..., tuple[str, str]]
    ) -> None:
        archive = tmp_path / "tout.zip"
        members = {"a.pdf": make_pdf(AIR), "faux.pdf": bytes(range(256))}
        archive.write_bytes(packed(members).getvalue())
        with pytest.raises(CommandError):
            run(str(archive))
        assert Document.objects.get().filename == "a.pdf"

    def test_an_empty_folder(self, tmp_path: Path, run: Callable[..., tuple[str, str]]) -> None:
        with pytest.raises(CommandError):
            run(str(tmp_path))
