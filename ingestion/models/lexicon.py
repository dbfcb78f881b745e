"""The words of all texts, for spelling correction, and the thesaurus."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from wikico2.text.analyzer import main_lexemes


class Word(models.Model):
    """A word of some text in its usual spelling, used to correct typing errors in queries."""

    folded = models.CharField(max_length=60, primary_key=True)
    written = models.CharField(max_length=80)
    lexeme = models.CharField(max_length=60)

    class Meta:
        verbose_name = _("word")
        verbose_name_plural = _("words")
        indexes = [GinIndex(fields=["folded"], name="word_alike", opclasses=["gin_trgm_ops"])]

    def __str__(self) -> str:
        return self.written


class Synonyms(models.Model):
    """Terms of the same meaning: a search for one also finds the others."""

    terms = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("terms"),
        help_text=_("One per line: acronym, full term, common name."),
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
        """Return the lexemes of each term, in the order of `terms`."""
        return [main_lexemes(term) for term in self.terms]
