"""Models that all processes share: user accounts, rate limits, background jobs."""

from wikico2.models.accounts import (
    OutgoingMail,
    RateLimit,
    RateLimitSlot,
    SessionOwner,
    SignInCounter,
    User,
)
from wikico2.models.audit import AuditEvent, AuditEventQuerySet
from wikico2.models.jobs import (
    Job,
    JobEvent,
    JobQuerySet,
    JobState,
    JobSubject,
    JobSubjectQuerySet,
    JobTurn,
    QueuePause,
    WorkerPulse,
)
from wikico2.models.notifications import Notification, NotificationQuerySet

__all__ = [
    "AuditEvent",
    "AuditEventQuerySet",
    "Job",
    "JobEvent",
    "JobQuerySet",
    "JobState",
    "JobSubject",
    "JobSubjectQuerySet",
    "JobTurn",
    "Notification",
    "NotificationQuerySet",
    "OutgoingMail",
    "QueuePause",
    "RateLimit",
    "RateLimitSlot",
    "SessionOwner",
    "SignInCounter",
    "User",
    "WorkerPulse",
]
