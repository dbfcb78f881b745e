"""What waits for those who curate: queues of sheets with their counts, the figures of the desk."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ingestion.models import Document
from sheets.models import BulkAction, Discussion, Proposal, RevisionCheck, Sheet, Spending
from sheets.models.sheet import SheetQuerySet
from wikico2.jobs.queue import workers_alive
from wikico2.models import Job, QueuePause

COMPLETE = 80
MONTHS_SHOWN = 6
ACTIONS_SHOWN = 5
Counts = dict[str, int]


def _has_level(*levels: str) -> Q:
    """Return the condition that a statement of the current version has one of these levels."""
    check = RevisionCheck.objects.filter(revision=OuterRef("current"))
    known = Q(pk__in=())
    for level in levels:
        known |= Q(**{f"levels__{level}__gt": 0})
    return Q(Exists(check.filter(known)))


def _is_proposed() -> Q:
    return Q(Exists(Proposal.objects.waiting().filter(sheet=OuterRef("pk"))))


def _is_discussed() -> Q:
    return Q(Exists(Discussion.objects.unresolved().filter(sheet=OuterRef("pk"))))


def _is_due() -> Q:
    due = Sheet.objects.due_for_review(timezone.localdate())
    return Q(pk__in=due.order_by().values("pk"))


@dataclass(frozen=True)
class SheetQueue:
    """The sheets that need one kind of work; `note` says what is to be done there."""

    key: str
    label: Any
    note: Any
    condition: Callable[[], Q]
    icon: str
    tone: str = ""


QUEUES = {
    queue.key: queue
    for queue in (
        SheetQueue(
            "proposed", _("With a proposal"), _("A new text or a remark waits for an answer."),
            _is_proposed, "comment", "blue",
        ),
        SheetQueue(
            "discussed", _("With an open discussion"),
            _("What members say of a passage waits to be answered and resolved."),
            _is_discussed, "quote", "blue",
        ),
        SheetQueue(
            "validate", _("To validate"),
            _("Submitted, or changed since the version that was validated."),
            lambda: Q(pk__in=Sheet.objects.awaiting_validation().order_by().values("pk")),
            "verified", "blue",
        ),
        SheetQueue(
            "due", _("Due for review"), _("Their date of review has come."),
            _is_due, "clock", "amber",
        ),
        SheetQueue(
            "stale", _("Out of date"), _("A source, the model or the template has changed since."),
            lambda: ~Q(stale_reasons=[]), "refresh", "amber",
        ),
        SheetQueue(
            "incomplete", _("Incomplete"), _("Less than 80% of the fields are filled."),
            lambda: Q(completeness__lt=COMPLETE), "circle", "",
        ),
        SheetQueue(
            "unassigned", _("Without a person in charge"), _("Nobody answers for them."),
            lambda: Q(responsible=None), "user", "",
        ),
        SheetQueue(
            "broken", _("With statements not found"),
            _("Their source does not say so, or no longer."),
            lambda: _has_level("not_found"), "broken", "red",
        ),
        SheetQueue(
            "weak", _("With fragile statements"),
            _("Fragile, or without a source: to be confirmed or mended."),
            lambda: _has_level("fragile", "unsourced"), "alert", "amber",
        ),
    )
}  # fmt: skip
"""The queues of the desk, in their order."""


def written_sheets(user: Any, *, archived: bool = False) -> SheetQuerySet:
    """Return the sheets with a text that `user` sees in lists, or those of the archive."""
    found: SheetQuerySet = Sheet.objects.listed_for(user)
    if archived:
        found = Sheet.objects.readable_by(user).filter(state=Sheet.State.ARCHIVED)
    return found.filter(current__isnull=False)


def queue_counts(sheets: SheetQuerySet, user: Any) -> Counts:
    """Return how many of the sheets are in each queue, and of how many `user` is in charge."""
    counted = {key: Count("pk", filter=queue.condition()) for key, queue in QUEUES.items()}
    return sheets.order_by().aggregate(
        **counted, mine=Count("pk", filter=Q(responsible=user.pk)), all=Count("pk")
    )


def source_counts() -> Counts:
    """Return how many sources failed, are stopped, are being read or wait, and are internal."""
    states = Document.State
    return Document.objects.aggregate(
        failed=Count("pk", filter=Q(state=states.FAILED)),
        cancelled=Count("pk", filter=Q(state=states.CANCELLED)),
        working=Count("pk", filter=Q(state__in=Document.WORKING)),
        internal=Count("pk", filter=Q(access=Document.Access.INTERNAL)),
        total=Count("pk"),
    )


def job_counts() -> Counts:
    """Return how many jobs run or wait, and how many have failed."""
    states = Job.State
    return Job.objects.aggregate(
        running=Count("pk", filter=Q(state=states.RUNNING)),
        waiting=Count("pk", filter=Q(state=states.WAITING)),
        failed=Count("pk", filter=Q(state=states.FAILED)),
    )


def proposal_counts() -> Counts:
    """Return how many generated texts, texts of people and mere remarks wait for an answer."""
    remark_only = ~Q(remark="") & Q(base__isnull=False, body=F("base__body"))
    by_people = Q(generation__isnull=True)
    return Proposal.objects.waiting().aggregate(
        generated=Count("pk", filter=Q(generation__isnull=False)),
        texts=Count("pk", filter=by_people & ~remark_only),
        remarks=Count("pk", filter=by_people & remark_only),
    )


@dataclass(frozen=True)
class MonthOfSpending:
    """What the models have cost in a month; `share` is the part of the ceiling in per cent."""

    month: dt.date
    tokens: int
    cost: Any
    calls: int
    ceiling: int
    share: int | None


def spending_by_month() -> tuple[list[MonthOfSpending], int]:
    """Return the last months, latest first, and the tokens of today.

    The ceiling is per day: a month grants it once for each of its days.
    """
    rows = Spending.objects.by_month()[:MONTHS_SHOWN]
    found = []
    for row in rows:
        ceiling = (settings.LLM_TOKENS_PER_DAY or 0) * days_of(row["month"])
        tokens = row["sum_in"] + row["sum_out"]
        share = round(100 * tokens / ceiling) if ceiling else None
        found.append(
            MonthOfSpending(row["month"], tokens, row["sum_cost"], row["sum_calls"], ceiling, share)
        )
    return found, rows[0]["sum_today"] if rows else 0


def days_of(month: dt.date) -> int:
    """Return the number of days of a month, given its first day."""
    following = (month.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return (following - month.replace(day=1)).days


def desk_figures(user: Any) -> dict[str, Any]:
    """Return all that the desk shows, in a fixed number of queries."""
    months, today = spending_by_month()
    actions = list(BulkAction.objects.select_related("asked_by")[:ACTIONS_SHOWN])
    BulkAction.load_jobs(actions)
    counts = queue_counts(written_sheets(user), user)
    return {
        "queues": [(queue, counts[key]) for key, queue in QUEUES.items()],
        "mine": counts["mine"],
        "proposals": proposal_counts(),
        "sources": source_counts(),
        "jobs": job_counts(),
        "pause": QueuePause.current(),
        "is_alive": workers_alive(),
        "months": months,
        "today": today,
        "day_ceiling": settings.LLM_TOKENS_PER_DAY,
        "currency": settings.LLM_CURRENCY,
        "actions": actions,
        "views": list(user.saved_views.all()),
    }
