"""People, and what all processes share about the work: its pace, and whether it is paused."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """An account. Roles are groups (`wikico2.roles`); a super-administrator is a superuser."""

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class RateLimit(models.Model):
    """One model of the service, which may have asked everybody to hold off for a while."""

    key = models.CharField(max_length=300, unique=True)
    held_until = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "wikico2_pace"

    def __str__(self) -> str:
        return self.key


class RateLimitSlot(models.Model):
    """One of the requests that a model grants in a minute: taken, it is free a minute later."""

    pace = models.ForeignKey(RateLimit, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveIntegerField()
    free_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "wikico2_paceslot"
        constraints = [
            models.UniqueConstraint(fields=["pace", "number"], name="pace_slot_unique_number")
        ]
        indexes = [models.Index(fields=["pace", "free_at"], name="pace_slot_next")]

    def __str__(self) -> str:
        return f"{self.pace_id}:{self.number}"


class QueuePause(models.Model):
    """Stands while the work is paused: workers then begin nothing and end their slice of time."""

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        verbose_name = _("pause of the work")
        verbose_name_plural = _("pauses of the work")
        default_permissions = ("add", "delete")
        constraints = [models.CheckConstraint(condition=models.Q(only=True), name="pause_only_one")]

    def __str__(self) -> str:
        return str(self.at)

    @classmethod
    def current(cls) -> Any:
        """Return the pause that stands, or None."""
        return cls.objects.select_related("by").first()
