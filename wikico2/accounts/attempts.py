"""Slow and lock sign-ins after wrong passwords, per account and per network address.

Every door that checks a password (the sign-in page, the administration, the form of the editor)
goes through the authentication backend, which asks here. A sign-in counts as failed before its
password is checked, and is taken back when it succeeds: so guesses that are sent at the same time
are counted too. What is refused here counts no further, so that nobody is locked out for ever.
"""

import datetime as dt
import math
from collections.abc import Sequence

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from wikico2.models import SignInCounter, User

FORGET_HOURS = 1
"""Hours without a failed sign-in after which the count starts again."""
COUNT = """
    INSERT INTO wikico2_signincounter AS c (key, failures, failed_at, blocked_until)
    SELECT key, 1, clock_timestamp(), clock_timestamp() FROM unnest(%(keys)s) key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN c.failed_at < clock_timestamp() - %(forget)s * interval '1 hour' THEN 1
                        ELSE c.failures + 1 END,
        failed_at = clock_timestamp()
    WHERE c.blocked_until <= clock_timestamp()
    RETURNING key, failures
"""
BLOCK = """
    UPDATE wikico2_signincounter SET blocked_until = clock_timestamp() + %s * interval '1 second'
    WHERE key = %s
"""
WAIT = """
    SELECT COALESCE(extract(epoch FROM max(blocked_until) - clock_timestamp()), 0)
    FROM wikico2_signincounter WHERE key = ANY(%s) AND blocked_until > clock_timestamp()
"""
LOCKED = """
    SELECT key FROM wikico2_signincounter
    WHERE key = ANY(%s) AND blocked_until > clock_timestamp() AND failures >= %s
"""


class SignInBlocked(Exception):
    """Too many sign-ins have failed; `seconds` until the next one is allowed."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def account_key(user: User | None, name: str) -> str:
    """Return the key of an account, or of a name that no account has."""
    return _key(f"account {user.pk}" if user else f"name {name.casefold()}")


def address_key(address: str) -> str:
    """Return the key of a network address."""
    return _key(f"address {address}")


def code_key(user: User) -> str:
    """Return the key of the codes of an account's second factor."""
    return _key(f"code {user.pk}")


def request_key(what: str, text: str) -> str:
    """Return the key of something else that is asked for with a form, and bounded likewise."""
    return _key(f"{what} {text}")


def _key(text: str) -> str:
    return salted_hmac("wikico2.sign_in", text, algorithm="sha256").hexdigest()


def count_sign_in(account: str, address: str) -> None:
    """Count a sign-in of these keys as failed; raises SignInBlocked where one has to wait."""
    keys = [key for key in (account, address) if key]
    with transaction.atomic(), connection.cursor() as cursor:  # one guess of an account at a time
        cursor.execute(WAIT, [keys])
        if seconds := float(cursor.fetchone()[0]):
            raise SignInBlocked(math.ceil(seconds))
        cursor.execute(COUNT, {"keys": keys, "forget": FORGET_HOURS})
        counted = dict(cursor.fetchall())
        for key, failures in counted.items():
            factor = settings.SIGN_IN_ADDRESS_FACTOR if key == address else 1
            if pause := pause_after(failures, factor):
                cursor.execute(BLOCK, [pause, key])
        if len(counted) < len(keys):  # another sign-in has blocked it at this moment
            cursor.execute(WAIT, [keys])
            raise SignInBlocked(max(math.ceil(float(cursor.fetchone()[0])), 1))


def pause_after(failures: int, factor: int = 1) -> int:
    """Return how many seconds to wait after so many failed sign-ins."""
    if failures >= settings.SIGN_IN_LOCKED_AFTER * factor:
        return int(settings.SIGN_IN_LOCK_MINUTES * 60)
    beyond = failures - settings.SIGN_IN_SLOWED_AFTER * factor
    return min(2 ** (beyond + 1), 60) if 0 <= beyond < 10 else 60 if beyond >= 10 else 0


def forget_old_counters() -> None:
    """Delete the counters whose count would start again."""
    SignInCounter.objects.filter(
        failed_at__lt=Now() - dt.timedelta(hours=FORGET_HOURS), blocked_until__lt=Now()
    ).delete()


def take_back(account: str, address: str) -> None:
    """Forget the failures of an account that was signed in to, and one of the address."""
    SignInCounter.objects.filter(key=account).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wikico2_signincounter SET failures = GREATEST(failures - 1, 0),"
            " blocked_until = clock_timestamp() WHERE key = %s",
            [address],
        )


def _keys_of(users: Sequence[User]) -> dict[str, int]:
    """Return the ids of accounts by the keys of their passwords and of their codes."""
    return {key: user.pk for user in users for key in (account_key(user, ""), code_key(user))}


def unlock_accounts(users: Sequence[User]) -> None:
    """Let the owners of these accounts sign in again at once."""
    SignInCounter.objects.filter(key__in=_keys_of(users)).delete()


def locked_ids(users: Sequence[User]) -> set[int]:
    """Return the ids of those accounts whose sign-in is locked at this moment."""
    keys = _keys_of(users)
    with connection.cursor() as cursor:
        cursor.execute(LOCKED, [list(keys), settings.SIGN_IN_LOCKED_AFTER])
        return {keys[key] for (key,) in cursor.fetchall()}
