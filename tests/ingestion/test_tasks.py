"""The queue for real: workers that die, tasks that come twice, work that nobody holds."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from ingestion.models import Chunk, Document, Page, Vector
from ingestion.pipeline.run import accept_upload, cancel_document, retry_document
from ingestion.pipeline.wait_until_read import wait_until_read
from ingestion.tasks import advance_document, forget_document
from ingestion.vector_index.collections import count_vectors
from tests.conftest import AIR, make_pdf, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL, FakeAI
from tests.worker import Worker, seconds_left, wait_for
from wikico2.errors import UserError
from wikico2.jobs.queue import (
    RESUME,
    ensure_schedule,
    recover_stalled,
    resume_stalled,
    start_job,
    workers_alive,
)
from wikico2.jobs.turns import claim_next
from wikico2.management.commands.qcluster import enable_keepalive
from wikico2.models import Job

PAGES = 16


def is_quiet(fake_ai: FakeAI) -> bool:
    """Tell whether the service is asked nothing in a time in which several requests would fit."""
    asked = len(fake_ai.requests)
    time.sleep(1.2)
    return len(fake_ai.requests) == asked


def page(number: int) -> tuple[str]:
    """Return the text of a page that makes a passage of its own."""
    sentence = "Le four {} de la ligne {} consomme {} kWh par tonne produite."
    return (" ".join(sentence.format(number, i, number * i) for i in range(1, 12)),)


LONG = make_pdf(*[page(number) for number in range(1, PAGES + 1)])


class TestTwice:
    def test_advancing_twice_does_the_work_once(
        self, waiting_document: Document, fake_ai: FakeAI
    ) -> None:
        for _ in range(2):
            advance_document(waiting_document.pk)
        assert run_queue() == 3
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready
        assert len(fake_ai.requests) == 1

    def test_forgetting_twice_is_harmless(self, document: Document) -> None:
        gone = (document.pk, document.file.name, document.sha256)
        document.delete()
        for _ in range(2):
            forget_document(*gone)
        run_queue()
        assert count_vectors(EMBEDDING_MODEL) == 0

    def test_a_document_that_stands_is_not_forgotten(self, document: Document) -> None:
        forget_document(document.pk, document.file.name, document.sha256)
        run_queue()
        assert count_vectors(EMBEDDING_MODEL) == document.chunks.count()
        assert Path(document.file.path).exists()

    def test_resuming_twice_queues_once(self, waiting_document: Document) -> None:
        OrmQ.objects.all().delete()
        Job.objects.update(lease_until=Now() - dt.timedelta(seconds=1))
        assert [resume_stalled(), resume_stalled()] == [1, 0]
        assert OrmQ.objects.count() == 1

    def test_a_removed_document_is_nobodys_work(self, db: None) -> None:
        advance_document(999_999)


class TestResuming:
    def test_what_somebody_holds_is_left_alone(self, waiting_document: Document) -> None:
        OrmQ.objects.all().delete()
        assert claim_next()
        assert resume_stalled() == 0

    def test_what_is_postponed_waits_its_time(self, waiting_document: Document) -> None:
        OrmQ.objects.all().delete()
        Job.objects.update(not_before=Now() + dt.timedelta(minutes=1))
        assert resume_stalled() == 0

    def test_what_waits_in_the_queue_is_left_alone(self, waiting_document: Document) -> None:
        assert resume_stalled() == 0
        assert OrmQ.objects.count() == 1

    def test_a_task_that_the_queue_lost_comes_back(self, waiting_document: Document) -> None:
        OrmQ.objects.all().delete()
        assert resume_stalled() == 1
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready

    def test_what_is_done_stays_done(self, document: Document) -> None:
        assert resume_stalled() == 0

    def test_a_cluster_that_starts_frees_what_the_dead_held(
        self, waiting_document: Document
    ) -> None:
        OrmQ.objects.update(lock=timezone.now() + dt.timedelta(hours=1))
        assert claim_next()
        recover_stalled()
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready

    def test_the_watch_is_scheduled_once(self, db: None) -> None:
        Schedule.objects.create(func=RESUME, schedule_type=Schedule.MINUTES, minutes=1)
        for _ in range(2):
            ensure_schedule()
        assert Schedule.objects.filter(func=RESUME).count() == 1

    def test_later_means_later(self, db: None) -> None:
        start_job("index_cleanup", delay=60)
        assert not OrmQ.objects.exists()
        assert resume_stalled() == 0
        assert seconds_left(Job.objects.all()) > 50


class TestWaiting:
    def test_without_a_worker_a_wait_says_so(
        self, waiting_document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ingestion.pipeline.wait_until_read.NO_WORKER_SECONDS", 0.1)
        with pytest.raises(UserError) as caught:
            wait_until_read([waiting_document], poll=0.05)
        assert caught.value.code == "no_worker"
        assert caught.value.sentence

    def test_what_is_settled_needs_no_worker(self, document: Document) -> None:
        seen: list[str] = []
        done = wait_until_read([document], lambda row: seen.append(row.state))
        assert done == [document]
        assert seen == ["ready"]


def whole(document: Document) -> None:
    """Check that a document is ready, each thing of it there once."""
    document.refresh_from_db()
    assert document.is_ready, document.error
    assert Job.objects.of("document", document.pk).get().lease_token is None
    pages = list(document.pages.values_list("number", flat=True))
    assert pages == list(range(1, document.page_count + 1))
    chunks = document.chunks.all()
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    hashes = {chunk.content_hash for chunk in chunks}
    assert set(Vector.objects.values_list("content_hash", flat=True)) == hashes
    assert count_vectors(EMBEDDING_MODEL) == len(chunks)


def test_the_session_of_a_machine_that_is_gone_ends_soon(db: None) -> None:
    enable_keepalive(connection)
    seconds = {}
    with connection.cursor() as cursor:
        for name in ("idle", "interval", "count"):
            cursor.execute(f"SHOW tcp_keepalives_{name}")
            seconds[name] = int(cursor.fetchone()[0])
    assert 0 < seconds["idle"] + seconds["interval"] * seconds["count"] <= 60


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_a_worker_killed_in_the_middle_loses_nothing(
        self,
        worker: Callable[..., Worker],
        fake_ai: FakeAI,
    ) -> None:
        """Killed while embedding, first the workers alone, then the whole cluster."""
        document = accept_upload(upload(LONG), None)
        fake_ai.latency = 0.2
        running = worker(EMBEDDING_BATCH="1")
        assert workers_alive()

        def embedded(at_least: int) -> Callable[[], bool]:
            return lambda: Vector.objects.count() >= at_least

        wait_for(embedded(3), "vector", running.output)
        running.kill_workers()
        wait_for(lambda: len(running.pids()) >= 4, "new worker", running.output)
        kept = Vector.objects.count()
        wait_for(lambda: resume_stalled() or embedded(kept + 3)(), "resumption", running.output)
        wait_for(embedded(kept + 3), "vector", running.output)
        running.kill()
        wait_for(lambda: not workers_alive(), "end of the sessions")
        document.refresh_from_db()
        assert document.state == "embedding"
        assert Job.objects.of("document", document.pk).get().lease_token

        Job.objects.update(lease_until=Now() + dt.timedelta(hours=1))
        worker()  # nobody else is alive: the dead one's lease counts no more
        [done] = wait_until_read([document], poll=0.05)
        whole(done)
        texts = fake_ai.texts
        assert len(set(texts)) == done.chunks.count()
        # When the workers died, twice: what was asked for, and the one more that is queued so that
        # no thread idles; all of these may be answered and not stored yet on a busy machine.
        under_way = 2 * (settings.EMBEDDING_REQUESTS_AT_ONCE + 1)
        assert len(texts) <= len(set(texts)) + under_way

    def test_documents_are_read_side_by_side_and_stop_when_asked(
        self, worker: Callable[..., Worker], fake_ai: FakeAI
    ) -> None:
        running = worker(EMBEDDING_BATCH="1")
        running.kill_workers()  # while idle: they must not take the queue's lock to the grave
        wait_for(lambda: len(running.pids()) >= 4, "new worker", running.output)
        fake_ai.latency = 1.0  # so that it cannot be done before it is stopped
        first = accept_upload(upload(LONG), None)
        other = accept_upload(upload(make_pdf(AIR)), None)
        [done] = wait_until_read([other], poll=0.05)
        assert done.is_ready, running.output()
        wait_for(
            lambda: Document.objects.get(pk=first.pk).state == "embedding",
            "embedding",
            running.output,
        )
        assert cancel_document(first)
        wait_for(lambda: is_quiet(fake_ai), "end of the requests", running.output)
        assert len(set(fake_ai.texts)) < PAGES
        assert Document.objects.get(pk=first.pk).state == "cancelled"
        fake_ai.latency = 0.0
        retry_document(first)
        [done] = wait_until_read([first], poll=0.05)
        assert done.is_ready, running.output()
        assert Page.objects.filter(document=done).count() == PAGES
        assert Chunk.objects.filter(document=done).exists()
