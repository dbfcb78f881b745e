"""The shared rate limit: no minute holds more requests than granted, and waits are reported."""

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from django.db import connection
from pytest_django import Settings

from tests.fake_ai import EMBEDDING_MODEL, FakeAI
from tests.worker import wait_for
from wikico2.errors import TransientError, UserError
from wikico2.jobs.runner import LeaseLost
from wikico2.llm.client import RetryPolicy, request_embeddings
from wikico2.llm.rate_limit import (
    RateLimited,
    acquire,
    hold_requests,
    keep_connection,
    recent_requests,
)
from wikico2.models import RateLimitSlot


@pytest.fixture(autouse=True)
def _granted(settings: Settings, transactional_db: None) -> None:
    settings.AI_REQUESTS_PER_MINUTE = 40


def test_the_first_minute_is_free_at_once_and_the_next_follows_a_minute_later() -> None:
    begun = time.monotonic()
    waits = [acquire("m", 90) for _ in range(50)]
    spent = time.monotonic() - begun
    assert max(waits[:38]) < 1  # two are left to people
    assert 60 - spent <= min(waits[38:]) <= max(waits[38:]) <= 60


def test_people_have_turns_that_work_leaves_alone() -> None:
    begun = time.monotonic()
    for _ in range(38):
        acquire("m", 0)
    with pytest.raises(RateLimited) as caught:
        acquire("m", 3)
    assert 60 - (time.monotonic() - begun) <= caught.value.seconds <= 60
    assert acquire("m", 3, person=True) < 1
    assert recent_requests("m") == (39, 0)


def test_each_model_has_a_pace_of_its_own() -> None:
    for _ in range(38):
        acquire("m", 0)
    assert acquire("other", 0) == 0


def test_threads_share_the_turns(settings: Settings) -> None:
    settings.AI_REQUESTS_PER_MINUTE = 19
    outcomes: Counter[str] = Counter()
    together = threading.Barrier(6)

    def take() -> None:
        together.wait()
        try:
            for _ in range(5):
                try:
                    acquire("m", 0)
                    outcomes["taken"] += 1
                except RateLimited:
                    outcomes["later"] += 1
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"taken": 19, "later": 11}


def test_threads_do_not_queue_behind_each_other_while_turns_are_free(settings: Settings) -> None:
    settings.AI_REQUESTS_PER_MINUTE = 400
    waits: list[float] = []
    together = threading.Barrier(8)

    def take() -> None:
        with keep_connection():
            together.wait()
            waits.extend([acquire("m", 300) for _ in range(45)])

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waits) == 8 * 45 < 380
    assert max(waits) < 1


def test_a_thread_leaves_no_connection_behind() -> None:
    def sessions() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    before = sessions()
    for _ in range(3):
        thread = threading.Thread(target=acquire, args=("m", 0))
        thread.start()
        thread.join()
    wait_for(lambda: sessions() <= before, "end of the sessions", seconds=10)


def test_when_one_is_told_to_wait_all_wait() -> None:
    acquire("m", 0)
    begun = time.monotonic()
    hold_requests("m", 30)
    with pytest.raises(RateLimited):
        acquire("m", 3)
    wait = acquire("m", 60)
    assert 30 - (time.monotonic() - begun) <= wait <= 30
    assert acquire("other", 0) == 0


def test_a_larger_grant_counts_at_once(settings: Settings) -> None:
    for _ in range(38):
        acquire("m", 0)
    settings.AI_REQUESTS_PER_MINUTE = 80
    assert acquire("m", 0) == 0
    assert RateLimitSlot.objects.count() == 80


def test_no_limit_costs_no_row(settings: Settings) -> None:
    settings.AI_REQUESTS_PER_MINUTE = 0
    assert acquire("m", 0) == 0
    hold_requests("m", 10)
    assert not RateLimitSlot.objects.exists()


class TestGateway:
    def test_a_retry_after_holds_the_others_off(self, fake_ai: FakeAI) -> None:
        fake_ai.busy(retry_after="0.4")
        request_embeddings(["chaleur"], EMBEDDING_MODEL)
        first, second = fake_ai.requests
        assert second.at - first.at >= 0.4
        fake_ai.busy(retry_after="30")
        with pytest.raises(TransientError):
            request_embeddings(["vapeur"], EMBEDDING_MODEL)
        asked = len(fake_ai.requests)
        with pytest.raises(TransientError) as caught:
            request_embeddings(["air"], EMBEDDING_MODEL)
        assert caught.value.code == "service_paced"
        assert caught.value.details["retry_after"] > 20
        assert len(fake_ai.requests) == asked

    def test_a_wait_is_told_and_renews_the_lease(self, fake_ai: FakeAI) -> None:
        told: list[tuple[str, float]] = []
        renewed: list[float] = []

        def note(reason: UserError, seconds: float) -> None:
            told.append((reason.code, seconds))

        def renew() -> None:
            renewed.append(time.monotonic())
            if len(renewed) == 2:  # nobody waits here for half a minute
                raise LeaseLost

        patience = replace(RetryPolicy.from_settings(), backoff=60, on_pause=note, on_wait=renew)
        begun = time.monotonic()
        hold_requests(EMBEDDING_MODEL, 30)
        with pytest.raises(LeaseLost):
            request_embeddings(["vapeur"], EMBEDDING_MODEL, patience=patience)
        ((code, seconds),) = told
        assert code == "service_paced"
        assert 30 - (renewed[0] - begun) <= seconds <= 30
        assert renewed[1] - renewed[0] >= 1
        assert not fake_ai.requests
