"""A backup made under writes is restored whole, into an empty place; a damaged one is refused."""

import datetime as dt
import io
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import psycopg2
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from dotenv import dotenv_values
from moto import mock_aws

from ingestion.models import Document, Page
from ingestion.vector_index.chroma_client import drop_collection, list_collections
from ingestion.vector_index.consistency import audit_collection
from ingestion.vector_index.rebuild import active_model, repair_index
from ingestion.vector_index.registry import indexed_models
from sheets.models import Picture
from tests.fake_ai import FakeAI
from wikico2.backup import make
from wikico2.backup.database import is_database_empty, open_snapshot
from wikico2.backup.manifest import Manifest, chosen_backup, complete_backups
from wikico2.backup.secrets import write_keys
from wikico2.backup.site_files import stored_names
from wikico2.backup.stores import BackupStore, FolderStore, open_store
from wikico2.env import is_secret
from wikico2.models import Job, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def site_files(settings: Any, tmp_path: Path) -> Path:
    """Give each test a storage of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@contextmanager
def empty_place(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Work with an empty database and an empty storage, as on a new machine."""
    name = f"restored_{os.getpid()}"
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        original, cursor = connection.settings_dict["NAME"], server.cursor()
        cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        connection.settings_dict["NAME"] = name
        settings.MEDIA_ROOT = tmp_path / "new-media"
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = original
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Writer(threading.Thread):
    """Adds an image, as a row and a file, over and over."""

    def __init__(self, owner: User | None) -> None:
        super().__init__()
        self.owner = owner
        self.stopped = threading.Event()
        self.count = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            self.count += 1
            file = ContentFile(f"image {self.count}".encode(), f"{self.count}.png")
            Picture.objects.create(file=file, uploaded_by=self.owner, name=str(self.count))
        connection.close()


def write_backup(place: Path) -> Manifest:
    call_command("backup", str(place), stdout=io.StringIO())
    return chosen_backup(FolderStore(place))


class TestTheWayBack:
    def test_every_row_and_file_is_there_and_no_vector_is_computed(
        self, document: Document, place: Path, settings: Any, tmp_path: Path, fake_ai: FakeAI
    ) -> None:
        writer = Writer(document.uploaded_by)
        writer.start()
        try:
            manifest = write_backup(place)
        finally:
            writer.stopped.set()
            writer.join()
        assert manifest.missing == []
        assert manifest.tables["sheets_picture"][0] <= writer.count
        for collection in list(list_collections()):
            drop_collection(collection.name)
        asked = len(fake_ai.requests)

        with empty_place(settings, tmp_path):
            call_command("restore", str(place), stdout=io.StringIO())

            with open_snapshot() as snapshot:
                assert snapshot.fingerprints() == manifest.tables
                assert snapshot.file_names() <= set(stored_names())
            assert set(stored_names()) == set(manifest.files)
            restored = Document.objects.get()
            assert restored.file.open().read().startswith(b"%PDF")
            repair_index()
            for indexed in indexed_models():
                assert audit_collection(indexed, active_model()).is_sound
            new = Page.objects.create(document=restored, number=99, text="la suite")
            assert new.pk > max(Page.objects.exclude(pk=new.pk).values_list("pk", flat=True))
        assert len(fake_ai.requests) == asked

    def test_a_place_in_use_is_left_alone(self, document: Document, place: Path) -> None:
        before = write_backup(place).tables

        with pytest.raises(CommandError, match="empty"):
            call_command("restore", str(place))

        with open_snapshot() as snapshot:
            assert snapshot.fingerprints() == before

    def test_a_backup_of_a_newer_version_is_refused(
        self, place: Path, settings: Any, tmp_path: Path
    ) -> None:
        manifest = write_backup(place)
        manifest.migrations.append("wikico2.9999_later")
        manifest.write(FolderStore(place))

        with empty_place(settings, tmp_path):
            with pytest.raises(CommandError, match="newer"):
                call_command("restore", str(place))
            assert is_database_empty()


class TestDamage:
    def test_verify_names_what_is_missing_or_damaged(self, place: Path) -> None:
        default_storage.save("images/a.png", ContentFile(b"first"))
        default_storage.save("images/b.png", ContentFile(b"second"))
        manifest = write_backup(place)
        call_command("restore", str(place), "--verify", stdout=io.StringIO())

        (place / manifest.files["images/a.png"].name).write_bytes(b"frist")
        (place / manifest.files["images/b.png"].name).unlink()
        dump = place / manifest.dump_name
        dump.write_bytes(dump.read_bytes()[:-1])

        with pytest.raises(CommandError) as refused:
            call_command("restore", str(place), "--verify")
        said = str(refused.value).splitlines()
        assert [line.partition(" (")[0] for line in said[1:]] == [
            "damaged: images/a.png",
            "missing: images/b.png",
            "damaged: the rows of the database",
        ]

    def test_a_list_that_was_changed_is_refused(self, place: Path) -> None:
        manifest = write_backup(place)
        path = place / "backups" / manifest.made_at / "manifest.json"
        path.write_bytes(path.read_bytes().replace(b"auth_group", b"auth_grope"))

        with pytest.raises(CommandError, match="damaged"):
            call_command("restore", str(place), "--verify")

    def test_an_interrupted_backup_does_not_count(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = write_backup(place)
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "write", Mock(side_effect=OSError("the disk is full")))
            with pytest.raises(CommandError, match="disk"):
                call_command("backup", str(place))

        store = FolderStore(place)
        assert complete_backups(store) == [first.made_at]
        write_backup(place)
        assert {name.split("/")[1] for name, _ in store.sizes("backups/")} == set(
            complete_backups(store)
        )


class TestKeeping:
    def test_files_are_copied_once_and_dropped_with_their_last_backup(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = default_storage.save("images/a.png", ContentFile(b"kept"))
        gone = default_storage.save("images/b.png", ContentFile(b"gone"))
        first = write_backup(place)
        old = (place / first.files[gone].name, place / first.files[kept].name)
        default_storage.delete(gone)
        time_of_file = old[1].stat().st_mtime_ns
        second = write_backup(place)
        assert [path.exists() for path in old] == [True, True]
        assert old[1].stat().st_mtime_ns == time_of_file
        assert set(second.files) == {kept}

        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)
        monkeypatch.setattr(make, "_time_of", lambda made_at: long_ago)
        third = write_backup(place)

        assert complete_backups(FolderStore(place)) == [third.made_at]
        assert [path.exists() for path in old] == [False, True]

    def test_two_at_once_are_refused(self, place: Path) -> None:
        with closing(connection.get_new_connection(connection.get_connection_params())) as other:
            other.cursor().execute("SELECT pg_advisory_lock(%s)", [make.LOCK])
            with pytest.raises(CommandError, match="Another backup"):
                call_command("backup", str(place))

    def test_a_job_makes_one_each_day(self, place: Path, settings: Any) -> None:
        from tests.conftest import run_queue
        from wikico2.backup.schedule import start_backup

        start_backup()
        assert not Job.objects.exists()
        settings.BACKUP_TO = str(place)
        start_backup()
        run_queue()

        assert Job.objects.get().state == Job.State.DONE
        assert len(complete_backups(FolderStore(place))) == 1
        settings.BACKUP_TO = "/proc/nowhere"
        start_backup()
        run_queue()
        failed = Job.objects.get()
        assert (failed.state, failed.error_code) == (Job.State.FAILED, "backup_failed")


class TestSecrets:
    def test_no_secret_is_in_a_backup_and_all_are_in_the_file_of_keys(
        self, place: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EMAIL_HOST_PASSWORD", "planted-1")
        monkeypatch.setenv("CHROMA_TOKEN", "planted-2")
        monkeypatch.setenv("EMAIL_HOST", "smtp.example.org")
        settings.SECRET_KEY = "planted-3"
        keys = tmp_path / "keys"
        call_command("backup", str(place), "--keys", str(keys), stdout=io.StringIO())

        written = b"".join(path.read_bytes() for path in place.rglob("*.json"))
        assert b"planted" not in written
        assert b"smtp.example.org" in written
        for secret in ("planted-1", "planted-2", "planted-3"):
            assert secret in keys.read_text()
        assert keys.stat().st_mode & 0o077 == 0
        assert {path.stat().st_mode & 0o077 for path in place.rglob("*") if path.is_file()} == {0}

    @pytest.mark.parametrize("secret", ["l'été", "back\\slash\\", "\\'", 'plain #1 $X "q"'])
    def test_a_secret_is_read_as_it_was_written(
        self, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, secret: str
    ) -> None:
        monkeypatch.setenv("CHROMA_TOKEN", secret)
        settings.SECRET_KEY = secret
        write_keys(tmp_path / "keys")

        read = dotenv_values(tmp_path / "keys", interpolate=False)
        assert (read["CHROMA_TOKEN"], read["SECRET_KEY"]) == (secret, secret)

    @pytest.mark.parametrize(
        ("name", "secret"),
        [("OVH_API_KEY", True), ("DATABASE_URL", True), ("S3_ACCESS_KEY", True),
         ("SITE_URL", False), ("LLM_MAX_TOKENS", False), ("PORT", False)],
    )  # fmt: skip
    def test_secrets_are_known_by_their_names(self, name: str, secret: bool) -> None:
        assert is_secret(name) is secret


def test_a_bucket_serves_as_well_as_a_folder(settings: Any) -> None:
    settings.S3_OPTIONS = settings.S3_OPTIONS | {"access_key": "a", "secret_key": "b"}
    settings.S3_OPTIONS |= {"region_name": "us-east-1"}
    default_storage.save("images/a.png", ContentFile(b"first"))
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="safe")
        call_command("backup", "s3://safe/wiki", stdout=io.StringIO())
        call_command("restore", "s3://safe/wiki", "--verify", stdout=io.StringIO())
        store: BackupStore = open_store("s3://safe/wiki")
        manifest = chosen_backup(store)
        store.delete(manifest.files["images/a.png"].name)
        with pytest.raises(CommandError, match=r"missing: images/a\.png"):
            call_command("restore", "s3://safe/wiki", "--verify")


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(CommandError, match="ftp://host/x is neither"):
        call_command("backup", "ftp://host/x")
