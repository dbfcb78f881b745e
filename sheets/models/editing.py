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
EMPTY_RETENTION = dt.timedelta(days=1)
RETENTION = dt.timedelta(days=60)
"""How long an unsaved text is kept after its form was last seen."""


class EditDraftQuerySet(models.QuerySet["EditDraft"]):
    """Queries about drafts."""

    def active(self) -> "EditDraftQuerySet":
        """Return the drafts of editors that are open now."""
        return self.filter(seen_at__gt=timezone.now() - ACTIVE_FOR)

    def with_text(self) -> "EditDraftQuerySet":
        """Return the drafts that hold an unsaved text, the latest first."""
        return self.filter(typed_at__isnull=False).order_by("-typed_at", "-pk")

    def expired(self) -> "EditDraftQuerySet":
        """Return the drafts that nobody will miss: old ones, and forms without a text."""
        now = timezone.now()
        return self.filter(
            models.Q(seen_at__lt=now - RETENTION)
            | models.Q(typed_at=None, seen_at__lt=now - EMPTY_RETENTION)
        )


class EditDraft(models.Model):
    """An open form of a user, with the unsaved input: one for each tab of the browser."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    # The edited section; empty: the whole sheet.
    section = models.CharField(max_length=200, blank=True)
    # The form, by the number that its page was given; empty: a form without one.
    tab = models.CharField(max_length=40, blank=True)
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
                fields=["sheet", "user", "section", "tab"], name="unsaved_one_per_form"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id}:{self.section} ({self.user_id})"

    @property
    def is_open(self) -> bool:
        """Tell whether its form was seen a moment ago, in this tab or in another."""
        return self.seen_at > timezone.now() - ACTIVE_FOR


class SavedForm(models.Model):
    """The last save of a form, from which a later save of the same form is merged.

    Who goes back to a saved form has its words in it, not those of the revision that the form was
    opened with.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tab = models.CharField(max_length=40)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    # The whole text that was sent: {"body": …, "values": …}; empty where the revision has it.
    sent = models.JSONField(default=dict, blank=True)
    # The hash of the submitted form fields.
    digest = models.CharField(max_length=64)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("saved form")
        verbose_name_plural = _("saved forms")
        ordering = ["-saved_at"]
        constraints = [models.UniqueConstraint(fields=["user", "tab"], name="savedform_unique")]

    def __str__(self) -> str:
        return f"{self.tab} → {self.revision_id}"


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
