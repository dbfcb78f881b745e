"""User accounts, and the rate limits of the models that are called."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A user account. Roles are groups (`wikico2.accounts.roles`), plus Django's superuser."""

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        permissions = [
            ("curate", "Can stop, remove and open to all what others brought"),
            ("enter_admin", "Can enter the administration"),
            ("view_jobs", "Can see background jobs and what they cost"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class RateLimit(models.Model):
    """The rate limit of one model; `held_until` is set when the service asked to wait."""

    key = models.CharField(max_length=300, unique=True)
    held_until = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "wikico2_pace"

    def __str__(self) -> str:
        return self.key


class RateLimitSlot(models.Model):
    """One of the requests a minute that a model grants; free again a minute after its use."""

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
