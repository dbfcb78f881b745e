"""The page of the audit log: filters, and its export as CSV."""

import csv
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from wikico2.accounts.decorators import requires
from wikico2.filters import Filter, FilterField, read_choice, read_line, read_match
from wikico2.models import AuditEvent

PER_PAGE = 100
LONGEST = 150
MOST_EXPORTED = 100_000
HEADINGS = ("date", "who", "account", "channel", "address", "action", "kind", "number", "object",
            "details")  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def _day(text: str) -> dt.datetime | None:
    """Return the beginning of a day in the site's time zone; None for a day that does not exist."""
    try:
        return timezone.make_aware(dt.datetime.fromisoformat(text))
    except ValueError:
        return None


def _since(text: str) -> Q:
    day = _day(text)
    return Q(at__gte=day) if day else Q()


def _until(text: str) -> Q:
    day = _day(text)
    return Q(at__lt=day + dt.timedelta(days=1)) if day and day.year < dt.MAXYEAR else Q()


def _about(text: str) -> Q:
    return Q(label__icontains=text)


READ_DAY = read_match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
AUDIT_FILTER = Filter(
    (
        FilterField("who", read_line(LONGEST), "actor_name__icontains", parameter="qui"),
        FilterField("action", read_line(60), "action__startswith"),
        FilterField("about", read_line(LONGEST), _about, parameter="objet"),
        FilterField(
            "channel", read_choice(AuditEvent.Channel.values), "channel", parameter="canal"
        ),
        FilterField("since", READ_DAY, _since, parameter="du"),
        FilterField("until", READ_DAY, _until, parameter="au"),
    )
)


@require_safe
@requires("audit.read")
def audit_log(request: HttpRequest) -> HttpResponse:
    """List what was done, by whom and from where, the latest first."""
    active = AUDIT_FILTER.read(request.GET)
    rows = active.apply(AuditEvent.objects.select_related("actor"))
    context = {
        "active": active,
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "channels": AuditEvent.Channel.choices,
        "export": active.address(reverse("audit_export")),
    }
    return render(request, "audit_log.html", context)


@require_safe
@requires("audit.read")
def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    """Send the events that match as CSV, at most MOST_EXPORTED, the latest first."""
    rows = AUDIT_FILTER.read(request.GET).apply(AuditEvent.objects.select_related("actor"))
    name = f"audit-{timezone.localdate().isoformat()}.csv"
    return StreamingHttpResponse(
        csv_lines(rows[:MOST_EXPORTED]),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Echo:
    """A file that gives back what is written, for `csv.writer`."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Any) -> Iterator[str]:
    """Yield the lines of the CSV, with a byte order mark, which spreadsheets need."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(HEADINGS)
    for event in rows.iterator(chunk_size=1_000):
        details = json.dumps(event.details, ensure_ascii=False, sort_keys=True)
        yield writer.writerow(
            [
                event.at.isoformat(timespec="seconds"),
                safe_cell(event.actor_name),
                safe_cell(event.actor.username if event.actor else ""),
                event.channel,
                event.address or "",
                event.action,
                event.kind,
                event.row_id or "",
                safe_cell(event.label),
                details if event.details else "",
            ]
        )


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
