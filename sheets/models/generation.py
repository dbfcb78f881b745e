"""Generations: requests to write a sheet, run section by section."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from ingestion.models import Document
from sheets.models.prompt import Prompt
from sheets.models.sheet import Revision, Sheet
from wikico2.errors import error_sentence
from wikico2.models import JobSubject


@dataclass(frozen=True)
class GenerationCost:
    """The cost of generations: tokens, money in LLM_CURRENCY, and seconds spent on sections."""

    tokens_in: int
    tokens_out: int
    cost: Decimal
    seconds: float

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


class GenerationQuerySet(models.QuerySet["Generation"]):
    """Queries about generations."""

    def in_progress(self) -> "GenerationQuerySet":
        return self.filter(state__in=Generation.WORKING)

    def spent(self) -> "GenerationCost":
        """Return the total cost of these generations."""
        sums = self.aggregate(
            tokens_in=Sum("tokens_in", default=0),
            tokens_out=Sum("tokens_out", default=0),
            cost=Sum("cost", default=Decimal(0)),
            seconds=Sum("seconds", default=0.0),
        )
        return GenerationCost(**sums)


class Generation(JobSubject):
    """A request to write a sheet, with its outcome and its cost; the work itself is a job."""

    JOB_KINDS = ("generation",)
    OWNER_FIELDS = ("requested_by_id",)

    class State(models.TextChoices):  # in the words of sheets
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("writing")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    WORKING = (State.WAITING, State.RUNNING)

    sheet = models.ForeignKey(
        Sheet, verbose_name=_("sheet"), on_delete=models.CASCADE, related_name="generations"
    )
    documents = models.ManyToManyField(Document, related_name="generations", blank=True)
    base = models.ForeignKey(
        Revision, on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    backend = models.CharField(_("writer"), max_length=20)
    model = models.CharField(_("model"), max_length=100)
    prompt_version = models.CharField(_("prompt version"), max_length=40, blank=True)
    # The prompt of `prompt_version`; None for the extractive writer.
    prompt = models.ForeignKey(
        Prompt, on_delete=models.PROTECT, null=True, blank=True, related_name="generations"
    )
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    tokens_in = models.PositiveIntegerField(_("input tokens"), default=0)
    tokens_out = models.PositiveIntegerField(_("output tokens"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, default=0)
    seconds = models.FloatField(_("processing time (s)"), default=0)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING, db_index=True
    )
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    error_details = models.JSONField(default=dict, blank=True, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(_("requested on"), auto_now_add=True)
    started_at = models.DateTimeField(_("started on"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished on"), null=True, editable=False)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.sheet} ({self.get_state_display()})"

    def get_absolute_url(self) -> str:
        return self.sheet.get_absolute_url()

    @property
    def is_working(self) -> bool:
        return self.state in self.WORKING

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def error(self) -> str:
        """Return the error, or what the job waits for, in the active language, or ""."""
        if self.is_working:
            return self.job.error if self.job else ""
        return error_sentence(self.error_code, self.error_details)

    @property
    def duration(self) -> dt.timedelta | None:
        if self.started_at and self.finished_at:
            return self.finished_at - self.started_at
        return None


class SectionRun(models.Model):
    """One section of a generation: passages and output, stored so that a retry can resume."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("writing")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="sections")
    key = models.SlugField(_("section"))
    order = models.PositiveSmallIntegerField(_("order"))
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    passages: "models.JSONField[Any, Any]" = models.JSONField(
        _("passages given to the model"), default=list, blank=True
    )
    output: "models.JSONField[Any, Any]" = models.JSONField(_("answer"), default=dict, blank=True)
    # Totals of all attempts, including failed ones.
    tokens_in = models.PositiveIntegerField(_("input tokens"), default=0)
    tokens_out = models.PositiveIntegerField(_("output tokens"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("section run")
        verbose_name_plural = _("section runs")
        ordering = ["generation", "order"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "key"], name="sectionrun_unique_key")
        ]

    def __str__(self) -> str:
        return f"{self.generation_id}:{self.key}"

    @property
    def error(self) -> str:
        return error_sentence(self.error_code, self.error_details)
