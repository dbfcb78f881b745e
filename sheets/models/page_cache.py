"""Cached pages."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet


class CachedPage(models.Model):
    """A page of a sheet as it was sent, with its token (`sheets.rendering.page_cache`).

    The table is UNLOGGED: it is empty after a crash of the database, and is filled again.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=32)
    token = models.TextField()
    nonce = models.CharField(max_length=16)
    html = models.TextField()
    made_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        db_table = "sheets_keptpage"
        verbose_name = _("cached page")
        verbose_name_plural = _("cached pages")
        constraints = [models.UniqueConstraint(fields=["sheet", "key"], name="keptpage_unique")]

    def __str__(self) -> str:
        return f"{self.sheet_id}:{self.key}"
