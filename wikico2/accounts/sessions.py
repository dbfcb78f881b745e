"""List and end the sessions of an account."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from wikico2.models import SessionOwner, User

AGENT, SIGNED_IN_AT = "agent", "signed_in_at"
SECOND_FACTOR = "second_factor"
"""The key of a session under which stands by what its owner was recognised beside a password."""
LONGEST_AGENT = 400
MOST_ADOPTED = 2_000
BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
NAMES = {"Edg": "Edge", "OPR": "Opera"}
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")


@dataclass(frozen=True)
class OwnSession:
    """A session as its owner is shown it; `mark` names it without telling its key.

    `second_factor` is a value of `SecondFactor`, or "" where none was given.
    """

    mark: str
    browser: str
    signed_in_at: dt.datetime | None
    is_current: bool
    second_factor: str


@receiver(user_logged_in)
def note_sign_in(sender: object, request: HttpRequest, user: User, **kwargs: object) -> None:
    """Keep in the session when and with what its owner signed in."""
    request.session[AGENT] = str(request.META.get("HTTP_USER_AGENT", ""))[:LONGEST_AGENT]
    request.session[SIGNED_IN_AT] = timezone.now().isoformat()


def mark_of(key: str | None) -> str:
    """Return what names a session in forms: its key opens the account, a hash does not."""
    return hashlib.sha256((key or "").encode()).hexdigest()[:20]


def own_sessions(user: User, current: str | None) -> list[OwnSession]:
    """Return the sessions of an account that have not ended, `current` first, then the latest."""
    adopt_sessions()
    found = []
    for row in _rows(user):
        data = row.get_decoded()
        at = parse_datetime(str(data.get(SIGNED_IN_AT, "")))
        browser = browser_name(str(data.get(AGENT, "")))
        factor = str(data.get(SECOND_FACTOR, ""))
        found.append(OwnSession(mark_of(row.pk), browser, at, row.pk == current, factor))
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda s: (s.is_current, s.signed_in_at or oldest), reverse=True)


def _rows(user: User) -> Any:
    return Session.objects.filter(owner__user=user, expire_date__gt=timezone.now())


def browser_name(agent: str) -> str:
    """Return the browser and the system that an agent names, or ""."""
    browser = next((NAMES.get(name, name) for name in BROWSERS if name in agent), "")
    system = next((name for name in SYSTEMS if name in agent), "")
    return " · ".join(filter(None, (browser, system)))


def end_sessions(user: User, *, mark: str = "", keep: str | None = None) -> int:
    """End the session `mark` of an account, or all of them but `keep`; return how many."""
    adopt_sessions()
    keys = [row.pk for row in _rows(user) if row.pk != keep and mark in ("", mark_of(row.pk))]
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)


def adopt_sessions() -> None:
    """Record whose the sessions are that an older version has stored."""
    known = set(User.objects.values_list("pk", flat=True))
    rows = Session.objects.filter(owner=None, expire_date__gt=timezone.now())
    found = [(row.pk, str(row.get_decoded().get(SESSION_KEY, ""))) for row in rows[:MOST_ADOPTED]]
    SessionOwner.objects.bulk_create(
        [SessionOwner(session_id=key, user_id=int(owner)) for key, owner in found
         if owner.isdecimal() and int(owner) in known],
        ignore_conflicts=True,
    )  # fmt: skip
