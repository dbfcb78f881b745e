"""Drafts of open editors, and the pictures of texts."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Revision, Sheet

ACTIVE_FOR = dt.timedelta(seconds=90)
"""Time since its last request after which an editor no longer counts as open."""


class EditDraftQuerySet(models.QuerySet["EditDraft"]):
    """Queries about drafts."""

    def active(self) -> "EditDraftQuerySet":
        """Return the drafts of editors that are open now."""
        return self.filter(seen_at__gt=timezone.now() - ACTIVE_FOR)


class EditDraft(models.Model):
    """An open editor of a user, with the unsaved input."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    # The edited section; empty: the whole sheet.
    section = models.CharField(max_length=200, blank=True)
    base = models.ForeignKey(
        Revision, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    # The submitted form fields; empty while nothing was typed.
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
    """A picture for the texts of sheets, re-encoded from an upload."""

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
