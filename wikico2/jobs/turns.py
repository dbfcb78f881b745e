"""Whose turn it is: which job runs next, and how many run before one.

The lane with the longest wait since its last turn, times its weight, goes first; within a lane the
person served longest ago; then the oldest job. So no lane and nobody waits without end.
"""

import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef
from django.db.models.functions import Coalesce, Now

from wikico2.jobs.policy import LANES, all_policies
from wikico2.models import Job, JobQuerySet, JobTurn, QueuePause
from wikico2.models.jobs import lease_expiry

SIMULATED = 2_000
"""Waiting jobs whose places in the line are computed."""


class WaitingJob(NamedTuple):
    """What the order depends on."""

    pk: int
    lane: str
    owner: int | None


def in_order(waiting: Iterable[WaitingJob], turns: Mapping[str, int]) -> Iterator[WaitingJob]:
    """Yield the jobs, given oldest first, in the order in which they run.

    `turns` tells by name when a lane, and a person in a lane, was last served.
    """
    lanes: dict[str, dict[int | None, deque[WaitingJob]]] = defaultdict(dict)
    for job in waiting:
        lanes[job.lane].setdefault(job.owner, deque()).append(job)
    served = dict(turns)
    clock = max(served.values(), default=0)
    while lanes:
        clock += 1
        lane = max(lanes, key=lambda name: (clock - served.get(name, 0)) * LANES[Job.Lane(name)])
        owners = lanes[lane]
        owner = min(owners, key=lambda one: served.get(turn_name(lane, one), 0))
        job = owners[owner].popleft()
        yield job
        served[lane] = served[turn_name(lane, owner)] = clock
        if not owners[owner]:
            del owners[owner]
        if not owners:
            del lanes[lane]


def turn_name(lane: str, owner: int | None) -> str:
    return f"{lane}:{owner or 0}"


def claim_next() -> Job | None:
    """Lease the job whose turn it is; None if there is none, or the queue is paused."""
    with transaction.atomic():
        with connection.cursor() as cursor:  # one worker chooses at a time
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('wikico2 turn'))")
        heads = runnable().order_by("lane", "owner", "queued_at", "pk").distinct("lane", "owner")
        oldest = sorted(heads.values_list("queued_at", "pk", "lane", "owner"), key=lambda h: h[:2])
        turns = dict(JobTurn.objects.values_list("name", "number"))
        for choice in in_order((WaitingJob(*head[1:]) for head in oldest), turns):
            if job := claim(choice.pk):
                _note_turn(choice, max(turns.values(), default=0) + 1)
                return job
    return None


def claim(pk: int) -> Job | None:
    """Lease a job out of turn; None if it may not run now, or another worker is about to."""
    with transaction.atomic():
        found = runnable().filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
        return _lease(found) if found else None


def places_in_line() -> dict[int, int]:
    """Return by id of a waiting job how many jobs run before it, for the first `SIMULATED`."""
    rows = runnable().order_by("queued_at", "pk").values_list("pk", "lane", "owner")[:SIMULATED]
    turns = dict(JobTurn.objects.values_list("name", "number"))
    ordered = in_order((WaitingJob(*row) for row in rows), turns)
    return {job.pk: place for place, job in enumerate(ordered)}


def runnable() -> JobQuerySet:
    """Return the jobs that may run now: due, within their kind's bound, with no twin running."""
    twins = Job.objects.held().filter(kind=OuterRef("kind"), key=OuterRef("key"))
    due = Job.objects.due().filter(~Exists(QueuePause.objects.all()))
    return due.exclude(Exists(twins), merges=True).filter(kind__in=_open_kinds())


def _open_kinds() -> list[str]:
    """Return the kinds of this version of which one more may run."""
    held = Job.objects.held().order_by().values_list("kind").annotate(n=Count("pk"))
    running: Counter[str] = Counter(dict(held))
    policies = all_policies()
    return [p.kind for p in policies if p.at_once is None or running[p.kind] < p.at_once]


def _note_turn(choice: WaitingJob, number: int) -> None:
    names = (choice.lane, turn_name(choice.lane, choice.owner))
    JobTurn.objects.bulk_create(
        [JobTurn(name=name, number=number) for name in names],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["number"],
    )


def _lease(job: Job) -> Job:
    """Give the locked row a lease of ours; its waiting twins are done with it."""
    was_held = job.lease_token is not None
    token = uuid.uuid4()
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        lease_token=token,
        lease_until=lease_expiry(),
        not_before=None,
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", Now()),
    )
    if job.merges:
        twins = Job.objects.filter(kind=job.kind, key=job.key, state=Job.State.WAITING)
        twins.exclude(pk=job.pk).filter(lease_token__isnull=True).delete()
    job.refresh_from_db()
    job.was_held = was_held
    return job
