"""Rate limit of each model: requests a minute, shared by all processes through PostgreSQL.

A model with n requests a minute has n slots. Whoever takes a slot may send a request when the slot
is free; the slot is free again a minute after that. So no window of a minute holds more than n
requests of all threads, workers and machines together. Some slots are reserved for requests that
people wait for. When the service asks one process to wait, all processes wait.
"""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection

MINUTE = 60.0
RESERVED_FOR_PEOPLE = 20
"""One slot in this many is reserved for requests that a person waits for."""

# When another transaction takes the chosen slot meanwhile, PostgreSQL checks the conditions again
# on the slot's new version when locking it. `seen` still has the old version, so the slot does not
# match and is skipped. Without `seen` it would be taken again, for a minute later, although other
# slots are free.
_TAKE = """
UPDATE wikico2_paceslot AS slot
   SET free_at = GREATEST(slot.free_at, pace.held_until, clock_timestamp()) + %(minute)s
  FROM wikico2_pace AS pace
 WHERE pace.id = slot.pace_id
   AND slot.id = (
       SELECT one.id
         FROM wikico2_paceslot AS one JOIN wikico2_pace ON wikico2_pace.id = one.pace_id
         JOIN wikico2_paceslot AS seen ON seen.id = one.id AND seen.free_at = one.free_at
        WHERE key = %(key)s AND one.number >= %(first)s AND one.number < %(granted)s
          AND GREATEST(one.free_at, held_until) <= clock_timestamp() + %(max_wait)s
        ORDER BY one.free_at, one.number DESC LIMIT 1
          FOR UPDATE OF one SKIP LOCKED)
RETURNING EXTRACT(EPOCH FROM slot.free_at - %(minute)s - clock_timestamp())
"""
_MAKE = """
WITH pace AS (
    INSERT INTO wikico2_pace (key) VALUES (%(key)s)
    ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key RETURNING id)
INSERT INTO wikico2_paceslot (pace_id, number)
SELECT pace.id, number FROM pace, generate_series(0, %(granted)s - 1) AS number
ON CONFLICT DO NOTHING
"""
_NEXT = """
SELECT count(*),
       EXTRACT(EPOCH FROM min(GREATEST(slot.free_at, held_until)) - clock_timestamp())
  FROM wikico2_paceslot AS slot JOIN wikico2_pace AS pace ON pace.id = slot.pace_id
 WHERE key = %(key)s AND number >= %(first)s AND number < %(granted)s
"""
_HOLD = """
INSERT INTO wikico2_pace (key, held_until) VALUES (%(key)s, clock_timestamp() + %(wait)s)
ON CONFLICT (key) DO UPDATE SET held_until = GREATEST(wikico2_pace.held_until, EXCLUDED.held_until)
"""
_USED = """
SELECT count(*) FILTER (WHERE free_at > clock_timestamp()),
       count(*) FILTER (WHERE free_at > clock_timestamp() + %(minute)s)
  FROM wikico2_paceslot AS slot JOIN wikico2_pace AS pace ON pace.id = slot.pace_id
 WHERE key = %(key)s AND number < %(granted)s
"""


class RateLimited(Exception):
    """No slot is free in time; the next one is free in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a slot is free in {seconds:.1f} s")
        self.seconds = seconds


def acquire(model: str, max_wait: float, *, person: bool = False) -> float:
    """Take a slot of the model; return in how many seconds the request may be sent.

    Raises RateLimited, and takes no slot, when that would be more than `max_wait` seconds.
    """
    granted = settings.AI_REQUESTS_PER_MINUTE
    if not granted:
        return 0.0
    values = _values(model) | {
        "first": 0 if person else granted // RESERVED_FOR_PEOPLE,
        "max_wait": _seconds(max_wait),
    }
    with _cursor() as cursor:
        for _ in range(3):
            cursor.execute(_TAKE, values)
            if row := cursor.fetchone():
                return max(0.0, float(row[0]))
            cursor.execute(_NEXT, values)
            slots, wait = cursor.fetchone()
            if slots < granted - values["first"]:
                cursor.execute(_MAKE, values)
            elif wait > max_wait:
                break
    raise RateLimited(max(float(wait or 0.0), 1.0))


def hold_requests(model: str, seconds: float) -> None:
    """Stop all requests to the model for `seconds`, as the service asked one process to wait."""
    if settings.AI_REQUESTS_PER_MINUTE and seconds > 0:
        with _cursor() as cursor:
            cursor.execute(_HOLD, _values(model) | {"wait": _seconds(seconds)})


def recent_requests(model: str) -> tuple[int, int]:
    """Return the requests of the last minute, and those that took a slot and still wait."""
    with _cursor() as cursor:
        cursor.execute(_USED, _values(model))
        taken, waiting = cursor.fetchone()
    return taken - waiting, waiting


@contextmanager
def keep_connection() -> Iterator[None]:
    """Keep this thread's database connection open until the block ends."""
    _thread.keep_connection = True
    try:
        yield
    finally:
        _thread.keep_connection = False
        connection.close()


_thread = threading.local()


@contextmanager
def _cursor() -> Iterator[Any]:
    """Open a cursor; afterwards close the connection if the thread had none before.

    Threads that only call the service end without closing their connection.
    """
    keep_open = connection.connection is not None or getattr(_thread, "keep_connection", False)
    try:
        with connection.cursor() as cursor:
            yield cursor
    except Error:
        connection.close_if_unusable_or_obsolete()
        raise
    finally:
        if not keep_open:
            connection.close()


def _values(model: str) -> dict[str, Any]:
    key = f"{urlsplit(settings.AI_BASE_URL).netloc.rpartition('@')[2]} {model}"[:300]
    granted = settings.AI_REQUESTS_PER_MINUTE
    return {"key": key, "granted": granted, "minute": _seconds(MINUTE)}


def _seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=min(number, 86_400.0))
