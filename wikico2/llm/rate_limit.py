"""One pace for all: the requests a minute that a model grants, shared through PostgreSQL.

A model that grants n requests a minute has n slots. Who takes a slot may ask at the moment when it
is free, and frees it a minute after that moment: so no minute, wherever it begins, holds more than
n requests of all threads, workers and machines together. Some slots are left to people who wait
before a screen. When the service asks one of us to wait, all wait.
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
LEFT_TO_PEOPLE = 20
"""One slot in so many is taken for somebody who waits before a screen only."""

# A slot that somebody took while we chose it is looked at once more when it is locked, and that by
# the conditions alone: with `seen`, which stays as we found it, it is passed over. Without, it
# would be taken a second time, a minute later, while others are free.
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
          AND GREATEST(one.free_at, held_until) <= clock_timestamp() + %(patience)s
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
    """No turn is free within the patience; the next one comes in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a turn is free in {seconds:.1f} s")
        self.seconds = seconds


def acquire(model: str, patience: float, *, person: bool = False) -> float:
    """Take one of the model's requests; return in how many seconds it may be made.

    Raises Later when that would be more than `patience` seconds away; then no turn is taken.
    """
    granted = settings.AI_REQUESTS_PER_MINUTE
    if not granted:
        return 0.0
    values = _values(model) | {
        "first": 0 if person else granted // LEFT_TO_PEOPLE,
        "patience": _seconds(patience),
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
            elif wait > patience:
                break
    raise RateLimited(max(float(wait or 0.0), 1.0))


def hold_requests(model: str, seconds: float) -> None:
    """Let nobody ask the model for so many seconds, as the service has told one of us."""
    if settings.AI_REQUESTS_PER_MINUTE and seconds > 0:
        with _cursor() as cursor:
            cursor.execute(_HOLD, _values(model) | {"wait": _seconds(seconds)})


def recent_requests(model: str) -> tuple[int, int]:
    """Return the requests made in the last minute, and those that wait for their moment."""
    with _cursor() as cursor:
        cursor.execute(_USED, _values(model))
        taken, waiting = cursor.fetchone()
    return taken - waiting, waiting


@contextmanager
def keep_connection() -> Iterator[None]:
    """Let this thread keep its connection to the database until the block ends."""
    _kept.on = True
    try:
        yield
    finally:
        _kept.on = False
        connection.close()


_kept = threading.local()


@contextmanager
def _cursor() -> Iterator[Any]:
    """Give a cursor, and leave the thread without a connection if it had none.

    Threads that only talk to the service end without a word, and would leave theirs open.
    """
    stays = connection.connection is not None or getattr(_kept, "on", False)
    try:
        with connection.cursor() as cursor:
            yield cursor
    except Error:
        connection.close_if_unusable_or_obsolete()
        raise
    finally:
        if not stays:
            connection.close()


def _values(model: str) -> dict[str, Any]:
    key = f"{urlsplit(settings.AI_BASE_URL).netloc.rpartition('@')[2]} {model}"[:300]
    granted = settings.AI_REQUESTS_PER_MINUTE
    return {"key": key, "granted": granted, "minute": _seconds(MINUTE)}


def _seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=min(number, 86_400.0))
