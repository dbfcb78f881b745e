"""Job control: pause and resume, progress and events of a document, errors without retry."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from django_q.models import OrmQ
from pytest_django import Settings

from ingestion.models import Chunk, Document, Vector
from ingestion.pipeline import save_chunks
from ingestion.pipeline.chunk import chunk_pages
from ingestion.pipeline.run import (
    accept_upload,
    cancel_document,
    remove_document,
)
from ingestion.vector_index import collections
from ingestion.vector_index.collections import (
    PASSAGES,
    VectorStream,
    count_vectors,
    delete_document_vectors,
)
from ingestion.vector_index.embedders.registry import get_embedder
from tests.conftest import AIR, job_of, let_go_on, make_pdf, run_job, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL, FakeAI, Fault
from tests.worker import await_renewal, wait_for
from wikico2.errors import TransientError, UserError
from wikico2.jobs import log, policy, queue, runner
from wikico2.jobs.log import event_lines, record_failure, trim_events
from wikico2.jobs.policy import OUTAGES, policy_of
from wikico2.jobs.runner import JobRun
from wikico2.jobs.turns import claim_next
from wikico2.llm import client as ai
from wikico2.llm.client import RetryPolicy, request_embeddings
from wikico2.llm.concurrency import run_concurrently
from wikico2.models import Job, JobEvent, QueuePause, User


class TestPause:
    def test_nothing_is_begun_until_work_is_resumed(
        self, waiting_document: Document, administrator: User
    ) -> None:
        queue.pause_queue(administrator)
        queue.pause_queue(administrator)
        run_queue()
        assert queue.resume_stalled() == 0
        waiting_document.refresh_from_db()
        assert waiting_document.state == "waiting"
        queue.resume_queue()
        queue.resume_queue()
        assert OrmQ.objects.count() == 1
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready

    def test_what_is_under_way_stops_and_goes_on_from_there(
        self,
        waiting_document: Document,
        settings: Settings,
        fake_ai: FakeAI,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        settings.EMBEDDING_BATCH = settings.EMBEDDING_REQUESTS_AT_ONCE = 1
        put = VectorStream.put

        def put_and_pause(*args: Any) -> None:
            put(*args)
            queue.pause_queue()

        monkeypatch.setattr(VectorStream, "put", put_and_pause)
        monkeypatch.setattr(runner, "CHECK_SECONDS", 0.0)
        run_queue()
        waiting_document.refresh_from_db()
        assert (waiting_document.state, job_of(waiting_document).lease_token) == ("embedding", None)
        assert Vector.objects.count() == 1
        assert not OrmQ.objects.exists()
        monkeypatch.undo()
        queue.resume_queue()
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready
        assert len(fake_ai.texts) == waiting_document.chunks.count()

    def test_the_button_is_for_those_who_administer(
        self, client: Client, contributor: User, administrator: User
    ) -> None:
        client.force_login(contributor)
        assert client.post("/taches/pause/").status_code == 403
        client.force_login(administrator)
        page = client.post("/taches/pause/", follow=True).content.decode()
        assert QueuePause.current().by == administrator
        assert "/taches/reprise/" in page
        client.post("/taches/reprise/")
        assert not queue.is_paused()


class TestJournal:
    def test_it_tells_the_steps_to_whoever_uploaded_the_document(
        self, document: Document, client: Client, contributor: User, expert: User
    ) -> None:
        codes = list(JobEvent.objects.order_by("pk").values_list("code", flat=True))
        assert codes == ["extracting", "chunking", "embedding", "indexing", "ready"]
        address = f"/sources/{document.pk}/journal/"
        assert client.get(address).status_code == 302
        client.force_login(expert)
        assert client.get(address).status_code == 403
        client.force_login(contributor)
        assert client.get(address).content.decode().count("<tr>") == len(codes) + 1
        assert address in client.get(f"/sources/{document.pk}/progression/").content.decode()

    def test_failures_are_told_once_each_in_a_row(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.AI_RETRIES = 0
        fake_ai.down = True
        for _ in range(3):
            let_go_on()
            run_job(waiting_document)
        cancel_document(waiting_document, "Claire")
        told = [line.text for line in event_lines(waiting_document.job)]
        assert sum(line.is_failure for line in event_lines(waiting_document.job)) == 1
        assert "Claire" in told[0]

    def test_it_stays_short(self, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log, "MAX_EVENTS", 2)
        trim_events(job_of(document))
        assert JobEvent.objects.count() == 2
        assert JobEvent.objects.all()[0].code == "ready"


class TestWaiting:
    def test_a_wait_for_the_service_is_shown_as_one(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings, client: Client
    ) -> None:
        settings.AI_RETRIES = 0
        fake_ai.busy(retry_after="120")
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.waits
        assert job_of(waiting_document).not_before
        fake_ai.reset()
        let_go_on()
        run_job(waiting_document)
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready
        assert job_of(waiting_document).not_before is None

    def test_nobody_is_asked_to_retry_what_goes_on_by_itself(
        self, waiting_document: Document
    ) -> None:
        waiting_document.state = "embedding"
        Job.objects.update(error_code="service_busy")
        with override("en"):
            meanwhile = waiting_document.error
            waiting_document.state, waiting_document.error_code = "failed", "service_busy"
            assert "Nothing is lost: retry" in waiting_document.error
        assert "retry" not in meanwhile
        assert "limiting requests" in meanwhile

    def test_the_journal_tells_what_passes_from_what_has_failed(
        self, waiting_document: Document
    ) -> None:
        failure = TransientError("service_busy")
        job = Job.objects.get()
        record_failure(job, failure, waits=True)
        record_failure(job, failure, waits=True)
        record_failure(job, failure)
        with override("en"):
            failed, passing = (line.text for line in event_lines(waiting_document.job))
        assert "retry" in failed
        assert "retry" not in passing

    def test_no_pace_is_told_while_it_waits(
        self, waiting_document: Document, client: Client
    ) -> None:
        rows = Document.objects.filter(pk=waiting_document.pk)
        rows.update(state="embedding")
        Job.objects.update(done=10, total=100, pace=5.0)
        address = f"/sources/{waiting_document.pk}/progression/"
        assert Job.objects.get().seconds_left == 18
        assert "passages/s" in client.get(address).content.decode()
        Job.objects.update(error_code="service_paced", error_details={"limit": 60})
        assert Job.objects.get().seconds_left is None
        assert "passages/s" not in client.get(address).content.decode()

    def test_each_step_says_what_it_counts_and_never_goes_back(
        self, waiting_document: Document, client: Client
    ) -> None:
        rows = Document.objects.filter(pk=waiting_document.pk)
        address = f"/sources/{waiting_document.pk}/progression/"
        shown = []
        for state, read_at, done, total, counted in (
            ("extracting", None, 42, 42, "pages"),
            ("extracting", timezone.now(), 2, 10, "pictures"),
            ("chunking", timezone.now(), 186, 186, "passages"),
        ):
            rows.update(state=state, read_at=read_at)
            Job.objects.update(done=done, total=total)
            assert rows.get().counts == counted
            html = client.get(address, headers={"Accept-Language": "en"}).content.decode()
            assert f"{done} of {total}" in html
            assert (f"of {total} pages" in html) == (counted == "pages")
            shown.append(rows.get().percent)
        assert shown == sorted(shown)

    def test_the_pace_is_waited_for_however_long_it_takes(self, waiting_document: Document) -> None:
        Job.objects.update(attempts=50, error_code="service_paced")
        job = claim_next()
        assert job
        JobRun(job).postpone(TransientError("service_paced", limit=2, retry_after=30))
        job.refresh_from_db()
        assert (job.state, job.attempts) == ("waiting", 0)

    def test_threads_tell_their_waits_in_the_callers(self) -> None:
        told: list[str] = []

        def wait(patience: RetryPolicy) -> int:
            patience.on_pause(UserError("service_busy"), 30)
            wait_for(lambda: told, "word of the wait")
            return 1

        patience = replace(
            RetryPolicy.from_settings(), on_pause=lambda reason, seconds: told.append(reason.code)
        )
        jobs = iter([("a", wait)])
        assert list(run_concurrently(jobs, at_once=1, patience=patience)) == [("a", 1)]
        assert told == ["service_busy"]

    def test_a_database_that_is_lost_in_a_thread_is_an_outage(self) -> None:
        """Threads ask the database for their place in the rate limit, and lose it with others."""

        def lose(patience: RetryPolicy) -> int:
            raise OperationalError("server closed the connection unexpectedly")

        patience = RetryPolicy.from_settings()
        ((_key, error),) = run_concurrently(iter([("a", lose)]), at_once=2, patience=patience)
        assert isinstance(error, TransientError)
        assert error.code in OUTAGES


@pytest.mark.django_db(transaction=True)
def test_an_outage_of_the_database_is_no_death_of_the_worker(
    waiting_document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that lives waits for the database to say so, and its job is put off."""
    away = [OperationalError("server closed the connection")] * 3

    def end_when_back(run: JobRun, **values: Any) -> None:
        if away:
            raise away.pop()
        end(run, **values)

    def lose(run: JobRun) -> bool:
        raise OperationalError("server closed the connection")

    end = JobRun._end
    monkeypatch.setattr(JobRun, "_end", end_when_back)
    monkeypatch.setattr(runner, "CHECK_SECONDS", 0.0)
    lost = replace(policy_of("document"), work=lose)
    monkeypatch.setitem(policy._policies, "document", lost)
    assert run_job(waiting_document)
    job = job_of(waiting_document)
    assert not away
    assert (job.state, job.error_code, job.lease_token) == ("waiting", "database_lost", None)


@pytest.mark.django_db(transaction=True)
def test_a_lease_outlives_an_outage_of_the_database(
    waiting_document: Document, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [OperationalError("gone"), InterfaceError("closed")]

    def mine(run: JobRun) -> Any:
        if away and threading.current_thread().name == "lease":
            raise away.pop()
        return find(run)

    find = JobRun._mine
    monkeypatch.setattr(JobRun, "_mine", mine)
    settings.LEASE_SECONDS = 3
    job = claim_next()
    assert job is not None
    with JobRun(job).lease_kept():
        await_renewal(job)
    assert not away


class TestNoUselessRetry:
    @pytest.mark.parametrize(("code", "offered"), [("no_text", False), ("service_slow", True)])
    def test_a_retry_is_offered_where_it_can_help(
        self,
        waiting_document: Document,
        client: Client,
        contributor: User,
        code: str,
        offered: bool,
    ) -> None:
        details = {"host": "h", "seconds": 1}
        job = Job.objects.get()
        for rows in (Document.objects, Job.objects):
            rows.update(state="failed", error_code=code, error_details=details)
        client.force_login(contributor)
        for address, retry in (
            (f"/sources/{waiting_document.pk}/", f"/sources/{waiting_document.pk}/reprendre/"),
            ("/taches/", f"/taches/{job.pk}/reprendre/"),
        ):
            assert (retry in client.get(address).content.decode()) is offered


@pytest.mark.django_db(transaction=True)
def test_a_document_that_is_long_to_cut_is_not_taken_over(
    waiting_document: Document, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_SECONDS = 3

    def long_to_cut(*args: Any, **kwargs: Any) -> Any:
        for _ in range(2):
            await_renewal(Job.objects.get())
        assert claim_next() is None
        return chunk_pages(*args, **kwargs)

    monkeypatch.setattr(save_chunks, "chunk_pages", long_to_cut)
    run_queue()
    waiting_document.refresh_from_db()
    assert waiting_document.is_ready


class TestRemoval:
    def test_vectors_go_unless_another_document_has_the_text(self, document: Document) -> None:
        other = accept_upload(upload(make_pdf(AIR)), None)
        run_queue()
        shared = set(other.chunks.values_list("content_hash", flat=True))
        assert shared < set(document.chunks.values_list("content_hash", flat=True))
        remove_document(document)
        run_queue()
        assert set(Vector.objects.values_list("content_hash", flat=True)) == shared
        assert not JobEvent.objects.filter(
            job__subject_id=document.pk, job__kind="document"
        ).exists()


class TestRequests:
    def test_a_document_costs_a_request_a_batch(
        self, waiting_document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.EMBEDDING_BATCH = 2
        run_queue()
        assert len(fake_ai.requests) == -(-Chunk.objects.count() // 2)

    def test_a_request_that_is_too_large_is_halved_and_that_is_remembered(
        self, fake_ai: FakeAI
    ) -> None:
        texts = [f"{n} " + "x" * 1_000 for n in range(8)]
        fake_ai.most_bytes = 3_000
        vectors = request_embeddings(texts, EMBEDDING_MODEL)
        assert len(vectors) == 8
        assert sorted(fake_ai.texts) == sorted(texts)
        fake_ai.requests.clear()
        request_embeddings(texts, EMBEDDING_MODEL)
        assert max(len(r.body["input"]) for r in fake_ai.requests) == 2
        assert len(fake_ai.texts) == 8

    def test_vectors_of_another_length_are_refused_and_asked_for_again(
        self, document: Document, fake_ai: FakeAI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ai, "FIRST_PAUSE", 0.01)
        fake_ai.requests.clear()
        fake_ai.fail(Fault("long"))
        vectors = get_embedder().passages(["chaleur"])
        assert vectors.shape == (1, 128)
        assert len(fake_ai.requests) == 2

    def test_what_is_embedded_is_indexed_meanwhile(
        self, waiting_document: Document, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed: list[int] = []
        put = collections._upsert_rows

        def note(collection: Any, shelf: Any, owner: int, rows: Any) -> None:
            placed.append(len(rows))
            put(collection, shelf, owner, rows)

        monkeypatch.setattr(collections, "_upsert_rows", note)
        with VectorStream(PASSAGES, waiting_document.pk, EMBEDDING_MODEL) as stream:
            rows = [(n, "hash", np.ones(128, "<f4").tobytes()) for n in range(3)]
            stream.put(rows)
            wait_for(lambda: count_vectors(EMBEDDING_MODEL) == 3, "rows in the index")
        assert placed == [3]
        delete_document_vectors(waiting_document.pk)
        assert count_vectors(EMBEDDING_MODEL) == 0

    def test_a_stream_without_chroma_harms_nobody(
        self, waiting_document: Document, settings: Settings
    ) -> None:
        settings.CHROMA_PORT = 9
        with VectorStream(PASSAGES, waiting_document.pk, EMBEDDING_MODEL) as stream:
            stream.put([(1, "hash", b"\0" * 512)])
