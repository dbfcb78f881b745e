"""Leases: one holder at a time; a lease expires."""

import datetime as dt
import time
import uuid

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from ingestion.models import Document
from tests.worker import await_renewal
from wikico2.jobs.leases import LeaseLost, keep_lease_alive

ROWS = Document.objects


@pytest.fixture
def pk(waiting_document: Document) -> int:
    return waiting_document.pk


def claim(pk: int) -> uuid.UUID:
    token = ROWS.in_progress().claim(pk)
    assert token
    return token


def test_one_holder_at_a_time(pk: int) -> None:
    claim(pk)
    assert ROWS.in_progress().claim(pk) is None
    assert ROWS.get(pk=pk).attempts == 1


def test_only_rows_of_the_queryset_are_claimed(pk: int) -> None:
    assert ROWS.ready().claim(pk) is None
    assert ROWS.in_progress().claim(pk + 1) is None


def test_a_lease_that_ran_out_is_free_for_another(pk: int, settings: Settings) -> None:
    first = claim(pk)
    ROWS.filter(pk=pk).update(lease_until=Now() - dt.timedelta(seconds=1))
    second = claim(pk)
    with pytest.raises(LeaseLost):
        ROWS.hold(pk, first, done=0)
    ROWS.hold(pk, second, total=7)
    assert ROWS.get(pk=pk).total == 7


def test_a_holder_that_was_only_slow_may_go_on(pk: int) -> None:
    token = claim(pk)
    ROWS.filter(pk=pk).update(lease_until=Now() - dt.timedelta(seconds=1))
    ROWS.hold(pk, token)
    assert ROWS.in_progress().claim(pk) is None


def test_what_is_given_up_is_free_at_once(pk: int) -> None:
    token = claim(pk)
    ROWS.release(pk, token, total=3)
    with pytest.raises(LeaseLost):
        ROWS.release(pk, token)
    claim(pk)


def test_what_is_postponed_is_free_only_later(pk: int) -> None:
    ROWS.postpone(pk, claim(pk), dt.timedelta(minutes=1), error_code="service_busy")
    assert ROWS.in_progress().claim(pk) is None
    with pytest.raises(LeaseLost):
        ROWS.postpone(pk, uuid.uuid4(), dt.timedelta(minutes=1))
    ROWS.filter(pk=pk).update(lease_until=Now() - dt.timedelta(seconds=1))
    claim(pk)


@pytest.mark.django_db(transaction=True)
def test_a_silent_wait_keeps_its_lease(waiting_document: Document, settings: Settings) -> None:
    settings.LEASE_SECONDS = 3
    pk = waiting_document.pk
    token = claim(pk)
    with keep_lease_alive(ROWS.all(), pk, token):
        for _ in range(2):
            await_renewal(ROWS.all(), pk)
        assert ROWS.in_progress().claim(pk) is None
    until = ROWS.get(pk=pk).lease_until
    time.sleep(1.5)  # a renewal and a half
    assert ROWS.get(pk=pk).lease_until == until
    ROWS.filter(pk=pk).update(lease_until=Now())
    claim(pk)


@pytest.mark.django_db(transaction=True)
def test_a_lost_lease_is_not_taken_back(waiting_document: Document, settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.15
    pk = waiting_document.pk
    with keep_lease_alive(ROWS.all(), pk, claim(pk)):
        ROWS.filter(pk=pk).update(lease_token=None, lease_until=None)
        time.sleep(0.2)
    assert ROWS.get(pk=pk).lease_until is None
