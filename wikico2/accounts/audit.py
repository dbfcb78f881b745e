"""Write the audit log: who did what to which row, from where.

A small table of our own rather than a library that compares rows before and after each `save`: most
changes here are updates of a queryset, which such a library does not see, and most columns of a
sheet are derived, which it would log at each recheck. What is logged is what somebody did, under
the name of its rule.
"""

import datetime as dt
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from wikico2.models import AuditEvent
from wikico2.parameters import client_address

LONGEST_NAME = 300
CHANNELS = (
    ("/admin/", AuditEvent.Channel.ADMIN),
    ("/v1/", AuditEvent.Channel.API),
    ("/mcp", AuditEvent.Channel.API),
)


@dataclass(frozen=True)
class RequestOrigin:
    """Where a request comes from; the default is the program itself, in a job or a command."""

    channel: str = AuditEvent.Channel.PROGRAM
    address: str | None = None
    request: HttpRequest | None = None


PROGRAM = RequestOrigin()
_origin: ContextVar[RequestOrigin] = ContextVar("origin", default=PROGRAM)


class AuditOriginMiddleware:
    """Remember for the audit log where the request comes from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _origin.set(
            RequestOrigin(channel_of(request.path_info), client_address(request), request)
        )
        try:
            return self.get_response(request)
        finally:
            _origin.reset(token)


def channel_of(path: str) -> str:
    """Return the channel that an address belongs to."""
    found = (channel for start, channel in CHANNELS if path.startswith(start))
    return next(found, AuditEvent.Channel.PAGE)


def record(action: str, row: models.Model | None = None, user: Any = None, **details: Any) -> None:
    """Log that `user`, or whoever sent the request, did `action` to `row`.

    `details` are plain values. Call it in the transaction of the change, so that both are kept or
    neither.
    """
    origin = _origin.get()
    asked = user if user is not None else requesting_user()
    person = asked if getattr(asked, "is_authenticated", False) else None
    AuditEvent.objects.create(
        actor_id=person.pk if person else None,
        actor_name=str(person)[:LONGEST_NAME] if person else "",
        channel=origin.channel,
        address=origin.address,
        action=action,
        kind=row._meta.label_lower if row is not None else "",
        row_id=row.pk if row is not None else None,
        label=str(row)[:LONGEST_NAME] if row is not None else "",
        details=details,
    )


def requesting_user() -> Any:
    """Return the user of the request that is being answered; None outside of one."""
    return getattr(_origin.get().request, "user", None)


def clear_old_events() -> int:
    """Delete the events that are older than `AUDIT_DAYS`; 0 keeps them all. Return how many."""
    if not settings.AUDIT_DAYS:
        return 0
    before = timezone.now() - dt.timedelta(days=settings.AUDIT_DAYS)
    return AuditEvent.objects.filter(at__lt=before).delete()[0]
