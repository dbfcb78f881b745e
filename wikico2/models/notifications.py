"""What people are told: mentions, answers, changes of what they follow, what waits for them."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

SENTENCES = {
    "mention": gettext_noop("%(actor)s mentions you on “%(title)s”."),
    "reply": gettext_noop("%(actor)s answers in a discussion of yours on “%(title)s”."),
    "comment": gettext_noop("%(actor)s comments on “%(title)s”."),
    "accepted": gettext_noop("Your suggestion for “%(title)s” was accepted."),
    "refused": gettext_noop("Your suggestion for “%(title)s” was refused."),
    "closed": gettext_noop("Your remark on “%(title)s” was answered."),
    "followed": gettext_noop("“%(title)s”, which you watch, was changed by %(actor)s."),
    "waiting": gettext_noop("A proposal for “%(title)s” waits for your decision."),
    "to_validate": gettext_noop("%(actor)s submits “%(title)s” for validation."),
    "changes": gettext_noop("%(actor)s requests changes of “%(title)s”."),
    "validated": gettext_noop("%(actor)s validated “%(title)s”."),
    "published": gettext_noop("%(actor)s published “%(title)s”."),
    "assigned": gettext_noop("%(actor)s puts you in charge of “%(title)s”."),
    "due": gettext_noop("“%(title)s”, which is in your charge, is due for review."),
    "source_failed": gettext_noop("Your source “%(title)s” could not be read."),
}


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Queries on notifications."""

    def unseen(self) -> "NotificationQuerySet":
        return self.filter(seen_at__isnull=True)

    def for_digest(self) -> "NotificationQuerySet":
        """Return what a digest has to tell beside the changes of what one watches."""
        told = Notification.TOLD_BY_DIGEST
        return self.unseen().filter(mailed_at=None).exclude(kind__in=told)


class Notification(models.Model):
    """One thing that a person is told; while it is unseen, the same `key` is told once.

    `details` are those of the sentence: `title`, and `text` to quote. `actor` is who did it, None
    for the program. `address` is the path of the page that it leads to.
    """

    class Kind(models.TextChoices):
        MENTION = "mention", gettext_lazy("mention")
        REPLY = "reply", gettext_lazy("answer")
        COMMENT = "comment", gettext_lazy("comment")
        ACCEPTED = "accepted", gettext_lazy("accepted")
        REFUSED = "refused", gettext_lazy("refused")
        CLOSED = "closed", gettext_lazy("answer")
        FOLLOWED = "followed", gettext_lazy("watched")
        WAITING = "waiting", gettext_lazy("to review")
        TO_VALIDATE = "to_validate", gettext_lazy("to validate")
        CHANGES = "changes", gettext_lazy("changes requested")
        VALIDATED = "validated", gettext_lazy("validated")
        PUBLISHED = "published", gettext_lazy("published")
        ASSIGNED = "assigned", gettext_lazy("person in charge")
        DUE = "due", gettext_lazy("due for review")
        SOURCE_FAILED = "source_failed", gettext_lazy("source")

    TOLD_BY_DIGEST = (Kind.FOLLOWED,)
    """The kinds that the digest of what one watches tells by itself; they are not mailed."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=100)
    details = models.JSONField(default=dict)
    address = models.CharField(max_length=500)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"],
                condition=Q(seen_at__isnull=True),
                name="notification_told_once",
            )
        ]
        indexes = [models.Index(fields=["user", "-created_at"], name="notification_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.key}"

    def get_absolute_url(self) -> str:
        return reverse("notification", args=[self.pk])

    @property
    def sentence(self) -> str:
        """Return the sentence in the active language."""
        details: dict[str, Any] = {"title": "", "actor": self.actor or _("the program")}
        return str(_(SENTENCES[self.kind]) % (details | self.details))

    @property
    def quote(self) -> str:
        """Return the words that it quotes, or ""."""
        return str(self.details.get("text", ""))
