"""Leases: how one worker out of many takes a row, keeps it while alive, and loses it when dead.

A row with `lease_token` and `lease_until` is claimed by a conditional UPDATE; the database's clock
counts, since hosts disagree about the time.
"""

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.models import Exists, F, Q
from django.db.models.functions import Now

from wikico2.models import QueuePause

Row = TypeVar("Row", bound=models.Model)


class LeaseLost(Exception):
    """Another worker, or a person who cancelled, has taken the row out of our hands."""


def lease_expiry() -> Any:
    """Return the expression for the moment at which a lease taken now ends."""
    return Now() + dt.timedelta(seconds=settings.LEASE_SECONDS)


class LeasedQuerySet(models.QuerySet[Row]):
    """Rows that workers claim."""

    def free(self) -> "LeasedQuerySet[Row]":
        """Return the rows that nobody holds."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()))

    def claim(self, pk: int) -> uuid.UUID | None:
        """Take the row if this queryset has it and it is free; return the token to hold it by.

        While the work is paused nothing is taken.
        """
        token = uuid.uuid4()
        taken = (
            self.filter(~Exists(QueuePause.objects.all()), pk=pk)
            .free()
            .update(lease_token=token, lease_until=lease_expiry(), attempts=F("attempts") + 1)
        )
        return token if taken else None

    def hold(self, pk: int, token: uuid.UUID, **values: Any) -> None:
        """Write `values` to the row and renew its lease.

        Raises LeaseLost when the token no longer holds the row.
        """
        kept = self.filter(pk=pk, lease_token=token).update(lease_until=lease_expiry(), **values)
        if not kept:
            raise LeaseLost(pk)

    def release(self, pk: int, token: uuid.UUID, **values: Any) -> None:
        """Write `values` to the row and give it up; raises LeaseLost when it is not ours."""
        given = self.filter(pk=pk, lease_token=token).update(
            lease_token=None, lease_until=None, **values
        )
        if not given:
            raise LeaseLost(pk)

    def postpone(self, pk: int, token: uuid.UUID, wait: dt.timedelta, **values: Any) -> None:
        """Give the row up, not to be claimed before `wait` is over; raises LeaseLost.

        What is left is a lease that nobody holds: when it runs out, the row is queued again.
        """
        given = self.filter(pk=pk, lease_token=token).update(
            lease_token=None, lease_until=Now() + wait, **values
        )
        if not given:
            raise LeaseLost(pk)


@contextmanager
def keep_lease_alive(rows: LeasedQuerySet[Row], pk: int, token: uuid.UUID) -> Iterator[None]:
    """Renew a lease from a thread of its own while the block waits for something silent."""
    done = threading.Event()

    def renew() -> None:
        try:
            while not done.wait(settings.LEASE_SECONDS / 3):
                rows.hold(pk, token)
        except (LeaseLost, DatabaseError):
            pass  # whoever holds the block finds out at its next own word
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
