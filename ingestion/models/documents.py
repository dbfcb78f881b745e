"""Documents with the state of their reading, their pages, their events."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ingestion.models.page_remarks import remark_sentences
from ingestion.readers.registry import reader_version
from wikico2.accounts.rules import may
from wikico2.errors import CHANGEABLE, PERMANENT, error_sentence
from wikico2.models import JobSubject

PARTIAL_DATE = r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\Z"
"""A year, a month or a day, as `2021`, `2021-03` or `2021-03-12`: reports seldom state the day."""


class DocumentQuerySet(models.QuerySet["Document"]):
    """Queries on documents."""

    def in_progress(self) -> "DocumentQuerySet":
        """Return the documents that a worker reads, or that wait for one."""
        return self.filter(state__in=Document.WORKING)

    def ready(self) -> "DocumentQuerySet":
        """Return the documents whose passages can be found."""
        return self.filter(state=Document.State.READY)

    def readable_by(self, user: Any) -> "DocumentQuerySet":
        """Return the documents whose pages `user` may open."""
        if may(user, "source.read_internal"):
            return self
        return self.filter(access=Document.Access.OPEN)

    def matching(self, text: str) -> "DocumentQuerySet":
        """Return the documents with each word in the title, file name, author or publisher.

        The first 10 words count.
        """
        found = self
        for word in text.split()[:10]:
            found = found.filter(
                Q(title__unaccent__icontains=word)
                | Q(filename__unaccent__icontains=word)
                | Q(author__unaccent__icontains=word)
                | Q(publisher__unaccent__icontains=word)
            )
        return found

    def counted_by(self, *fields: str) -> list[dict[str, Any]]:
        """Return the number of documents (`n`) by combination of `fields`."""
        return list(self.order_by().values(*fields).annotate(n=Count("pk")))

    def sheet_counts(self) -> dict[int, int]:
        """Return the number of sheets whose current revision cites it, by document."""
        current = Q(citations__revision__sheet__current=F("citations__revision"))
        n = Count("citations__revision__sheet", filter=current, distinct=True)
        return dict(self.order_by().annotate(n=n).values_list("pk", "n"))


class Document(JobSubject):
    """An uploaded source, and how far its reading is; the work itself is a job.

    `error_code` tells why it could not be read. `published` is a year, a month or a day. `by_hand`
    names the fields that a person has set, which metadata found in the file never overwrite.
    """

    class State(models.TextChoices):  # the steps of the reading
        WAITING = "waiting", _("waiting")
        EXTRACTING = "extracting", _("reading the pages")
        CHUNKING = "chunking", _("cutting into passages")
        EMBEDDING = "embedding", _("indexing passages")
        INDEXING = "indexing", _("finishing the index")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Access(models.TextChoices):
        OPEN = "open", _("open")
        INTERNAL = "internal", _("internal")

    STEPS = (State.EXTRACTING, State.CHUNKING, State.EMBEDDING, State.INDEXING)
    WORKING = (State.WAITING, *STEPS)
    BLANK = ("no_text", "nothing_seen")
    """Errors of a document that was read completely and has no text at all."""

    JOB_KINDS = ("document",)
    OWNER_FIELDS = ("uploaded_by_id",)

    title = models.CharField(_("title"), max_length=300)
    filename = models.CharField(_("file name"), max_length=255)
    file = models.FileField(_("file"), upload_to="sources/%Y/%m/", max_length=300)
    sha256 = models.CharField(_("checksum"), max_length=64, db_index=True, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    media_type = models.CharField(
        _("format"), max_length=100, default="application/pdf", editable=False
    )
    author = models.CharField(_("author"), max_length=300, blank=True)
    publisher = models.CharField(_("publisher"), max_length=300, blank=True)
    published = models.CharField(
        _("date"), max_length=10, blank=True, validators=[RegexValidator(PARTIAL_DATE)]
    )
    origin = models.URLField(_("address of origin"), max_length=2000, blank=True)
    licence = models.CharField(_("licence"), max_length=300, blank=True)
    by_hand = ArrayField(models.CharField(max_length=20), default=list, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=8, blank=True)
    page_count = models.PositiveIntegerField(_("pages"), default=0, editable=False)
    # When the text of all pages was saved; OCR of pictures follows.
    read_at = models.DateTimeField(null=True, editable=False)
    # Version of the reader that read them (`readers.registry`); 0 is unknown, so older than any.
    reader_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    access = models.CharField(
        _("access"), max_length=10, choices=Access.choices, default=Access.OPEN
    )
    supersedes = models.ForeignKey(
        "self",
        verbose_name=_("new version of"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="newer",
    )
    attached_to = models.ForeignKey(
        "self",
        verbose_name=_("attached to"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="attachments",
        editable=False,
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("uploaded by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="documents",
    )
    created_at = models.DateTimeField(_("uploaded on"), auto_now_add=True)

    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.WAITING
    )
    step_started_at = models.DateTimeField(null=True, editable=False)
    failed_step = models.CharField(max_length=12, blank=True, editable=False)
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    error_details = models.JSONField(default=dict, blank=True, editable=False)
    indexed_with = models.CharField(_("indexed with"), max_length=100, blank=True, editable=False)
    ready_at = models.DateTimeField(_("ready since"), null=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["state"], name="document_state")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error_code=""), name="document_failure_has_error"
            ),
            models.CheckConstraint(
                condition=~Q(supersedes=F("pk")), name="document_no_version_of_itself"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("document", args=[self.pk])

    @property
    def is_working(self) -> bool:
        """Tell whether a worker reads the document, or it waits for one."""
        return self.state in self.WORKING

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def error(self) -> str:
        """Return the error as a sentence in the reader's language, or `""`."""
        if self.is_working:
            return self.job.error if self.job else ""
        return error_sentence(self.error_code, self.error_details)

    @property
    def percent(self) -> int:
        """Return the progress of the reading in per cent; steps are weighted by their cost."""
        if self.is_ready:
            return 100
        step = self.failed_step if self.state in (self.State.FAILED, "cancelled") else self.state
        if step not in self.STEPS:
            return 0
        if step == self.State.EXTRACTING and self.read_at:
            step = "pictures"
        before = {"extracting": 0, "pictures": 10, "chunking": 15, "embedding": 20, "indexing": 90}
        share = {"extracting": 10, "pictures": 5, "chunking": 5, "embedding": 70, "indexing": 10}
        return before[step] + int(share[step] * (self.job.percent if self.job else 0) / 100)

    @property
    def counts(self) -> str:
        """Return what `done` and `total` count in the current step."""
        if self.state == self.State.EXTRACTING:
            return "pictures" if self.read_at else "pages"
        return "passages"

    @property
    def waits(self) -> bool:
        """Tell whether the work waits for a service, and resumes automatically."""
        return self.is_working and bool(self.job and self.job.waits)

    @property
    def is_queued(self) -> bool:
        """Tell whether no worker reads the document now, though one is to."""
        if not self.is_working:
            return False
        return self.job.is_waiting if self.job else self.state == self.State.WAITING

    @property
    def may_help_to_retry(self) -> bool:
        """Tell whether a retry of the same file can succeed: the reader may have changed."""
        stopped = self.state in (self.State.FAILED, self.State.CANCELLED)
        changed = 0 < self.reader_version < reader_version(self.media_type)
        return stopped and (self.error_code not in PERMANENT or changed)

    @property
    def is_changeable(self) -> bool:
        """Tell whether a retry can succeed once an administrator has changed limits or OCR."""
        return self.may_help_to_retry or (
            self.state == self.State.FAILED and self.error_code in CHANGEABLE
        )

    def restart(self) -> bool:
        """Restart a failed or cancelled reading at the step where it stopped.

        Returns whether it was one. The caller starts the job, in the same transaction.
        """
        stopped = Q(state__in=(self.State.FAILED, self.State.CANCELLED))
        step = self.failed_step if self.failed_step in self.STEPS else self.State.WAITING
        return self._restart_at(stopped, step)

    def restart_recognition(self) -> bool:
        """Restart the reading at OCR, for a source that is ready or has no text at all.

        Returns whether it was one. The caller starts the job, in the same transaction.
        """
        blank = Q(state=self.State.FAILED, error_code__in=self.BLANK)
        return self._restart_at(Q(state=self.State.READY) | blank, self.State.EXTRACTING)

    def restart_indexing(self) -> bool:
        """Send a ready source, whose passages were replaced, through embedding again.

        Returns whether it was one. The caller queues the task, in the same transaction.
        """
        return self._restart_at(Q(state=self.State.READY), self.State.EMBEDDING)

    def _restart_at(self, condition: Q, step: str) -> bool:
        updated = Document.objects.filter(condition, pk=self.pk).update(
            state=step,
            failed_step="",
            error_code="",
            error_details={},
            step_started_at=Now(),
        )
        return bool(updated)

    def twins(self) -> DocumentQuerySet:
        """Return the other sources with byte-identical content."""
        return Document.objects.filter(sha256=self.sha256).exclude(pk=self.pk).order_by("pk")

    def later_versions(self) -> set[int]:
        """Return the ids of all newer versions of this source, direct or indirect."""
        found: set[int] = set()
        versions = {self.pk}
        while versions:
            newer = Document.objects.filter(supersedes__in=versions).values_list("pk", flat=True)
            versions = set(newer) - found
            found |= versions
        return found

    def may_replace(self, other: "Document") -> bool:
        """Tell whether this source can be a new version of `other`: not itself or a newer one."""
        return other.pk != self.pk and other.pk not in self.later_versions()

    def can_be_read_by(self, user: Any) -> bool:
        """Tell whether `user` may open the pages and the file."""
        return self.access == self.Access.OPEN or may(user, "source.read_internal")


class Page(models.Model):
    """The text of one page, numbered from 1 as in the file."""

    document = models.ForeignKey(
        Document, verbose_name=_("source"), on_delete=models.CASCADE, related_name="pages"
    )
    number = models.PositiveIntegerField(_("page"))
    text = models.TextField(_("text"), blank=True)
    width = models.FloatField(_("width in points"), default=0)
    height = models.FloatField(_("height in points"), default=0)
    blocks = models.JSONField(default=list, blank=True, editable=False)
    # `doubt`: why the text of the file is unusable: "no_text", "nonsense". `read_by`: the OCR
    # engine that has read the page instead. `unread`: the error code if none has.
    doubt = models.CharField(max_length=10, blank=True, editable=False)
    # What was left out of the text or could not be read: fields of `readers.Remark`.
    remarks = models.JSONField(default=list, db_default=[], blank=True, editable=False)
    # Words read by OCR, if the engine returned their positions:
    # [word, x0, y0, x1, y1], in fractions of the page.
    words = models.JSONField(default=list, blank=True, editable=False)
    read_by = models.CharField(_("read by"), max_length=100, blank=True, editable=False)
    unread = models.CharField(max_length=40, blank=True, editable=False)

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        ordering = ["document", "number"]
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="page_unique_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="page_numbered_from_1"),
        ]

    def __str__(self) -> str:
        return _("%(document)s, p. %(page)d") % {"document": self.document, "page": self.number}

    def get_absolute_url(self) -> str:
        return reverse("page", args=[self.document_id, self.number])

    @property
    def remark_sentences(self) -> list[str]:
        """Return what was left out of the page or could not be read, as sentences."""
        return remark_sentences(self.remarks)

    @property
    def why_unread(self) -> str:
        """Return why no OCR engine has read a page that needs it, as a sentence, or `""`."""
        return error_sentence(self.unread, {"limit": settings.VISION_MAX_IMAGES, "reason": ""})
