"""Passages with their full-text index, and the MinHash signatures of sources."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ingestion.models.documents import Document
from wikico2.text.analyzer import build_tsvector


class LexemesField(SearchVectorField[Any, Any]):
    """The tsvector of a row, computed from its `searched()` whenever the row is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the tsvector of the row's searched texts, each with its weight label."""
        value = build_tsvector(model_instance.searched())  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, value)
        return value


class Chunk(models.Model):
    """A passage: consecutive text of one document under one heading trail."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        TABLE = "table", _("table")
        FIGURE = "figure", _("figure")

    document = models.ForeignKey(
        Document, verbose_name=_("source"), on_delete=models.CASCADE, related_name="chunks"
    )
    position = models.PositiveIntegerField(_("position"))
    text = models.TextField(_("text"))
    page_start = models.PositiveIntegerField(_("first page"))
    page_end = models.PositiveIntegerField(_("last page"))
    headings = ArrayField(
        models.TextField(), verbose_name=_("headings above"), default=list, blank=True
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.TEXT)
    # Why it is shown but not quoted: one of `readers.DOUBTS`, or `""`.
    doubt = models.CharField(max_length=10, blank=True, db_default="", default="", editable=False)
    content_hash = models.CharField(max_length=64, db_index=True)
    search = LexemesField(editable=False)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        ordering = ["document", "position"]
        indexes = [
            # Covers the pages of passages without their text: search reads a thousand at once.
            models.Index(fields=["id"], include=["document", "page_start"], name="chunk_place")
        ]
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="chunk_unique_position"),
            models.CheckConstraint(
                condition=Q(page_start__gte=1) & Q(page_end__gte=F("page_start")),
                name="chunk_pages_in_order",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="chunk_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}:{self.position}"

    def searched(self) -> list[tuple[str, str]]:
        """Return the searched texts, each with its weight label: title, headings, text."""
        return [(self.document.title, "A"), (self.trail, "B"), (self.text, "D")]

    @property
    def trail(self) -> str:
        """Return the headings above the passage, outermost first."""
        return " › ".join(self.headings)


class MinHash(models.Model):
    """The MinHash signature of a source's text, for finding near duplicates.

    `hashes` are the smallest hashes of its shingles, ascending; `shingles` is the number of all of
    them.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, related_name="min_hash", primary_key=True
    )
    hashes = ArrayField(models.BigIntegerField())
    shingles = models.PositiveIntegerField()

    class Meta:
        db_table = "ingestion_sketch"
        verbose_name = _("MinHash signature")
        verbose_name_plural = _("MinHash signatures")
        indexes = [GinIndex(fields=["hashes"], name="sketch_hashes")]

    def __str__(self) -> str:
        return f"{self.document_id}: {self.shingles}"
