"""Templates: sheet types, their sections, and the fields that a writer fills."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


def in_language(french: str, english: str) -> str:
    """Return the text in the active language; French where English is missing."""
    return english if english and (get_language() or "fr").startswith("en") else french


class SheetType(models.Model):
    """A sheet type, such as *solution*."""

    key = models.SlugField(_("key"), unique=True)
    name_fr = models.CharField(_("French name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True)
    plural_fr = models.CharField(_("French plural"), max_length=100)
    plural_en = models.CharField(_("English plural"), max_length=100, blank=True)
    description_fr = models.TextField(_("French description"), blank=True)
    description_en = models.TextField(_("English description"), blank=True)
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("sheet type")
        verbose_name_plural = _("sheet types")
        ordering = ["order", "key"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return in_language(self.name_fr, self.name_en)

    @property
    def plural(self) -> str:
        return in_language(self.plural_fr, self.plural_en)

    @property
    def description(self) -> str:
        return in_language(self.description_fr, self.description_en)


class Section(models.Model):
    """A section of a sheet type."""

    class Role(models.TextChoices):
        HEADER = "header", _("key facts")
        BODY = "body", _("body")
        COMPUTED = "computed", _("computed automatically")

    sheet_type = models.ForeignKey(
        SheetType,
        verbose_name=_("sheet type"),
        on_delete=models.CASCADE,
        related_name="sections",
    )
    key = models.SlugField(_("key"))
    order = models.PositiveSmallIntegerField(_("order"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.BODY)
    emoji = models.CharField(_("emoji"), max_length=8, blank=True)
    heading_fr = models.CharField(_("French heading"), max_length=200)
    heading_en = models.CharField(_("English heading"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["sheet_type", "order"]
        constraints = [
            models.UniqueConstraint(fields=["sheet_type", "key"], name="section_unique_key"),
            models.UniqueConstraint(
                fields=["sheet_type", "order"],
                name="section_unique_order",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.heading

    @property
    def heading(self) -> str:
        return in_language(self.heading_fr, self.heading_en)


class Field(models.Model):
    """A field of a section: the question for retrieval and the shape of the answer."""

    class Shape(models.TextChoices):
        TEXT = "text", _("text")
        LIST = "list", _("list")
        TABLE = "table", _("table")
        STEPS = "steps", _("steps")
        VALUE = "value", _("short value")

    section = models.ForeignKey(
        Section, verbose_name=_("section"), on_delete=models.CASCADE, related_name="fields"
    )
    key = models.SlugField(_("key"))
    order = models.PositiveSmallIntegerField(_("order"))
    heading_fr = models.CharField(_("French heading"), max_length=200)
    heading_en = models.CharField(_("English heading"), max_length=200, blank=True)
    question = models.TextField(
        _("question"), help_text=_("In French; used to find the passages for the field.")
    )
    instruction = models.TextField(
        _("instruction"), blank=True, help_text=_("In French, for the writing model.")
    )
    shape = models.CharField(_("shape"), max_length=8, choices=Shape.choices, default=Shape.TEXT)
    columns = models.JSONField(
        _("columns"), default=list, blank=True, help_text=_("French column headings of a table.")
    )
    columns_en = models.JSONField(
        _("English columns"),
        default=list,
        blank=True,
        help_text=_("English headings of a table, in the order of the French ones."),
    )
    choices = models.JSONField(
        _("choices"), default=list, blank=True, help_text=_("Values allowed for a short value.")
    )

    class Meta:
        verbose_name = _("field")
        verbose_name_plural = _("fields")
        ordering = ["section", "order"]
        constraints = [
            models.UniqueConstraint(fields=["section", "key"], name="field_unique_key"),
            models.UniqueConstraint(
                fields=["section", "order"],
                name="field_unique_order",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.heading

    @property
    def sheet_type_id(self) -> int:
        """Return the id of the type that its section belongs to, as sections do."""
        return self.section.sheet_type_id

    @property
    def heading(self) -> str:
        return in_language(self.heading_fr, self.heading_en)
