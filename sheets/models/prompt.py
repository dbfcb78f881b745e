"""Prompts: each change adds a version, and old versions stay."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Max
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from sheets.schema.prompt import (
    QUOTE,
    WRITE,
    PromptText,
    missing_placeholders,
    unknown_placeholders,
)


class PromptQuerySet(models.QuerySet["Prompt"]):
    """Queries about prompts."""

    def current(self) -> "Prompt":
        """Return the latest version that asks for what `LLM_WRITING` says, or else the latest."""
        wanted = self.filter(mode=settings.LLM_WRITING).order_by("-version").first()
        return wanted or self.latest("version")


class Prompt(models.Model):
    """One version of the prompt that writes a section. Append-only."""

    class Mode(models.TextChoices):
        QUOTE = QUOTE, _("quote: the numbers of sentences, which the program sets word for word")
        WRITE = WRITE, _("write: sentences in the model’s own words")

    version = models.PositiveIntegerField(_("version"), unique=True, editable=False)
    system = models.TextField(
        _("rules"), help_text=_("In French: the role of the model and its rules.")
    )
    request = models.TextField(
        _("request"),
        help_text=_(
            "In French, with the placeholders {titre}, {section}, {champs} and {passages}."
        ),
    )
    repair = models.TextField(
        _("after an unusable answer"),
        help_text=_("In French, with the placeholder {erreur}; the model gets one retry."),
    )
    mode = models.CharField(
        _("what it asks for"), max_length=10, choices=Mode.choices, default=Mode.QUOTE,
        blank=True, db_default=Mode.WRITE,
    )  # fmt: skip
    comment = models.CharField(_("summary of changes"), max_length=300, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("date"), db_default=Now(), editable=False)

    objects = PromptQuerySet.as_manager()

    class Meta:
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        ordering = ["-version"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Return the name recorded as `Generation.prompt_version`."""
        return f"section-{self.version}"

    @property
    def text(self) -> PromptText:
        return PromptText(self.name, self.system, self.request, self.repair, self.mode)

    def clean(self) -> None:
        """Raise ValidationError for missing or unknown placeholders."""
        problems: dict[str, list[str]] = {}
        for field in ("request", "repair"):
            written = getattr(self, field)
            for place in missing_placeholders(field, written):
                problems.setdefault(field, []).append(
                    _("The placeholder {%(place)s} is missing.") % {"place": place}
                )
            for place in unknown_placeholders(field, written):
                problems.setdefault(field, []).append(
                    _("The placeholder {%(place)s} does not exist.") % {"place": place}
                )
        if problems:
            raise ValidationError(problems)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Number a new version after the latest one; the database refuses changes."""
        if self._state.adding and not self.version:
            latest = Prompt.objects.aggregate(version=Max("version"))["version"] or 0
            self.version = latest + 1
        super().save(*args, **kwargs)
