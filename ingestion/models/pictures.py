"""Cached OCR results."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ingestion.models.documents import Document


class CachedOcrResult(models.Model):
    """The OCR result of a picture, cached so that no picture is paid for twice."""

    class Task(models.TextChoices):
        PAGE = "page", _("page")
        FIGURE = "figure", _("figure")

    digest = models.CharField(max_length=64)
    task = models.CharField(max_length=8, choices=Task.choices)
    machine = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    words = models.JSONField(default=list, blank=True)  # as in `Page.words`
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, related_name="ocr_results"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ingestion_sight"
        verbose_name = _("OCR result")
        verbose_name_plural = _("OCR results")
        constraints = [
            models.UniqueConstraint(fields=["digest", "task", "machine"], name="sight_unique")
        ]

    def __str__(self) -> str:
        return f"{self.machine} {self.digest[:12]}"
