"""The policy of each kind of job: what it does, how often it is tried, what may run at once.

A kind is declared with `register_kind` where its app is loaded (`ingestion/jobs.py`,
`sheets/jobs.py`). The runner knows nothing else of a kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import QuerySet
from django.db.models.signals import post_delete

from wikico2.accounts.rules import may
from wikico2.errors import PERMANENT
from wikico2.models import Job

if TYPE_CHECKING:
    from wikico2.jobs.runner import JobRun

OUTAGES = frozenset(
    {
        "bad_answer",
        "database_lost",
        "index_unreachable",
        "service_busy",
        "service_cut_off",
        "service_slow",
        "service_unreachable",
    }
)
"""Errors of a service that is down for a while, or of a connection to it."""

UNCOUNTED = frozenset({"service_paced", "sources_pending"})
"""What a job waits for without any failure."""

LANES = {
    Job.Lane.SHORT: 8,
    Job.Lane.WRITING: 4,
    Job.Lane.READING: 4,
    Job.Lane.INDEXING: 2,
    Job.Lane.UPKEEP: 1,
}
"""Weight of each lane: the lane runs whose last turn, times its weight, is longest ago."""


@dataclass(frozen=True)
class JobPolicy:
    """What the runner has to know of one kind of job.

    `work` does one time slice and tells whether the job is finished; it may be interrupted anywhere
    and run again. `follow` is called with a job that was restarted, stopped, has failed or is done,
    in the transaction that says so. `attempts` and `outage_attempts` bound the attempts without
    progress, the latter those that met one of `OUTAGES`; None is without end. The wait doubles from
    `first_wait` to `longest_wait` (s): with the usual numbers an outage may last an hour. If the
    kind `merges`, waiting jobs of the same key are done together, and of those with the same key
    one runs at a time. A job that is paused or passed on keeps what it has stored.
    """

    kind: str
    name: Any
    lane: Job.Lane
    work: "Callable[[JobRun], bool]"
    model: str = ""
    visible: Callable[[Any], QuerySet[Any]] | None = None
    title: Callable[[Any], str] = str
    stop_rule: str = "queue.manage"
    retry_rule: str = "queue.manage"
    log_rule: str = ""
    follow: Callable[[Job], None] = lambda job: None
    on_lost: Callable[[Job], None] = lambda job: None
    attempts: int = 5
    outage_attempts: int | None = 12
    first_wait: float = 5.0
    longest_wait: float = 600.0
    at_once: int | None = None
    merges: bool = False
    permanent: frozenset[str] = PERMANENT
    sentences: dict[str, str] | None = None

    def attempts_left(self, attempts: int, code: str) -> bool:
        """Tell whether another attempt is allowed after this many that ended with the error."""
        most = self.outage_attempts if code in OUTAGES else self.attempts
        return code in UNCOUNTED or most is None or attempts < most

    def wait_after(self, attempts: int, retry_after: float) -> float:
        """Return the seconds until the next attempt."""
        backoff = self.first_wait * 2.0 ** min(attempts, 20)
        return min(max(retry_after, backoff), self.longest_wait)

    def may_help_to_retry(self, job: Job) -> bool:
        """Tell whether the job has stopped, and a retry can succeed."""
        return job.state in Job.STOPPED and job.error_code not in self.permanent

    def may_stop(self, user: Any, job: Job, subject: Any = None) -> bool:
        """Tell whether `user` may stop the job, which belongs to who asked for it or its row."""
        rule = self.stop_rule
        return may(user, rule, job) or may(user, rule, subject)

    def may_read_log(self, user: Any, job: Job, subject: Any = None) -> bool:
        """Tell whether `user` may read the job's log: by `log_rule`, or who may stop it."""
        rule = self.log_rule or self.stop_rule
        return job.owner_id == user.pk or may(user, rule, job) or may(user, rule, subject)

    def may_retry(self, user: Any, job: Job, subject: Any = None) -> bool:
        """Tell whether `user` may start the job again."""
        rule = self.retry_rule
        return may(user, rule, job) or may(user, rule, subject)


_policies: dict[str, JobPolicy] = {}


def register_kind(policy: JobPolicy) -> None:
    """Declare a kind of job; the jobs of a deleted row of its model are deleted."""
    _policies[policy.kind] = policy
    if policy.model and not policy.merges:
        post_delete.connect(
            _delete_jobs, sender=apps.get_model(policy.model), dispatch_uid=f"jobs.{policy.model}"
        )


def policy_of(kind: str) -> JobPolicy:
    """Return the policy of a kind; raises KeyError if none is declared."""
    return _policies[kind]


def known_kinds() -> list[str]:
    """Return the kinds that are declared: a job of another one is from another version."""
    return list(_policies)


def all_policies() -> list[JobPolicy]:
    """Return the policies of all kinds."""
    return list(_policies.values())


def _delete_jobs(sender: Any, instance: Any, **kwargs: Any) -> None:
    kinds = [one.kind for one in all_policies() if one.model == sender._meta.label]
    Job.objects.filter(kind__in=kinds, subject_id=instance.pk, merges=False).delete()
