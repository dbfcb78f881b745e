"""Leases: one worker at a time works on a row, and a dead worker's row becomes free again.

A row with `lease_token` and `lease_until` is claimed by a conditional UPDATE. Times are those of
the database, since the clocks of hosts differ.
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
    """The lease is no longer ours: it expired and was claimed, or somebody cancelled the job."""


def lease_expiry() -> Any:
    """Return the expression for the end of a lease taken now."""
    return Now() + dt.timedelta(seconds=settings.LEASE_SECONDS)


class LeasedQuerySet(models.QuerySet[Row]):
    """Rows with a lease."""

    def free(self) -> "LeasedQuerySet[Row]":
        """Return the rows without a valid lease."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()))

    def claim(self, pk: int) -> uuid.UUID | None:
        """Claim the row if it is in this queryset and free; return the lease token, else None.

        While the queue is paused nothing is claimed.
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

        Raises LeaseLost when `token` is not the row's token any more.
        """
        renewed = self.filter(pk=pk, lease_token=token).update(lease_until=lease_expiry(), **values)
        if not renewed:
            raise LeaseLost(pk)

    def release(self, pk: int, token: uuid.UUID, **values: Any) -> None:
        """Write `values` to the row and end its lease; raises LeaseLost when it is not ours."""
        released = self.filter(pk=pk, lease_token=token).update(
            lease_token=None, lease_until=None, **values
        )
        if not released:
            raise LeaseLost(pk)

    def postpone(self, pk: int, token: uuid.UUID, wait: dt.timedelta, **values: Any) -> None:
        """End our lease and keep others from claiming the row during `wait`; raises LeaseLost.

        The row keeps a lease without a token; when that expires, the row is queued again.
        """
        released = self.filter(pk=pk, lease_token=token).update(
            lease_token=None, lease_until=Now() + wait, **values
        )
        if not released:
            raise LeaseLost(pk)


@contextmanager
def keep_lease_alive(rows: LeasedQuerySet[Row], pk: int, token: uuid.UUID) -> Iterator[None]:
    """Renew the lease from a background thread while the block waits without reporting progress."""
    done = threading.Event()

    def renew() -> None:
        try:
            while not done.wait(settings.LEASE_SECONDS / 3):
                rows.hold(pk, token)
        except (LeaseLost, DatabaseError):
            pass  # the block finds out at its own next write
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
