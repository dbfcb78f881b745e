"""What each kind of job does when something happens to it, and whose turn it is."""

import datetime as dt
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.models.functions import Now
from django_q.conf import Conf
from django_q.models import OrmQ
from pytest_django import Settings

from ingestion.kinds import DOCUMENT_WORDS
from tests.conftest import let_go_on, run_queue
from tests.worker import Worker, wait_for
from wikico2.errors import TransientError, UserError
from wikico2.jobs import policy, queue, runner
from wikico2.jobs.policy import all_policies, policy_of
from wikico2.jobs.queue import restart_job, resume_stalled, start_job, stop_job, workers_alive
from wikico2.jobs.runner import JobRun, LeaseLost, run_next
from wikico2.jobs.turns import WaitingJob, claim_next, in_order, places_in_line
from wikico2.models import Job, JobTurn, QueuePause, User

KINDS = [one.kind for one in all_policies()]
SUBJECT = 999_999  # no such row: what a kind does when its row is gone is tested with it

Work = Callable[[JobRun], bool]


class Kind:
    """A kind whose work is given by the test, with all else of its policy as it is."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.ran = 0
        self.work: Work = lambda run: True
        real = policy_of(name)
        monkeypatch.setitem(policy._policies, name, replace(real, work=self._work))
        monkeypatch.setattr(runner, "CHECK_SECONDS", 0.0)

    def _work(self, run: JobRun) -> bool:
        self.ran += 1
        return self.work(run)

    def start(self) -> bool:
        return start_job(self.name, SUBJECT, total=1)

    def job(self) -> Job:
        return Job.objects.get(kind=self.name)

    def go_on(self, work: Work = lambda run: True) -> Job:
        """Let what was put off be due, and run it once with this work."""
        self.work = work
        let_go_on()
        run_next()
        return self.job()


def of_each_kind(test: Callable[[Any, Kind], None]) -> Callable[..., None]:
    """Run the test for each kind of job, each with an empty table; a failure names the kind."""

    def run(self: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in KINDS:
            with monkeypatch.context() as patch:
                try:
                    test(self, Kind(name, patch))
                except BaseException as error:
                    error.add_note(f"kind of job: {name}")
                    raise
            Job.objects.all().delete()
            OrmQ.objects.all().delete()
            QueuePause.objects.all().delete()

    return run


def raising(error: BaseException) -> Work:
    def work(run: JobRun) -> bool:
        raise error

    return work


def noting(seen: list[int | None], attribute: str) -> Work:
    def work(run: JobRun) -> bool:
        seen.append(getattr(run.job, attribute))
        return True

    return work


class TestEachKind:
    @of_each_kind
    def test_is_done_once(self, kind: Kind) -> None:
        kind.start()
        assert run_queue() == 1
        assert (kind.job().state, kind.ran) == ("done", 1)

    @of_each_kind
    def test_started_twice_runs_once(self, kind: Kind) -> None:
        kind.start()
        assert kind.start() is policy_of(kind.name).merges
        run_queue()
        assert (kind.job().state, kind.ran) == ("done", 1)

    @of_each_kind
    def test_that_succeeds_later_leaves_no_failure_behind(self, kind: Kind) -> None:
        kind.start()
        failed = kind.go_on(raising(UserError("no_words")))
        assert failed.state == "failed"
        kind.start()
        kind.work = lambda run: True
        run_queue()
        assert kind.job().state == "done"

    @of_each_kind
    def test_that_starts_again_is_timed_anew(self, kind: Kind) -> None:
        kind.start()
        kind.go_on()
        Job.objects.update(seconds=1_000)
        kind.start()
        run_queue()
        last = Job.objects.latest("pk")
        assert (last.state, last.seconds < 1_000) == ("done", True)

    @of_each_kind
    def test_of_a_crashed_worker_goes_on_until_it_has_crashed_too_often(self, kind: Kind) -> None:
        kind.start()
        for attempts in (0, policy_of(kind.name).attempts - 1):
            Job.objects.update(attempts=attempts)
            with pytest.raises(SystemExit):
                kind.go_on(raising(SystemExit()))
            assert (kind.job().state, kind.job().attempts) == ("running", attempts + 1)
        assert kind.go_on().state == "failed"
        assert restart_job(kind.job())
        assert kind.go_on().state == "done"

    @of_each_kind
    def test_of_a_frozen_worker_is_done_by_another_alone(self, kind: Kind) -> None:
        def frozen(run: JobRun) -> bool:
            Job.objects.update(lease_until=Now() - dt.timedelta(seconds=1))
            kind.work = lambda other: True
            run_next()  # another worker, meanwhile
            with pytest.raises(LeaseLost):
                run.keep(done=1)
            return True

        kind.start()
        job = kind.go_on(frozen)
        assert (job.state, job.done, kind.ran) == ("done", 0, 2)
        if not job.merges:
            codes = job.events.order_by("pk").values_list("code", flat=True)
            assert list(codes) == ["taken_over", "done"]

    @of_each_kind
    def test_stops_in_the_middle_when_all_is_paused(self, kind: Kind) -> None:
        def paused(run: JobRun) -> bool:
            queue.pause_queue()
            run.check()
            raise AssertionError("it goes on")

        kind.start()
        job = kind.go_on(paused)
        assert (job.state, job.attempts, job.error_code, job.lease_token) == (
            "waiting",
            0,
            "",
            None,
        )
        run_next()
        assert kind.ran == 1
        queue.resume_queue()
        kind.work = lambda run: True
        run_queue()
        assert kind.job().state == "done"

    @of_each_kind
    def test_stops_in_the_middle_when_somebody_stops_it(self, kind: Kind) -> None:
        def stopped(run: JobRun) -> bool:
            stop_job(kind.job())
            run.check()
            raise AssertionError("it goes on")

        kind.start()
        assert kind.go_on(stopped).state == "cancelled"
        assert resume_stalled() == 0
        assert restart_job(kind.job())
        assert kind.go_on().state == "done"

    @of_each_kind
    def test_waits_out_an_outage_for_an_hour(self, kind: Kind) -> None:
        outage = TransientError("service_unreachable", host="h", reason="r")
        kind.start()
        job = kind.go_on(raising(outage))
        assert (job.state, job.error_code) == ("waiting", "service_unreachable")
        assert job.not_before
        known = policy_of(kind.name)
        most = known.outage_attempts
        if most is not None:
            assert 3_000 < sum(known.wait_after(n, 0) for n in range(1, most)) < 4_500
        Job.objects.update(attempts=(most or 50) - 2)
        assert kind.go_on(raising(outage)).state == "waiting"
        job = kind.go_on(raising(outage))
        assert (job.state == "waiting") is (most is None)
        assert job.state != "failed" or restart_job(job)
        assert kind.go_on().state == "done"

    @of_each_kind
    def test_is_tried_again_after_an_error_of_the_database(self, kind: Kind) -> None:
        kind.start()
        for attempts, error in enumerate(
            (OperationalError("deadlock"), IntegrityError("twice")), 1
        ):
            job = kind.go_on(raising(error))
            assert (job.state, job.attempts) == ("waiting", attempts)
            assert job.not_before
        assert kind.go_on().state == "done"

    @of_each_kind
    def test_fails_after_its_attempts_at_the_unexpected(self, kind: Kind) -> None:
        kind.start()
        assert kind.go_on(raising(ZeroDivisionError())).state == "waiting"
        Job.objects.update(attempts=policy_of(kind.name).attempts - 1)
        job = kind.go_on(raising(ZeroDivisionError()))
        assert (job.state, job.error_code) == ("failed", "internal")
        assert "ZeroDivisionError" in job.error

    @of_each_kind
    def test_that_is_refused_fails_at_once(self, kind: Kind) -> None:
        kind.start()
        for code, offered in (("service_refused", True), ("no_text", False)):
            job = kind.go_on(raising(UserError(code)))
            assert (job.state, job.error_code) == ("failed", code)
            assert policy_of(kind.name).may_help_to_retry(job) is offered
            restart_job(job)

    @of_each_kind
    def test_gives_way_at_the_end_of_its_slice(self, kind: Kind) -> None:
        def slice_is_over(run: JobRun) -> bool:
            assert not run.enough()
            run.deadline = 0.0
            return not run.enough()

        kind.start()
        job = kind.go_on(slice_is_over)
        assert (job.state, job.attempts, job.lease_token) == ("waiting", 0, None)
        assert OrmQ.objects.exists()
        assert kind.go_on().state == "done"


class TestTurns:
    @pytest.fixture
    def people(self, db: None) -> list[User]:
        return [User.objects.create_user(name) for name in ("anna", "béa")]

    def test_one_job_of_one_is_not_behind_three_hundred_of_another(
        self, people: list[User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[int | None] = []
        kind = Kind(DOCUMENT_WORDS, monkeypatch)
        kind.work = noting(ran, "owner_id")
        anna, bea = people
        for number in range(300):
            start_job(DOCUMENT_WORDS, number + 1, owner=anna)
        start_job(DOCUMENT_WORDS, 500, owner=bea)
        places = places_in_line()
        assert places[Job.objects.get(owner=bea).pk] <= 2
        for _job in range(3):
            run_next()
        assert bea.pk in ran

    def test_no_lane_waits_without_end(self) -> None:
        lanes = list(Job.Lane)
        jobs = [WaitingJob(n, lane, None) for n, lane in enumerate(lanes * 40)]
        first = [job.lane for job in list(in_order(jobs, {}))[:40]]
        counts = [first.count(lane) for lane in lanes]
        assert min(counts) >= 2
        assert counts[0] == max(counts)
        assert counts[0] > 3 * counts[-1]

    def test_the_place_in_the_line_is_the_order_in_which_jobs_run(
        self, people: list[User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[int | None] = []
        for name in (DOCUMENT_WORDS, "generation", "pdf", "digest"):
            kind = Kind(name, monkeypatch)
            kind.work = noting(ran, "pk")
            for number in range(5):
                start_job(name, SUBJECT + number, owner=people[number % 2])
        told = sorted(places_in_line(), key=places_in_line().get)  # type: ignore[arg-type]
        while claimed := claim_next():
            runner.run_slice(claimed)
        assert ran == told

    def test_a_short_job_makes_a_long_one_give_way(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long, short = Kind("document", monkeypatch), Kind("pdf", monkeypatch)

        def until_enough(run: JobRun) -> bool:
            assert not run.enough()
            short.start()
            assert run.enough()
            return False

        long.work = until_enough
        long.start()
        run_next()
        assert long.job().state == "waiting"
        run_next()
        assert short.job().state == "done"

    def test_a_bounded_kind_leaves_the_others_their_turn(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Kind("index_build", monkeypatch)
        start_job("index_build", 1)
        start_job("index_build", 2)
        assert claim_next()
        assert claim_next() is None
        start_job("digest", 3)
        claimed = claim_next()
        assert claimed
        assert claimed.kind == "digest"

    def test_choosing_costs_as_much_for_many_as_for_few(
        self, people: list[User], django_assert_max_num_queries: Callable[..., object]
    ) -> None:
        for number in range(200):
            start_job(DOCUMENT_WORDS, number + 1, owner=people[number % 2])
        with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
            assert claim_next()


@pytest.fixture(params=["orm", "redis"])
def broker(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, str]]:
    """The environment of a worker that takes its tickets from this broker, as the test does."""
    if request.param == "orm":
        yield {}
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: the queue was tried in PostgreSQL only")
    socket = tmp_path / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    url = f"unix://{socket}"
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", url)
    settings.Q_CLUSTER = {"redis": url}
    try:
        wait_for(socket.exists, "redis server")
        yield {"REDIS_URL": url}
    finally:
        server.terminate()
        server.wait()


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_turns_are_the_same_with_each_broker(
        self, broker: dict[str, str], worker: Callable[..., Worker]
    ) -> None:
        anna, bea = (User.objects.create_user(name) for name in ("anna", "béa"))
        for number in range(300):
            start_job(DOCUMENT_WORDS, number + 1, owner=anna)
        start_job(DOCUMENT_WORDS, 500, owner=bea)
        assert queue.queue_length() == 301
        running = worker(**broker)
        done = Job.objects.filter(state="done")
        wait_for(lambda: done.filter(owner=bea).exists(), "the one job", running.output)
        one = Job.objects.get(owner=bea)
        assert done.filter(owner=anna, ended_at__lt=one.started_at).count() <= 2

    def test_a_frozen_worker_counts_as_dead_and_its_job_goes_on_elsewhere(
        self, worker: Callable[..., Worker], settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.LEASE_SECONDS = 3
        running = worker()
        assert workers_alive()
        for pid in running.pids():
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: not workers_alive(), "end of the pulse", running.output)
            with connection.cursor() as cursor:  # the connections are still there
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
                    [queue.SESSION_NAME],
                )
                assert cursor.fetchone()[0] > 0
        finally:
            for pid in running.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        wait_for(workers_alive, "pulse", running.output)


def test_the_pause_leaves_no_trace_in_the_turns(db: None) -> None:
    start_job(DOCUMENT_WORDS, 1)
    QueuePause.objects.create()
    run_next()
    assert not JobTurn.objects.exists()
