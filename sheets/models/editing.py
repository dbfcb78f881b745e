"""What people type before it is saved, and the pictures that they put into texts."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Revision, Sheet

ACTIVE_FOR = dt.timedelta(seconds=90)
"""How long after its last sign of life an open editor counts as such."""


class EditDraftQuerySet(models.QuerySet["EditDraft"]):
    """Questions about open editors."""

    def active(self) -> "EditDraftQuerySet":
        """Return those that have given a sign of life just now."""
        return self.filter(seen_at__gt=timezone.now() - ACTIVE_FOR)


class EditDraft(models.Model):
    """An editor that somebody has open, with what was typed in it and is not saved yet."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    # The one section that is edited; empty: the whole sheet.
    section = models.CharField(max_length=200, blank=True)
    base = models.ForeignKey(
        Revision, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    # The fields of the form as they were sent; empty as long as nothing was typed.
    typed = models.JSONField(default=dict, blank=True)
    typed_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(db_default=Now())

    objects = EditDraftQuerySet.as_manager()

    class Meta:
        db_table = "sheets_unsaved"
        verbose_name = _("edit draft")
        verbose_name_plural = _("edit drafts")
        ordering = ["sheet", "user", "section"]
        constraints = [
            models.UniqueConstraint(
                fields=["sheet", "user", "section"], name="unsaved_one_per_editor"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id}:{self.section} ({self.user_id})"


class Picture(models.Model):
    """A picture for the texts of sheets, as it was made anew from what somebody uploaded."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    file = models.FileField(_("file"), upload_to="images")
    title = models.CharField(_("title"), max_length=200, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("date"), db_default=Now())

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title or self.name

    def get_absolute_url(self) -> str:
        return reverse("picture", args=[self.name])
