"""Background jobs that read or write a file: the PDF of a sheet, an export or import of a wiki."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet
from wikico2.models import JobState, JobSubjectQuerySet


class FileJob(JobState):
    """The file that a job reads or writes, and for whom.

    PDF: `name` is the name of the stored file, `page` the HTML that it is rendered from; the row is
    deleted when the file is stored. Import: `name` is that of the uploaded archive, `file` the
    archive until all of it is imported, `report` an ImportReport. Export: `name` is that of the
    archive for whoever downloads it, `file` the archive written so far, `with_files` tells whether
    the files of the sources are in it, `fingerprint` is that of the wiki when the export began,
    `report` an ExportProgress.
    """

    class Kind(models.TextChoices):
        PDF = "pdf", _("PDF of a sheet")
        IMPORT = "import", _("import of a wiki")
        EXPORT = "export", _("export of the wiki")

    JOB_KINDS = tuple(Kind.values)

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=300)
    sheet = models.ForeignKey(
        Sheet, on_delete=models.CASCADE, null=True, blank=True, related_name="file_jobs"
    )
    page = models.TextField(blank=True)
    with_files = models.BooleanField(default=True)
    fingerprint = models.TextField(blank=True, default="")
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

    objects = JobSubjectQuerySet["FileJob"].as_manager()

    class Meta:
        db_table = "sheets_errand"
        verbose_name = _("file job")
        verbose_name_plural = _("file jobs")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(kind="pdf"), name="errand_pdf_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"

    @property
    def title(self) -> str:
        """Return what the job is about: the sheet, or the archive."""
        return self.sheet.title if self.sheet else self.name

    def get_absolute_url(self) -> str:
        if self.sheet:
            return reverse("pdf_progress", args=[self.sheet.slug, self.name])
        return reverse(f"wiki_{self.kind}", args=[self.pk])
