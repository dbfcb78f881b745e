"""Imports of sources: web addresses, archives, files of watched folders."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ingestion.models.documents import Document
from wikico2.accounts.rules import may
from wikico2.errors import error_sentence
from wikico2.models import JobState, JobSubjectQuerySet


class SourceImportQuerySet(JobSubjectQuerySet["SourceImport"]):
    """Queries on source imports."""

    def visible_to(self, user: Any) -> "SourceImportQuerySet":
        """Return the source imports that `user` may see: all, or none."""
        return self if may(user, "import.read") else self.none()


class SourceImport(JobState):
    """The import of a web address or of an archive of documents.

    Its job counts bytes while an address is fetched, documents while an archive is opened. `file`
    is the archive, deleted once all its documents are imported.
    """

    JOB_KINDS = ("source_import",)
    OWNER_FIELDS = ("given_by_id",)

    name = models.CharField(_("name"), max_length=300)
    url = models.URLField(_("web address"), max_length=2000, blank=True)
    file = models.FileField(_("file"), upload_to="deliveries/%Y/%m/", max_length=300, blank=True)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    access = models.CharField(
        _("access"),
        max_length=10,
        choices=Document.Access.choices,
        default=Document.Access.OPEN,
    )
    supersedes = models.ForeignKey(
        Document,
        verbose_name=_("new version of"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("added by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="source_imports",
    )
    created_at = models.DateTimeField(_("added on"), auto_now_add=True)

    objects = SourceImportQuerySet.as_manager()

    class Meta:
        db_table = "ingestion_delivery"  # the name of the table before the model was renamed
        verbose_name = _("source import")
        verbose_name_plural = _("source imports")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("source_import", args=[self.pk])

    @property
    def is_fetching(self) -> bool:
        """Tell whether the address is being fetched, rather than the archive opened."""
        return bool(self.url and not self.file)


class ImportedFile(models.Model):
    """The outcome for one file of a source import: its document, or the error."""

    source_import = models.ForeignKey(SourceImport, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveIntegerField(_("position"))
    name = models.CharField(_("name"), max_length=500)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    document = models.ForeignKey(
        Document,
        verbose_name=_("source"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="imported_files",
    )
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "ingestion_item"
        verbose_name = _("imported file")
        verbose_name_plural = _("imported files")
        ordering = ["source_import", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_import", "position"], name="item_unique_position"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def error(self) -> str:
        """Return why it was refused, as a sentence in the reader's language, or `""`."""
        return error_sentence(self.error_code, self.error_details)

    @property
    def existing(self) -> int | None:
        """Return the id of the source that has the same content, if it is a duplicate."""
        known: int | None = self.error_details.get("document")
        return known


class WatchedFile(models.Model):
    """A file of a watched folder, as it was when it was last imported or refused."""

    path = models.TextField(_("path"), unique=True)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    modified_ns = models.BigIntegerField()
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    error_code = models.CharField(max_length=40, blank=True)
    seen_at = models.DateTimeField(_("detected on"), auto_now=True)

    class Meta:
        verbose_name = _("watched file")
        verbose_name_plural = _("watched files")
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path
