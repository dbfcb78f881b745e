"""What people see of jobs: what each is, its place in the line, what it waits for, how long."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Avg, Count
from django.utils import timezone

from wikico2.jobs.policy import JobPolicy, policy_of
from wikico2.jobs.queue import is_paused, workers_alive
from wikico2.jobs.turns import SIMULATED, places_in_line
from wikico2.models import Job, WorkerPulse

MEASURED = 3
"""Jobs of a kind that must have ended before their mean time is told."""


@dataclass(frozen=True)
class JobLine:
    """A job as a list shows it; `seconds_left` is None while it is not known."""

    job: Job
    policy: JobPolicy
    title: str
    url: str
    wait: "JobWait"
    may_stop: bool
    may_start: bool
    may_read_log: bool

    @property
    def may_retry(self) -> bool:
        return self.may_start and self.policy.may_help_to_retry(self.job)


@dataclass(frozen=True)
class JobWait:
    """What a job waits for, the first that holds: nothing alive, a pause, a service, its turn.

    `place` is the number of jobs that run before it, or that at least run if it `is_far`. A job
    that a dead worker holds waits for another worker, like one that none has taken.
    """

    no_worker: bool = False
    paused: bool = False
    error: str = ""
    until: Any = None
    place: int | None = None
    is_far: bool = False
    is_waiting: bool = False
    seconds_left: float | None = None


class Outlook:
    """The state of the whole queue, read once for all the jobs of a page."""

    @cached_property
    def is_alive(self) -> bool:
        return workers_alive()

    @cached_property
    def is_paused(self) -> bool:
        return is_paused()

    @cached_property
    def places(self) -> dict[int, int]:
        return places_in_line()

    def of(self, job: Job) -> JobWait:
        """Return what the job waits for, and how long it still takes in all honesty."""
        place = self.places.get(job.pk)
        is_waiting = job.is_waiting or place is not None
        put_off = job.not_before if job.not_before and job.not_before > timezone.now() else None
        is_far = is_waiting and place is None and not put_off and len(self.places) >= SIMULATED
        return JobWait(
            no_worker=job.is_working and not self.is_alive,
            paused=job.is_working and self.is_paused,
            error=job.error if job.waits else "",
            until=put_off,
            place=len(self.places) if is_far else place,
            is_far=is_far,
            is_waiting=is_waiting,
            seconds_left=self._seconds_left(job, is_waiting=is_waiting),
        )

    def _seconds_left(self, job: Job, *, is_waiting: bool) -> float | None:
        if self.is_paused or not self.is_alive:
            return None
        return self._ahead.get(job.pk) if is_waiting else job.seconds_left

    @cached_property
    def _ahead(self) -> dict[int, float]:
        """Return the seconds until each waiting job ends, where those of the others are known.

        A job of several time slices also waits, after each of them but the last, for those behind
        it: each of them is counted with as many slices.
        """
        waiting = dict(Job.objects.filter(pk__in=self.places).values_list("pk", "kind"))
        kinds = [waiting[pk] for pk in self.places if pk in waiting]
        means = mean_seconds(set(kinds))
        workers = max(WorkerPulse.objects.alive().count(), 1)
        before: Counter[str] = Counter()
        behind = Counter(kinds)
        found: dict[int, float] = {}
        for pk in self.places:
            if (kind := waiting.get(pk, "")) not in means:
                break
            behind[kind] -= 1
            own = means[kind]
            slices = max(math.ceil(own / settings.TASK_SLICE_SECONDS), 1)
            if slices == 1 or set(+behind) <= means.keys():
                others = work_within(slices, before, means)
                others += work_within(slices - 1, +behind, means)
                found[pk] = others / workers + own
            before[kind] += 1
        return found


def work_within(slices: int, jobs: Mapping[str, int], means: Mapping[str, float]) -> float:
    """Return the seconds that this many jobs of each kind take within so many slices each."""
    if not slices:
        return 0.0
    longest = slices * settings.TASK_SLICE_SECONDS
    return sum(count * min(means[kind], longest) for kind, count in jobs.items())


def mean_seconds(kinds: Iterable[str]) -> dict[str, float]:
    """Return the mean time of work of the jobs of each kind that are done, where it is known."""
    done = Job.objects.filter(kind__in=kinds, state=Job.State.DONE).order_by().values("kind")
    measured = done.annotate(n=Count("pk"), mean=Avg("seconds")).filter(n__gte=MEASURED, mean__gt=0)
    return {row["kind"]: row["mean"] for row in measured}


def job_lines(jobs: Sequence[Job], user: Any, outlook: Outlook) -> list[JobLine]:
    """Return the jobs that `user` may see, in their order."""
    subjects: dict[str, dict[int, Any]] = {}
    by_kind: dict[str, list[int]] = defaultdict(list)
    for job in jobs:
        if job.subject_id is not None:
            by_kind[job.kind].append(job.subject_id)
    for kind, ids in by_kind.items():
        policy = policy_of(kind)
        if policy.visible is not None:
            subjects[kind] = policy.visible(user).in_bulk(ids)
        elif policy.model:
            subjects[kind] = apps.get_model(policy.model)._base_manager.in_bulk(ids)
    return [
        line
        for job in jobs
        if (line := _line(job, subjects.get(job.kind, {}), user, outlook)) is not None
    ]


def _line(job: Job, subjects: dict[int, Any], user: Any, outlook: Outlook) -> JobLine | None:
    policy = policy_of(job.kind)
    subject = subjects.get(job.subject_id) if job.subject_id is not None else None
    if subject is None and policy.visible is not None:
        return None
    find_url = getattr(subject, "get_absolute_url", str)
    return JobLine(
        job=job,
        policy=policy,
        title=policy.title(subject) if subject is not None else "",
        url=find_url(),
        wait=outlook.of(job),
        may_stop=policy.may_stop(user, job, subject),
        may_start=policy.may_retry(user, job, subject),
        may_read_log=policy.may_read_log(user, job, subject),
    )


def visible_job(job: Job, user: Any) -> JobLine | None:
    """Return one job as `user` sees it; None if they may not see it."""
    return next(iter(job_lines([job], user, Outlook())), None)
