"""Tokens of programs, and the answers that are kept for a request that is sent twice."""

import datetime as dt
import hashlib
import json
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wikico2.models import JobState, JobSubjectQuerySet, User

PREFIX = "wk_"
SECRET_BYTES = 32
SHOWN = len(PREFIX) + 4
"""Characters of a token that stay readable, to tell it from others."""
LIFETIME = dt.timedelta(days=1)
"""How long the answer to a request with an idempotency key is kept."""
UNFINISHED = dt.timedelta(minutes=2)
"""After which time a request that never ended no longer holds its key."""

USE = """
    UPDATE api_token SET
        used = CASE WHEN minute = date_trunc('minute', now()) THEN used + 1 ELSE 1 END,
        minute = date_trunc('minute', now()),
        last_used_at = now()
    WHERE digest = %s AND (expires_at IS NULL OR expires_at > now())
    RETURNING id, user_id, scope, sheet_types, used,
        60 - floor(extract(epoch FROM now() - date_trunc('minute', now())))::int
"""


def token_digest(secret: str) -> str:
    """Return what is stored of a token; its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenQuerySet(models.QuerySet["Token"]):
    """Queries about tokens."""

    def valid(self) -> "TokenQuerySet":
        """Return the tokens that have not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class Token(models.Model):
    """A token with which a program acts for a person, within a scope and for some sheet types."""

    class Scope(models.TextChoices):
        """What a token may do; each holds what stands above it."""

        READ = "read", _("read")
        WRITE = "write", _("write")
        CURATE = "curate", _("curate")
        ADMIN = "admin", _("administer")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens"
    )
    name = models.CharField(_("name"), max_length=100)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope.choices, default=Scope.READ)
    # Keys of the sheet types that it is limited to; empty: all.
    sheet_types = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    shown = models.CharField(max_length=20, editable=False)
    created_at = models.DateTimeField(_("created on"), db_default=Now())
    expires_at = models.DateTimeField(_("expires on"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used on"), null=True, editable=False)
    # Requests in this minute, for the limit.
    minute = models.DateTimeField(null=True, editable=False)
    used = models.PositiveIntegerField(default=0, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @classmethod
    def issue(
        cls,
        user: User,
        name: str,
        *,
        scope: str = Scope.READ,
        sheet_types: list[str] | None = None,
        expires_at: dt.datetime | None = None,
    ) -> tuple["Token", str]:
        """Create a token; return it and its secret, which is shown once and not stored."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = cls.objects.create(
            user=user,
            name=name,
            scope=scope,
            sheet_types=sheet_types or [],
            digest=token_digest(secret),
            shown=secret[:SHOWN],
            expires_at=expires_at,
        )
        return token, secret


@dataclass(frozen=True)
class TokenUse:
    """One use of a token: whose it is, what it may do, and its requests in this minute."""

    token_id: int
    user_id: int
    scope: str
    sheet_types: tuple[str, ...]
    used: int
    seconds_left: int


def use_token(secret: str) -> TokenUse | None:
    """Count a use of a token, in one query; None if it is unknown or has expired."""
    with connection.cursor() as cursor:
        cursor.execute(USE, [token_digest(secret)])
        row = cursor.fetchone()
    return None if row is None else TokenUse(row[0], row[1], row[2], tuple(row[3]), row[4], row[5])


class KeptAnswer(models.Model):
    """The answer to a request with an idempotency key, for the same request sent again.

    `status` is 0 while the first request is under way.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="kept_answers"
    )
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    content = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="keptanswer_unique_key")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}:{self.key}"


class Webhook(models.Model):
    """An address of a program that is told of events, signed with a secret."""

    class Event(models.TextChoices):
        """What a webhook can be told of."""

        SHEET_CHANGED = "sheet.changed", _("a sheet has a new version")
        SHEET_VALIDATED = "sheet.validated", _("a sheet was validated")
        SHEET_PUBLISHED = "sheet.published", _("a sheet was published")
        PROPOSAL_WAITING = "proposal.waiting", _("a proposal waits")
        SOURCE_READY = "source.ready", _("a source is ready")
        SOURCE_FAILED = "source.failed", _("a source could not be read")
        JOB_DONE = "job.done", _("a task is done")
        JOB_FAILED = "job.failed", _("a task has failed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    url = models.URLField(_("address"), max_length=2000)
    events = ArrayField(models.CharField(max_length=40))
    # Kept as it is: each notification is signed with it.
    secret = models.CharField(max_length=64, editable=False)
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    created_at = models.DateTimeField(_("created on"), db_default=Now())

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url

    def event_names(self) -> list[str]:
        """Return what it is told of, in the reader's language."""
        return [str(label) for event, label in self.Event.choices if event in self.events]


class WebhookDelivery(JobState):
    """One notification to a webhook; its job sends it, and tries again with growing waits."""

    JOB_KINDS = ("webhook",)

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    objects = JobSubjectQuerySet["WebhookDelivery"].as_manager()

    class Meta:
        verbose_name = _("notification of a program")
        verbose_name_plural = _("notifications of programs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.event} → {self.webhook}"

    @property
    def content(self) -> str:
        """Return what was sent, indented for people."""
        return json.dumps(self.payload, ensure_ascii=False, indent=2)
