"""What the model is told, as rows: each change is a new version, and old ones stay."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Max
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from sheets.schema.prompt import PromptText, missing_placeholders, unknown_placeholders


class PromptQuerySet(models.QuerySet["Prompt"]):
    """Questions about prompts."""

    def current(self) -> "Prompt":
        """Return the version that new sheets are written with."""
        return self.latest("version")


class Prompt(models.Model):
    """One version of what the model is told when it writes a section. Never changed, only added."""

    version = models.PositiveIntegerField(_("version"), unique=True, editable=False)
    system = models.TextField(
        _("rules"), help_text=_("In French: who the model is and what it must keep to.")
    )
    request = models.TextField(
        _("request"),
        help_text=_("In French, with {titre}, {section}, {champs} and {passages} in their places."),
    )
    repair = models.TextField(
        _("after an answer that cannot be used"),
        help_text=_("In French, with {erreur} in its place; the model gets one more try."),
    )
    comment = models.CharField(_("what is new"), max_length=300, blank=True)
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
        """Return what a generation keeps of it."""
        return f"section-{self.version}"

    @property
    def text(self) -> PromptText:
        return PromptText(self.name, self.system, self.request, self.repair)

    def clean(self) -> None:
        """Refuse a text that would leave out what the model must see."""
        problems: dict[str, list[str]] = {}
        for field in ("request", "repair"):
            written = getattr(self, field)
            for place in missing_placeholders(field, written):
                problems.setdefault(field, []).append(
                    _("{%(place)s} is missing.") % {"place": place}
                )
            for place in unknown_placeholders(field, written):
                problems.setdefault(field, []).append(
                    _("{%(place)s} is not known here.") % {"place": place}
                )
        if problems:
            raise ValidationError(problems)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add this version after the latest one; the database refuses changes."""
        if self._state.adding and not self.version:
            latest = Prompt.objects.aggregate(version=Max("version"))["version"] or 0
            self.version = latest + 1
        super().save(*args, **kwargs)
