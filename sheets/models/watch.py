"""Watched sheets and categories, and the settings of the e-mail digest."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet


class Watch(models.Model):
    """A user's subscription to the changes of a sheet, or of all sheets of a category."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watches"
    )
    sheet = models.ForeignKey(
        Sheet, on_delete=models.CASCADE, null=True, blank=True, related_name="watches"
    )
    category = models.CharField(_("category"), max_length=200, blank=True)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        ordering = ["user", "category", "sheet"]
        constraints = [
            models.UniqueConstraint(fields=["user", "sheet"], name="watch_sheet_once"),
            models.UniqueConstraint(
                fields=["user", "category"], condition=~Q(category=""), name="watch_category_once"
            ),
            models.CheckConstraint(
                condition=Q(sheet__isnull=False, category="")
                | (Q(sheet__isnull=True) & ~Q(category="")),
                name="watch_sheet_or_category",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.category or self.sheet_id}"


class Digest(models.Model):
    """A user's e-mail digest: language, and the date up to which changes were sent."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="digest"
    )
    wanted = models.BooleanField(_("send me a digest by e-mail each day"), default=True)
    language = models.CharField(max_length=10, default="fr")
    sent_until = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")

    def __str__(self) -> str:
        return f"{self.user_id} ({self.language})"

    @classmethod
    def of(cls, user: Any, language: str) -> "Digest":
        """Return the user's digest, created if there is none."""
        return cls.objects.get_or_create(user=user, defaults={"language": language})[0]
