"""User accounts, their sessions and sign-ins, and the rate limits of the models that are called."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A user account. Roles are groups (`wikico2.accounts.roles`), plus Django's superuser.

    `email` is an address that its owner has confirmed (`email_verified_at`), or that whoever
    created the account has given. `invited_at` is when the last invitation was made.
    """

    class Theme(models.TextChoices):
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    class Mail(models.TextChoices):
        NOW = "now", _("at once")
        DIGEST = "digest", _("in a digest each morning")
        NEVER = "never", _("never")

    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme.choices, blank=True)
    mail = models.CharField(
        _("notifications by e-mail"), max_length=6, choices=Mail.choices, default=Mail.NOW
    )
    must_change_password = models.BooleanField(
        _("must choose a new password"),
        default=False,
        help_text=_("At the next sign-in, before anything else."),
    )
    email_verified_at = models.DateTimeField(_("address confirmed on"), null=True, blank=True)
    invited_at = models.DateTimeField(_("invited on"), null=True, blank=True)
    invited_by = models.ForeignKey(
        "self",
        verbose_name=_("invited by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    unread_notifications = 0
    """How many notifications the signed-in user has not seen; set by the authentication backend."""
    has_second_factor = False
    """Whether the signed-in user has set up a second factor; set by the authentication backend."""

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

    @property
    def is_invited(self) -> bool:
        """Tell whether the account waits for its owner to choose a first password."""
        return self.invited_at is not None and not self.has_usable_password()


class SessionOwner(models.Model):
    """Whose a stored session is, so that people can see and end their sessions."""

    session = models.OneToOneField(
        Session, on_delete=models.CASCADE, primary_key=True, related_name="owner"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="session_owners"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user_id)


class SignInCounter(models.Model):
    """Failed sign-ins of one account or network address; `key` is a keyed hash of it."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(db_default=Now())
    blocked_until = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.failures}"


class OutgoingMail(models.Model):
    """An e-mail that a worker sends; the row is deleted once it is sent."""

    to = models.EmailField()
    subject = models.CharField(max_length=300)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.to}: {self.subject}"


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
