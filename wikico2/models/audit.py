"""The audit log: who did what to which row, from where."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wikico2.models.audit_names import NAMES_OF_ACTIONS, name_detail, name_model, show_detail


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Queries on the audit log."""

    def about(self, row: models.Model) -> "AuditEventQuerySet":
        """Return the events of one row."""
        return self.filter(kind=row._meta.label_lower, row_id=row.pk)


class AuditEvent(models.Model):
    """One thing that somebody did. Never changed; deleted after `AUDIT_DAYS`.

    `actor_name` and `label` keep what the account and the row were called, since both may be gone.
    `details` holds plain values, for example the former and the new name.
    """

    class Channel(models.TextChoices):
        PAGE = "page", _("page")
        ADMIN = "admin", _("administration")
        API = "api", "API"
        PROGRAM = "program", _("program")

    at = models.DateTimeField(_("date"), db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    actor_name = models.CharField(_("name"), max_length=300, blank=True)
    channel = models.CharField(
        _("channel"), max_length=10, choices=Channel.choices, default=Channel.PROGRAM
    )
    address = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=60)
    kind = models.CharField(_("kind"), max_length=100, blank=True)
    row_id = models.BigIntegerField(_("number"), null=True, blank=True)
    label = models.CharField(_("object"), max_length=300, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event of the audit log")
        verbose_name_plural = _("audit log")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_latest"),
            models.Index(fields=["kind", "row_id", "-id"], name="audit_of_row"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.label}".strip()

    @property
    def action_name(self) -> str:
        """Return what the action is called in the active language; its key if it has no name."""
        name = NAMES_OF_ACTIONS.get(self.action)
        return gettext(name) if name else self.action

    @property
    def kind_name(self) -> str:
        """Return what the row is called in the active language: a sheet, a source."""
        return name_model(self.kind)

    @property
    def detail_lines(self) -> list[tuple[str, str]]:
        """Return the names of the details and their values, in the active language."""
        return [
            (name_detail(name), show_detail(self.action, self.kind, name, value))
            for name, value in sorted(self.details.items())
        ]
