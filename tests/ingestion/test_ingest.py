"""Ingest: what is taken in and what is not, and how people steer it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection
from django_q.models import OrmQ
from pytest_django import Settings
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingestion.intake.upload import clean_name
from ingestion.models import Chunk, Document, Page, Vector
from ingestion.pipeline import run
from ingestion.pipeline.run import (
    accept_upload,
    cancel_document,
    remove_document,
    retry_document,
)
from ingestion.signals import document_settled
from ingestion.vector_index import collections
from ingestion.vector_index.collections import count_vectors
from tests.conftest import (
    AIR,
    LIGHT,
    STEAM,
    job_of,
    let_go_on,
    make_pdf,
    run_job,
    run_queue,
    upload,
)
from tests.fake_ai import EMBEDDING_MODEL, FakeAI
from tests.worker import seconds_left
from wikico2.errors import UserError
from wikico2.jobs.policy import policy_of
from wikico2.jobs.queue import RUN_NEXT, resume_stalled, start_job
from wikico2.models import Job, User

PDF = make_pdf(AIR, STEAM, LIGHT)


def stored_files() -> set[Path]:
    root = Path(default_storage.path(""))
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def unchanged(db: None) -> Iterator[None]:
    """Nothing is kept of what is refused: neither row, nor task, nor file."""
    before = stored_files()
    yield
    assert not Document.objects.exists()
    assert not OrmQ.objects.exists()
    assert stored_files() == before


class TestAccepting:
    def test_a_pdf_becomes_a_document_in_the_queue(self, contributor: User) -> None:
        document = accept_upload(upload(PDF, "Rapport_final v2.PDF"), contributor)
        assert document.state == Document.State.WAITING
        assert document.title == "Rapport final v2"
        assert document.filename == "Rapport_final v2.PDF"
        assert (document.size, document.page_count) == (len(PDF), 3)
        assert document.uploaded_by == contributor
        assert [row.task["func"] for row in OrmQ.objects.all()] == [RUN_NEXT]
        assert Job.objects.get().subject_id == document.pk
        with document.file.open("rb") as kept:
            assert kept.read() == PDF

    def test_the_title_that_the_file_states_counts(self, db: None) -> None:
        stated = make_pdf(AIR, title="La chaleur fatale", author="B. Auteur")
        document = accept_upload(upload(stated), None)
        assert (document.title, document.author) == ("La chaleur fatale", "B. Auteur")
        made = make_pdf(STEAM, title="Microsoft Word - rapport.docx")
        assert accept_upload(upload(made, "vapeur.pdf"), None).title == "vapeur"
        named = accept_upload(upload(make_pdf(LIGHT)), None, title="  Mon titre ")
        assert named.title == "Mon titre"

    def test_a_file_on_disk_is_taken_as_well(self, db: None) -> None:
        big = TemporaryUploadedFile("rapport.pdf", "application/pdf", len(PDF), None)
        big.write(PDF)
        big.seek(0)
        document = accept_upload(big, None, access=Document.Access.INTERNAL)
        assert document.access == Document.Access.INTERNAL
        with document.file.open("rb") as kept:
            assert kept.read() == PDF
        big.close()

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Temp\\Étude.pdf", "Étude.pdf"),
            ("a\0b\u202ec.pdf", "abc.pdf"),
            ("e\u0301tude.pdf", "étude.pdf"),
            ("\udce9.pdf", "?.pdf"),
            ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
            ("", "document"),
            ("..", ".."),
        ],
    )
    def test_a_name_is_only_shown(self, name: str, shown: str) -> None:
        assert clean_name(name) == shown

    def test_files_get_names_of_our_own(self, db: None) -> None:
        document = accept_upload(upload(PDF, "../../../évasion.pdf"), None)
        assert "évasion" not in document.file.path
        assert Path(document.file.path).is_relative_to(default_storage.path("sources"))


@pytest.mark.usefixtures("unchanged")
class TestRefusing:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty_file"),
            (b"PK\x03\x04 a document of another kind", "unknown_format"),
            (b"\x89PNG\r\n\x1a\n" + bytes(100), "unreadable"),
            (b"\x00\x01\x02 neither text nor anything", "unknown_format"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "unreadable"),
            (PDF[: len(PDF) // 3], "truncated"),
        ],
        ids=["empty", "zip", "png", "binary", "damaged ole", "truncated"],
    )
    def test_bad_content(self, content: bytes, code: str) -> None:
        with pytest.raises(UserError) as caught:
            accept_upload(upload(content), None)
        assert caught.value.code == code
        assert "%(" not in caught.value.sentence

    def test_damaged(self) -> None:
        with pytest.raises(UserError) as caught:
            accept_upload(upload(b"%PDF-1.4\n" + b"nonsense " * 50 + b"\n%%EOF\n"), None)
        assert caught.value.code in ("unreadable", "no_pages")

    def test_encrypted(self) -> None:
        canvas = Canvas("x.pdf", encrypt=StandardEncryption("secret", strength=128))
        canvas.drawString(100, 700, "Bonjour")
        canvas.showPage()
        with pytest.raises(UserError) as caught:
            accept_upload(upload(canvas.getpdfdata()), None)
        assert caught.value.code == "encrypted"

    def test_too_large(self, settings: Settings) -> None:
        settings.MAX_UPLOAD_MB = 1
        with pytest.raises(UserError) as caught:
            accept_upload(upload(b"%PDF-1.4\n" + bytes(1_600_000)), None)
        assert caught.value.details == {"size": 1.5, "limit": 1}
        assert "1,5" in caught.value.sentence  # in the measure of the row: 1,5 Mo

    def test_just_too_large(self, settings: Settings) -> None:
        settings.MAX_UPLOAD_MB = 1
        with pytest.raises(UserError) as caught:
            accept_upload(upload(b"%PDF-1.4\n" + bytes(1_050_000)), None)
        assert "1,1" in caught.value.sentence

    def test_larger_than_it_says(self, settings: Settings) -> None:
        settings.MAX_UPLOAD_MB = 1
        liar = upload(b"%PDF-1.4\n" + bytes(1_600_000))
        liar.size = 10
        with pytest.raises(UserError) as caught:
            accept_upload(liar, None)
        assert caught.value.code == "too_large"

    def test_a_row_that_fails_takes_its_file_along(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("the queue is away")

        monkeypatch.setattr("ingestion.intake.upload.start_job", fail)
        with pytest.raises(RuntimeError):
            accept_upload(upload(PDF), None)


class TestTwice:
    def test_the_same_file_is_linked(self, waiting_document: Document) -> None:
        with waiting_document.file.open("rb") as file:
            again = upload(file.read(), "another name.pdf")
        files = stored_files()
        with pytest.raises(UserError) as caught:
            accept_upload(again, None)
        assert caught.value.code == "duplicate"
        assert caught.value.details["document"] == waiting_document.pk
        assert caught.value.details["url"] == waiting_document.get_absolute_url()
        assert waiting_document.title in caught.value.sentence
        assert stored_files() == files

    @pytest.mark.django_db(transaction=True)
    def test_the_same_file_at_the_same_time_is_one_document(self) -> None:
        outcomes: list[object] = []
        together = threading.Barrier(4)

        def give() -> None:
            together.wait()
            try:
                outcomes.append(accept_upload(upload(PDF), None))
            except UserError as error:
                outcomes.append(error.code)
            finally:
                connection.close()

        before = stored_files()
        threads = [threading.Thread(target=give) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcomes))[:3] == ["duplicate"] * 3
        assert Document.objects.count() == OrmQ.objects.count() == 1
        assert len(stored_files() - before) == 1

    def test_a_file_that_the_storage_lost_is_put_back(self, waiting_document: Document) -> None:
        with waiting_document.file.open("rb") as file:
            content = file.read()
        Path(waiting_document.file.path).unlink()
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.error_code == "file_missing"
        assert accept_upload(upload(content), None) == waiting_document
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready


class TestReading:
    def test_a_document_becomes_searchable(self, document: Document) -> None:
        assert document.indexed_with == EMBEDDING_MODEL
        assert document.percent == 100
        assert document.ready_at
        assert Job.objects.of("document", document.pk).get().lease_token is None
        assert document.language == "fr"
        assert [page.number for page in document.pages.all()] == [1, 2, 3]
        chunks = list(document.chunks.all())
        assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
        assert chunks[0].headings == ["Récupération de chaleur sur les compresseurs"]
        assert count_vectors(EMBEDDING_MODEL) == len(chunks)

    def test_reading_twice_changes_no_row(self, document: Document, fake_ai: FakeAI) -> None:
        def rows() -> tuple[object, ...]:
            return (
                list(Page.objects.order_by("pk").values()),
                list(Chunk.objects.order_by("pk").values()),
                list(Vector.objects.order_by("pk").values_list("pk", flat=True)),
            )

        before, asked = rows(), len(fake_ai.requests)
        Document.objects.filter(pk=document.pk).update(state="waiting")
        start_job("document", document.pk)
        run_job(document)
        document.refresh_from_db()
        assert document.is_ready
        assert rows() == before
        assert len(fake_ai.requests) == asked

    def test_only_what_changed_gets_a_new_row(self, document: Document) -> None:
        before = {chunk.position: chunk.pk for chunk in document.chunks.all()}
        page = document.pages.get(number=2)
        page.blocks[-1]["text"] = "Un tout autre texte sur la vapeur."
        page.save()
        Document.objects.filter(pk=document.pk).update(state="chunking")
        start_job("document", document.pk)
        run_job(document)
        after = {chunk.position: chunk.pk for chunk in document.chunks.all()}
        changed = {position for position, pk in before.items() if after.get(position) != pk}
        assert len(changed) == 1
        assert count_vectors(EMBEDDING_MODEL) == len(after)

    def test_a_scan_says_so(self, db: None) -> None:
        canvas = Canvas("x.pdf")
        canvas.rect(100, 100, 200, 200)
        canvas.showPage()
        document = accept_upload(upload(canvas.getpdfdata()), None)
        run_queue()
        document.refresh_from_db()
        assert (document.state, document.failed_step) == ("failed", "extracting")
        assert document.error_code == "no_text"
        assert document.error

    def test_a_title_that_a_person_gave_stays(self, db: None) -> None:
        plain = accept_upload(upload(make_pdf(AIR), "scan_0001.pdf"), None)
        given = accept_upload(upload(make_pdf(STEAM), "scan_0002.pdf"), None, title="Vapeur")
        run_queue()
        plain.refresh_from_db()
        given.refresh_from_db()
        assert plain.title == "Récupération de chaleur sur les compresseurs"
        assert given.title == "Vapeur"

    def test_long_work_gives_others_their_turn(
        self, waiting_document: Document, settings: Settings
    ) -> None:
        settings.TASK_SLICE_SECONDS = 0
        assert run_queue() >= 4
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready


class TestTrouble:
    def test_what_may_pass_is_tried_later(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES = 0
        fake_ai.busy(retry_after="120")
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.state == "embedding"
        assert waiting_document.waits
        job = Job.objects.get()
        assert (job.state, job.error_code, job.lease_token) == ("waiting", "service_busy", None)
        assert 100 < seconds_left(Job.objects.all()) <= 120
        assert not OrmQ.objects.exists()

    def test_what_does_not_pass_ends_as_a_failure(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES = 0
        fake_ai.down = True
        for _ in range(
            (policy_of("document").outage_attempts or 0) + 1
        ):  # the first one reads and cuts before it fails
            let_go_on()
            run_job(waiting_document)
        waiting_document.refresh_from_db()
        assert (waiting_document.state, waiting_document.failed_step) == ("failed", "embedding")
        assert waiting_document.error_code == "service_cut_off"
        fake_ai.down = False
        assert retry_document(waiting_document)
        assert waiting_document.state == "embedding"
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready
        assert waiting_document.error == ""

    def test_progress_forgives_earlier_failures(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES = 0
        settings.EMBEDDING_BATCH = 1
        for number in range(1, 4):
            fake_ai.reset()
            fake_ai.down_after = 1
            let_go_on()
            run_job(waiting_document)
            waiting_document.refresh_from_db()
            if waiting_document.is_ready:
                break
            assert job_of(waiting_document).attempts <= 1
            assert Vector.objects.count() == number

    def test_a_refusal_is_not_tried_again(
        self, waiting_document: Document, fake_ai: FakeAI
    ) -> None:
        fake_ai.models.remove(EMBEDDING_MODEL)
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.error_code == "model_unknown"
        assert "fake-chat" in waiting_document.error

    def test_a_document_that_kills_its_workers_is_given_up(
        self, waiting_document: Document
    ) -> None:
        Job.objects.update(attempts=policy_of("document").attempts)
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.state == "failed"
        assert waiting_document.error

    def test_the_unexpected_is_postponed_with_a_sentence(
        self, waiting_document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def burst(*args: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(run, "save_chunks", burst)
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.state == "chunking"
        assert "ZeroDivisionError" in waiting_document.error

    def test_chroma_away(self, waiting_document: Document, settings: Settings) -> None:
        settings.CHROMA_PORT = 9
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.state == "indexing"
        assert job_of(waiting_document).error_code == "index_unreachable"

    def test_vectors_that_vanished_are_computed_again(self, waiting_document: Document) -> None:
        run_queue()
        Vector.objects.all().delete()
        Document.objects.update(state="indexing")
        start_job("document", waiting_document.pk)
        run_job(waiting_document)
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready


class TestSteering:
    def test_cancelling_stops_what_waits(self, waiting_document: Document) -> None:
        assert cancel_document(waiting_document)
        assert not cancel_document(waiting_document)
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.state == "cancelled"
        assert not waiting_document.pages.exists()
        assert retry_document(waiting_document)
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready

    def test_cancelling_stops_a_worker(
        self, waiting_document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cancelled(*args: Any, **kwargs: Any) -> bool:
            cancel_document(waiting_document)
            kwargs["on_progress"](0, 3)
            raise AssertionError("the worker goes on")

        monkeypatch.setattr(run, "embed_chunks", cancelled)
        run_queue()
        waiting_document.refresh_from_db()
        assert (waiting_document.state, waiting_document.failed_step) == ("cancelled", "embedding")

    def test_what_is_ready_is_neither_cancelled_nor_retried(self, document: Document) -> None:
        assert not cancel_document(document)
        assert not retry_document(document)
        assert document.is_ready

    def test_removing_leaves_nothing(self, document: Document) -> None:
        path = Path(document.file.path)
        remove_document(document)
        run_queue()
        assert not path.exists()
        assert not Page.objects.exists()
        assert not Chunk.objects.exists()
        assert count_vectors(EMBEDDING_MODEL) == 0

    def test_removing_waits_for_chroma(self, document: Document, settings: Settings) -> None:
        port = settings.CHROMA_PORT
        settings.CHROMA_PORT = 9
        remove_document(document)
        run_queue()
        assert Job.objects.get().error_code == "index_unreachable"
        settings.CHROMA_PORT = port
        let_go_on()
        resume_stalled()
        run_queue()
        assert count_vectors(EMBEDDING_MODEL) == 0

    def test_removing_in_the_middle_leaves_nothing(
        self, waiting_document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        indexed = collections.index_document

        def remove_after(*args: Any, **kwargs: Any) -> int:
            count = indexed(*args, **kwargs)
            Document.objects.filter(pk=waiting_document.pk).delete()
            return count

        monkeypatch.setattr(collections, "index_document", remove_after)
        run_queue()
        assert count_vectors(EMBEDDING_MODEL) == 0

    def test_others_are_told_when_a_document_settles(self, waiting_document: Document) -> None:
        told: list[int] = []

        def note(sender: object, document_id: int, **kwargs: object) -> None:
            told.append(document_id)

        document_settled.connect(note)
        try:
            run_queue()
        finally:
            document_settled.disconnect(note)
        assert told == [waiting_document.pk]
