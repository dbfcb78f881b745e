"""Actions on many sheets or sources at once, with what each did and left; saved views of lists."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sheets.queueing import BULK_ACTION
from wikico2.errors import error_sentence
from wikico2.models import JobState


class BulkAction(JobState):
    """One action on many rows. A row leaves `waiting` in the transaction that treats it.

    `treated` holds [id, title] of each row that was changed, `left` [id, title, code, details] of
    each that was not, and why. `value` is what the action sets. A short action is done at once, and
    has no job.
    """

    JOB_KINDS = (BULK_ACTION,)
    MOST_ROWS = 2_000

    class Action(models.TextChoices):
        STATE = "state", _("Change the state")
        CATEGORY = "category", _("Change the category")
        RESPONSIBLE = "responsible", _("Put in charge")
        REGENERATE = "regenerate", _("Regenerate what is out of date")
        EXPORT = "export", _("Export")
        TERM = "term", _("Rename in sheets")
        ACCESS = "access", _("Change who may read")
        LICENCE = "licence", _("Change the licence")
        RETRY = "retry", _("Read again what failed")
        REREAD = "reread", _("Read the file anew")

    action = models.CharField(max_length=12, choices=Action.choices)
    value = models.CharField(max_length=300, blank=True)
    waiting = models.JSONField(default=list)
    treated = models.JSONField(default=list)
    left = models.JSONField(default=list)
    file = models.FileField(upload_to="exports/%Y/", max_length=200, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    OWNER_FIELDS = ("asked_by_id",)

    class Meta:
        verbose_name = _("action on several rows")
        verbose_name_plural = _("actions on several rows")
        default_permissions = ()
        ordering = ["-pk"]

    def __str__(self) -> str:
        return str(self.Action(self.action).label)

    def get_absolute_url(self) -> str:
        return reverse("bulk_action", args=[self.pk])

    @property
    def total_rows(self) -> int:
        return len(self.waiting) + len(self.treated) + len(self.left)

    @property
    def left_rows(self) -> list[dict[str, Any]]:
        """Return the rows that were left, with the reason in the reader's language."""
        return [
            {"pk": pk, "title": title, "why": error_sentence(code, details)}
            for pk, title, code, details in self.left
        ]


class SavedView(models.Model):
    """A list of the workshop that a person comes back to: its address under a name."""

    class Rows(models.TextChoices):
        SHEETS = "sheets", _("Sheets")
        SOURCES = "sources", _("Sources")

    MOST = 30
    """Views that one person may keep."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(_("name"), max_length=60)
    rows = models.CharField(max_length=10, choices=Rows.choices)
    query = models.CharField(max_length=1_000, blank=True)

    OWNER_FIELDS = ("user_id",)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        default_permissions = ()
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="savedview_one_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        name = "workshop_sheets" if self.rows == self.Rows.SHEETS else "workshop_sources"
        return f"{reverse(name)}?{self.query}"
