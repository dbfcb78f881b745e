"""Statements that were left out of a generated text, with the reason."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sheets.models.generation import Generation
from sheets.models.level_reasons import reason_sentence
from sheets.models.sheet import Sheet


class DroppedStatementQuerySet(models.QuerySet["DroppedStatement"]):
    """Queries about dropped statements."""

    def waiting(self) -> "DroppedStatementQuerySet":
        """Return those that nobody has taken in."""
        return self.filter(rescued_at=None)


class DroppedStatement(models.Model):
    """A statement that a generation left out of a field.

    `reasons` are pairs of code and detail, `sources` objects with document, page and quote. A
    person who has looked at the page may take it in: it is then saved as that person's edit.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="dropped")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="dropped")
    section = models.SlugField(_("section"))
    field = models.SlugField(_("field"))
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    text = models.TextField(_("text"))
    reasons: "models.JSONField[Any, Any]" = models.JSONField(_("reasons"), default=list)
    sources: "models.JSONField[Any, Any]" = models.JSONField(_("sources"), default=list, blank=True)
    rescued_at = models.DateTimeField(_("taken in on"), null=True, blank=True)
    rescued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("taken in by"),
    )

    objects = DroppedStatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement left out")
        verbose_name_plural = _("statements left out")
        ordering = ["sheet", "section", "field", "order"]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def why(self) -> str:
        """Return the reasons as sentences in the active language."""
        return " ".join(filter(None, (reason_sentence(*reason) for reason in self.reasons)))
