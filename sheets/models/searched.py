"""What sheets are found by. Derived from their current revision, made again at will."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from ingestion.models import LexemesField
from sheets.models.sheet import Revision, Sheet


class SearchedSheet(models.Model):
    """A sheet as one text, with the words that `secteur:` and `systeme:` look among."""

    sheet = models.OneToOneField(
        Sheet, on_delete=models.CASCADE, primary_key=True, related_name="searched"
    )
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, null=True, related_name="+")
    title = models.CharField(max_length=200)
    folded = models.CharField(max_length=250)
    system_name = models.CharField(max_length=200, blank=True, db_index=True)
    category_name = models.CharField(max_length=200, blank=True, db_index=True)
    # The lexemes that `secteur:` and `systeme:` look among, a blank on both sides of each.
    sector = models.TextField(blank=True)
    system = models.TextField(blank=True)
    text = models.TextField(blank=True)
    search = LexemesField(editable=False)

    class Meta:
        verbose_name = _("searched sheet")
        verbose_name_plural = _("searched sheets")
        indexes = [
            GinIndex(fields=["folded"], name="searched_sheet_title", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["folded"], name="searched_sheet_named"),
        ]

    def __str__(self) -> str:
        return self.title

    def searched(self) -> list[tuple[str, str]]:
        """Return the texts that the sheet is found by: title, header data, sections."""
        return [(self.title, "A"), (self.text, "D")]


class SearchedSection(models.Model):
    """A part of a sheet that answers by itself: a section, or a run of its text when it is long.

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
        verbose_name = _("searched section")
        verbose_name_plural = _("searched sections")
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
        """Return the texts that the section is found by."""
        return [(self.heading, "A"), (self.text, "D")]

    @property
    def embedded(self) -> str:
        """Return what is embedded for the section, as its hash covers it."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text
