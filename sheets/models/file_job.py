"""Background jobs that read or write a file: the PDF of a sheet, an export or import of a wiki."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet
from wikico2.errors import error_sentence
from wikico2.jobs.leases import LeasedQuerySet


class FileJobQuerySet(LeasedQuerySet["FileJob"]):
    """Queries about file jobs."""

    def in_progress(self) -> "FileJobQuerySet":
        """Return the waiting and running file jobs."""
        return self.filter(state__in=FileJob.WORKING)


class FileJob(models.Model):
    """One file job with its progress.

    PDF: `name` is the name of the stored file, `page` the HTML that it is rendered from; the row is
    deleted when the file is stored. Import: `file` is the archive until all of it is imported,
    `done` and `total` count its files, `report` is an ImportReport. Export: `file` is the archive
    written so far, `report` an ExportProgress, `name` tells whether the files of the sources are in
    it, and `page` is the fingerprint of the wiki when the export began.
    """

    class Kind(models.TextChoices):
        PDF = "pdf", _("PDF of a sheet")
        IMPORT = "import", _("import of a wiki")
        EXPORT = "export", _("export of the wiki")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("stopped")

    WORKING = (State.WAITING, State.RUNNING)
    WHOLE, WITHOUT_FILES = "whole", "without files"

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=300)
    sheet = models.ForeignKey(
        Sheet, on_delete=models.CASCADE, null=True, blank=True, related_name="file_jobs"
    )
    page = models.TextField(blank=True)
    file = models.FileField(_("file"), upload_to="imports/%Y/%m/", max_length=300, blank=True)
    report = models.JSONField(default=dict, blank=True)
    # The user on whose behalf and the language in which the job runs.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="file_jobs",
    )
    language = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField(_("requested on"), auto_now_add=True)

    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING, db_index=True
    )
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = FileJobQuerySet.as_manager()

    class Meta:
        db_table = "sheets_errand"
        verbose_name = _("file job")
        verbose_name_plural = _("file jobs")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(kind="pdf"), name="errand_pdf_once"
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(kind="export", state__in=("waiting", "running")),
                name="errand_export_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error_code=""), name="errand_failure_has_error"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"

    @property
    def is_working(self) -> bool:
        return self.state in self.WORKING

    @property
    def with_files(self) -> bool:
        """Tell whether an export includes the files of the sources."""
        return self.name == self.WHOLE

    @property
    def error(self) -> str:
        """Return the error as a sentence in the active language, or ""."""
        return error_sentence(self.error_code, self.error_details)
