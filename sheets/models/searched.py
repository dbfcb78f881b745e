"""Search index rows of sheets. Derived from their current revisions, and can be rebuilt."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from ingestion.models import LexemesField
from sheets.models.sheet import Revision, Sheet


class SearchedSheet(models.Model):
    """The index row of a sheet, with the lexemes for the filters `secteur:` and `systeme:`."""

    sheet = models.OneToOneField(
        Sheet, on_delete=models.CASCADE, primary_key=True, related_name="searched"
    )
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, null=True, related_name="+")
    title = models.CharField(max_length=200)
    folded = models.CharField(max_length=250)
    system_name = models.CharField(max_length=200, blank=True, db_index=True)
    category_name = models.CharField(max_length=200, blank=True, db_index=True)
    # The lexemes for the filters `secteur:` and `systeme:`, each between spaces.
    sector = models.TextField(blank=True)
    system = models.TextField(blank=True)
    text = models.TextField(blank=True)
    search = LexemesField(editable=False)

    class Meta:
        verbose_name = _("indexed sheet")
        verbose_name_plural = _("indexed sheets")
        indexes = [
            GinIndex(fields=["folded"], name="searched_sheet_title", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["folded"], name="searched_sheet_named"),
        ]

    def __str__(self) -> str:
        return self.title

    def searched(self) -> list[tuple[str, str]]:
        """Return (text, PostgreSQL weight) of what is indexed: title; header data and sections."""
        return [(self.title, "A"), (self.text, "D")]


class SearchedSection(models.Model):
    """The index row of a section, or of a part of a long one.

    `anchor` is the id of its heading in the page; the opening has none. `folded` is the title of
    the sheet and the heading, for suggestions.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="searched_sections")
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=200, blank=True)
    folded = models.CharField(max_length=500)
    anchor = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    content_hash = models.CharField(max_length=64, db_index=True)
    search = LexemesField(editable=False)

    class Meta:
        verbose_name = _("indexed section")
        verbose_name_plural = _("indexed sections")
        ordering = ["sheet", "position"]
        indexes = [
            GinIndex(fields=["folded"], name="searched_section_title", opclasses=["gin_trgm_ops"])
        ]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "position"], name="searched_section_position")
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id}:{self.position}"

    def searched(self) -> list[tuple[str, str]]:
        """Return (text, PostgreSQL weight) of what is indexed."""
        return [(self.heading, "A"), (self.text, "D")]

    @property
    def embedded(self) -> str:
        """Return the text that is embedded, which `content_hash` covers."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text
