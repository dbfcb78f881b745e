"""Sources as rows: documents, their pages, their passages, and the vectors paid for once."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from wikico2.errors import PERMANENT, sentence
from wikico2.leases import LeasedQuerySet
from wikico2.terms import main_lexemes, tsvector

PARTIAL_DATE = r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\Z"
"""A year, a month or a day, as `2021`, `2021-03` or `2021-03-12`: reports seldom say the day."""


class OctetLength(models.Func):
    """How many bytes a binary value has."""

    function = "OCTET_LENGTH"
    output_field = models.IntegerField()


class LexemesField(SearchVectorField[Any, Any]):
    """What a row is found by, read from its `searched()` whenever the row is created or saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the tsvector of the texts that the row names, each with its label."""
        value = tsvector(model_instance.searched())  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, value)
        return value


class DocumentQuerySet(LeasedQuerySet["Document"]):
    """Questions about sources."""

    def in_progress(self) -> "DocumentQuerySet":
        """Return the documents that a worker has, or should have, in hand."""
        return self.filter(state__in=Document.WORKING)

    def totals(self) -> dict[str, Any]:
        """Return how much these documents have in their steps: pages or passages, pace, time left.

        `left` is in seconds, None before there is a pace to tell.
        """
        counted = self.filter(total__gt=0)
        found = counted.aggregate(done=Sum("done"), total=Sum("total"), pace=Sum("pace"))
        found["by_state"] = self.order_by().values("state").annotate(n=Count("pk"))
        rest = (found["total"] or 0) - (found["done"] or 0)
        found["left"] = rest / found["pace"] if found["pace"] and rest else None
        return found

    def ready(self) -> "DocumentQuerySet":
        """Return the documents whose passages can be found."""
        return self.filter(state=Document.State.READY)

    def readable_by(self, user: Any) -> "DocumentQuerySet":
        """Return the documents whose pages `user` may open."""
        if user.is_authenticated:
            return self
        return self.filter(access=Document.Access.OPEN)

    def matching(self, text: str) -> "DocumentQuerySet":
        """Return the documents whose title, file name, author or publisher hold each word."""
        found = self
        for word in text.split()[:10]:
            found = found.filter(
                Q(title__unaccent__icontains=word)
                | Q(filename__unaccent__icontains=word)
                | Q(author__unaccent__icontains=word)
                | Q(publisher__unaccent__icontains=word)
            )
        return found

    def narrowed(self, states: Sequence[str], access: str, language: str) -> "DocumentQuerySet":
        """Return the documents in these states, of this access and language; all where empty."""
        chosen = {"state__in": states, "access": access, "language": language}
        return self.filter(**{name: value for name, value in chosen.items() if value})

    def counted_by(self, *fields: str) -> list[dict[str, Any]]:
        """Return how many documents (`n`) there are for each combination of `fields`."""
        return list(self.order_by().values(*fields).annotate(n=Count("pk")))

    def sheet_counts(self) -> dict[int, int]:
        """Return, by document, how many sheets cite it in the text that readers see today."""
        standing = Q(citations__revision__sheet__current=F("citations__revision"))
        n = Count("citations__revision__sheet", filter=standing, distinct=True)
        return dict(self.order_by().annotate(n=n).values_list("pk", "n"))


class Document(models.Model):
    """One uploaded source, and how far it has been read.

    `published` is a year, a month or a day; `by_hand` names the fields that a person has set, which
    are never again overwritten by what is found in the file.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        EXTRACTING = "extracting", _("reading the pages")
        CHUNKING = "chunking", _("cutting into passages")
        EMBEDDING = "embedding", _("computing meanings")
        INDEXING = "indexing", _("indexing")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Access(models.TextChoices):
        OPEN = "open", _("open")
        INTERNAL = "internal", _("internal")

    STEPS = (State.EXTRACTING, State.CHUNKING, State.EMBEDDING, State.INDEXING)
    WORKING = (State.WAITING, *STEPS)

    title = models.CharField(_("title"), max_length=300)
    filename = models.CharField(_("file name"), max_length=255)
    file = models.FileField(_("file"), upload_to="sources/%Y/%m/", max_length=300)
    sha256 = models.CharField(max_length=64, db_index=True, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    media_type = models.CharField(max_length=100, default="application/pdf", editable=False)
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
    # When the text of all the pages was written; what pictures show may still be read after that.
    read_at = models.DateTimeField(null=True, editable=False)
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
    done = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(default=0, editable=False)
    step_started_at = models.DateTimeField(null=True, editable=False)
    failed_step = models.CharField(max_length=12, blank=True, editable=False)
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    error_details = models.JSONField(default=dict, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    pace = models.FloatField(null=True, editable=False)  # pages or passages a second, in this step
    waits_until = models.DateTimeField(null=True, editable=False)
    indexed_with = models.CharField(_("indexed with"), max_length=100, blank=True, editable=False)
    ready_at = models.DateTimeField(null=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["state"], name="document_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(done__lte=F("total")), name="document_progress_in_bounds"
            ),
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
        """Tell whether a worker has, or should have, the document in hand."""
        return self.state in self.WORKING

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def error(self) -> str:
        """Return what went wrong as a sentence in the reader's language, or nothing."""
        return sentence(self.error_code, self.error_details)

    @property
    def percent(self) -> int:
        """Return the progress of the whole reading in per cent; each step weighs what it costs."""
        if self.is_ready:
            return 100
        before = {"extracting": 0, "chunking": 15, "embedding": 20, "indexing": 90}
        share = {"extracting": 15, "chunking": 5, "embedding": 70, "indexing": 10}
        step = self.failed_step if self.state in (self.State.FAILED, "cancelled") else self.state
        if step not in before:
            return 0
        return before[step] + int(share[step] * (self.done / self.total if self.total else 0))

    @property
    def waits(self) -> bool:
        """Tell whether the work waits for a service, and goes on by itself."""
        return self.is_working and bool(self.error_code)

    @property
    def may_help_to_retry(self) -> bool:
        """Tell whether another try of the same file can end otherwise than the last one."""
        stopped = self.state in (self.State.FAILED, self.State.CANCELLED)
        return stopped and self.error_code not in PERMANENT

    @property
    def seconds_left(self) -> float | None:
        """Estimate how long the current step still takes; None before there is a pace to tell."""
        if not self.pace or not self.done or self.done >= self.total:
            return None
        return (self.total - self.done) / self.pace

    def restart(self) -> bool:
        """Put a failed or cancelled reading back to work at the step where it stopped.

        Tells whether there was one. The caller queues the task, in the same transaction.
        """
        stopped = Q(state__in=(self.State.FAILED, self.State.CANCELLED))
        step = self.failed_step if self.failed_step in self.STEPS else self.State.WAITING
        return self._put_to_work(stopped, step)

    def look_again(self) -> bool:
        """Put a source back to work among its pictures: one that is ready, or has no text at all.

        Tells whether it is one. The caller queues the task, in the same transaction.
        """
        read = Q(state=self.State.READY) | Q(state=self.State.FAILED, error_code="no_text")
        return self._put_to_work(read, self.State.EXTRACTING)

    def _put_to_work(self, condition: Q, step: str) -> bool:
        updated = Document.objects.filter(condition, pk=self.pk).update(
            state=step,
            done=0,
            total=0,
            failed_step="",
            error_code="",
            error_details={},
            attempts=0,
            lease_token=None,
            lease_until=None,
            pace=None,
            waits_until=None,
            step_started_at=Now(),
        )
        return bool(updated)

    def twins(self) -> DocumentQuerySet:
        """Return the other sources that have the same content, byte by byte."""
        return Document.objects.filter(sha256=self.sha256).exclude(pk=self.pk).order_by("pk")

    def later_versions(self) -> set[int]:
        """Return the ids of all that replaces this source, directly or step by step."""
        found: set[int] = set()
        versions = {self.pk}
        while versions:
            newer = Document.objects.filter(supersedes__in=versions).values_list("pk", flat=True)
            versions = set(newer) - found
            found |= versions
        return found

    def may_replace(self, other: "Document") -> bool:
        """Tell whether this source may be a new version of `other`, which it may not be already."""
        return other.pk != self.pk and other.pk not in self.later_versions()

    def can_be_read_by(self, user: Any) -> bool:
        """Tell whether `user` may open the pages and the file."""
        return self.access == self.Access.OPEN or bool(user.is_authenticated)


class LogLine(models.Model):
    """Something that happened to a document; the sentence is made when it is read (`journal`)."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=40)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.document_id} {self.code}"


class IndexBuildQuerySet(LeasedQuerySet["IndexBuild"]):
    """Questions about builds."""

    def in_progress(self) -> "IndexBuildQuerySet":
        """Return the builds that a worker has, or should have, in hand."""
        return self.filter(state=IndexBuild.State.WORKING)


class IndexBuild(models.Model):
    """The making of a model's collections beside those that search uses, until it is whole.

    The last one that is done says by which model search asks. `shelf` and `owner` are how far it
    has come: all owners of earlier shelves, and those of this shelf up to this one.
    """

    class State(models.TextChoices):
        WORKING = "working", _("being built")
        DONE = "done", _("in use")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("given up")

    model = models.CharField(_("model"), max_length=100)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WORKING)
    shelf = models.PositiveIntegerField(default=0)
    owner = models.PositiveBigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = IndexBuildQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.model} {self.state}"

    @property
    def error(self) -> str:
        """Return what went wrong as a sentence in the reader's language, or nothing."""
        return sentence(self.error_code, self.error_details)


class Page(models.Model):
    """The text of one page, numbered from 1 as in the file."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField(_("page"))
    text = models.TextField(_("text"), blank=True)
    width = models.FloatField(_("width in points"), default=0)
    height = models.FloatField(_("height in points"), default=0)
    blocks = models.JSONField(default=list, blank=True, editable=False)
    # Why the text of the file is not to be trusted: "no_text", "nonsense"; the machine that has
    # read the page instead; or the code of the sentence why none has.
    doubt = models.CharField(max_length=10, blank=True, editable=False)
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
    def why_unread(self) -> str:
        """Return why no machine has read a page that needs one, as a sentence; else nothing."""
        return sentence(self.unread, {"limit": settings.VISION_MAX_IMAGES, "reason": ""})


class Chunk(models.Model):
    """A passage: consecutive text of one document under one heading trail."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        TABLE = "table", _("table")
        FIGURE = "figure", _("figure")

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    text = models.TextField()
    page_start = models.PositiveIntegerField()
    page_end = models.PositiveIntegerField()
    headings = ArrayField(models.TextField(), default=list, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TEXT)
    content_hash = models.CharField(max_length=64, db_index=True)
    search = LexemesField(editable=False)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        ordering = ["document", "position"]
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
        """Return the texts that the passage is found by: title, headings, text."""
        return [(self.document.title, "A"), (self.trail, "B"), (self.text, "D")]

    @property
    def trail(self) -> str:
        """Return the headings above the passage, outermost first."""
        return " › ".join(self.headings)


class Sight(models.Model):
    """What a machine has read on a picture, kept so that no picture is ever paid for twice."""

    class Task(models.TextChoices):
        PAGE = "page", _("page")
        FIGURE = "figure", _("figure")

    digest = models.CharField(max_length=64)
    task = models.CharField(max_length=8, choices=Task.choices)
    machine = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, related_name="sights"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("picture that was read")
        verbose_name_plural = _("pictures that were read")
        constraints = [
            models.UniqueConstraint(fields=["digest", "task", "machine"], name="sight_unique")
        ]

    def __str__(self) -> str:
        return f"{self.machine} {self.digest[:12]}"


class Vector(models.Model):
    """An embedding, kept so that no text is ever computed or paid for twice.

    `data` holds little-endian 32-bit floats.
    """

    content_hash = models.CharField(max_length=64)
    model = models.CharField(max_length=100)
    data = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("vector")
        verbose_name_plural = _("vectors")
        constraints = [
            models.UniqueConstraint(fields=["content_hash", "model"], name="vector_unique")
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.content_hash[:12]}"

    @property
    def values(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the numbers, shape (dimensions,)."""
        return np.frombuffer(bytes(self.data), dtype="<f4")

    @classmethod
    def length_of(cls, model: str) -> int:
        """Return how many numbers the vectors of a model have; 0 while none is kept."""
        length, until = _lengths.get(model, (0, 0.0))
        if time.monotonic() > until:
            sizes = cls.objects.filter(model=model).annotate(size=OctetLength("data"))
            size = sizes.values_list("size", flat=True).first() or 0
            length = size // np.dtype(np.float32).itemsize
            if length:
                _lengths[model] = length, time.monotonic() + LENGTH_KEPT
        return length


LENGTH_KEPT = 30.0
_lengths: dict[str, tuple[int, float]] = {}


class Word(models.Model):
    """A word that some text holds, as it is written there: what a slip of the pen is mended by."""

    folded = models.CharField(max_length=60, primary_key=True)
    written = models.CharField(max_length=80)
    lexeme = models.CharField(max_length=60)

    class Meta:
        verbose_name = _("word")
        verbose_name_plural = _("words")
        indexes = [
            GinIndex(fields=["folded"], name="word_alike", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["folded"], name="word_begins", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.written


class Synonyms(models.Model):
    """Terms that mean the same: who asks for one of them finds the others."""

    terms = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("terms"),
        help_text=_("One a line: the acronym, the term in full, what people say."),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    updated_at = models.DateTimeField(_("updated on"), auto_now=True)

    class Meta:
        verbose_name = _("synonyms")
        verbose_name_plural = _("thesaurus")
        ordering = ["terms"]

    def __str__(self) -> str:
        return " = ".join(self.terms)

    def lexemes(self) -> list[tuple[str, ...]]:
        """Return the lexemes of each term, in their order."""
        return [main_lexemes(term) for term in self.terms]


class Sketch(models.Model):
    """A sample of a source's text, by which sources of similar text are known.

    `hashes` are the smallest hashes of its shingles, in order; `shingles` is how many it has in
    all.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, related_name="sketch", primary_key=True
    )
    hashes = ArrayField(models.BigIntegerField())
    shingles = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("sketch")
        verbose_name_plural = _("sketches")
        indexes = [GinIndex(fields=["hashes"], name="sketch_hashes")]

    def __str__(self) -> str:
        return f"{self.document_id}: {self.shingles}"


class DeliveryQuerySet(LeasedQuerySet["Delivery"]):
    """Questions about deliveries."""

    def in_progress(self) -> "DeliveryQuerySet":
        """Return the deliveries that a worker has, or should have, in hand."""
        return self.filter(state__in=Delivery.WORKING)

    def failed(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.FAILED)


class Delivery(models.Model):
    """What was given and is no source yet: a web address to fetch, an archive to open.

    `done` and `total` count bytes while an address is fetched, documents while an archive is
    opened. `file` is the archive, kept until all of it has been taken in.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        FETCHING = "fetching", _("fetching the address")
        OPENING = "opening", _("taking the documents out")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    WORKING = (State.WAITING, State.FETCHING, State.OPENING)

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
        verbose_name=_("given by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="deliveries",
    )
    created_at = models.DateTimeField(_("given on"), auto_now_add=True)

    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.WAITING
    )
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["state"], name="delivery_state")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error_code=""), name="delivery_failure_has_error"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("delivery", args=[self.pk])

    @property
    def is_working(self) -> bool:
        """Tell whether a worker has, or should have, the delivery in hand."""
        return self.state in self.WORKING

    @property
    def error(self) -> str:
        """Return what went wrong as a sentence in the reader's language, or nothing."""
        return sentence(self.error_code, self.error_details)

    @property
    def percent(self) -> int:
        return min(100 * self.done // self.total, 100) if self.total else 0


class Item(models.Model):
    """What became of one document of a delivery: the source that it is now, or why it is none."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=500)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="items"
    )
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("delivered document")
        verbose_name_plural = _("delivered documents")
        ordering = ["delivery", "position"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "position"], name="item_unique_position")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def error(self) -> str:
        """Return why it was refused, as a sentence in the reader's language, or nothing."""
        return sentence(self.error_code, self.error_details)

    @property
    def existing(self) -> int | None:
        """Return the id of the source that has the same content, where that is the reason."""
        known: int | None = self.error_details.get("document")
        return known


class WatchedFile(models.Model):
    """A file of a watched folder, as it was when it was last taken in or refused."""

    path = models.TextField(_("path"), unique=True)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    modified_ns = models.BigIntegerField()
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    error_code = models.CharField(max_length=40, blank=True)
    seen_at = models.DateTimeField(_("seen on"), auto_now=True)

    class Meta:
        verbose_name = _("watched file")
        verbose_name_plural = _("watched files")
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path
