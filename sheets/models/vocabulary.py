"""The vocabulary: categories, systems and sectors, as the key facts of sheets name them.

The text of a sheet says them; a row stands for one of them, under its name of today. Which sheets
bear it is derived from their current versions.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sheets.markdown.parse import MARKER, escape_markdown, readable_text
from sheets.models.sheet import Sheet
from wikico2.text.normalize import fold_text, visible_line

LONGEST_NAME = 200
MOST_IN_A_FIELD = 50
"""Names read from one field of a sheet; those after them are not part of the vocabulary."""
BETWEEN = re.compile(r"([,;])")


class VocabularyTermQuerySet(models.QuerySet["VocabularyTerm"]):
    """Queries about the vocabulary."""

    def meaning(self, kind: str, folded: Collection[str]) -> "VocabularyTermQuerySet":
        """Return the terms of a kind that have, or had, one of these names (folded)."""
        names = list(folded)
        return self.filter(Q(folded__in=names) | Q(former__overlap=names), kind=kind)


class VocabularyTerm(models.Model):
    """A category, a system or a sector, under the name that it is written with.

    `former` holds the folded names that it had, or that were merged into it: a text that still says
    one of them means this term.
    """

    class Kind(models.TextChoices):
        CATEGORY = "category", _("category")
        SYSTEM = "system", _("system")
        SECTOR = "sector", _("sector")

    FIELDS: dict[str, tuple[str, ...]] = {
        Kind.CATEGORY: ("categorie",),
        Kind.SYSTEM: ("systeme",),
        Kind.SECTOR: ("secteur", "secteurs", "sous_secteurs"),
    }
    """The keys of the key facts that name terms of a kind."""

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    folded = models.CharField(max_length=250, editable=False)
    former = ArrayField(
        models.CharField(max_length=250),
        verbose_name=_("former names"),
        default=list,
        blank=True,
        editable=False,
    )
    sheets = models.ManyToManyField(Sheet, related_name="terms", blank=True, editable=False)

    objects = VocabularyTermQuerySet.as_manager()

    class Meta:
        verbose_name = _("category, system or sector")
        verbose_name_plural = _("categories, systems and sectors")
        ordering = ["kind", "folded"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "folded"], name="term_unique_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the term; its name is one visible line, and found by it without case or accents."""
        self.name = visible_line(self.name)[:LONGEST_NAME]
        self.folded = fold_text(self.name)[:250]
        super().save(*args, **kwargs)

    @property
    def known_as(self) -> set[str]:
        """Return the folded names that mean this term."""
        return {self.folded, *self.former}


def split_value(value: str, kind: str) -> list[str]:
    """Return the parts of a key fact with what is between them: only sectors may be several."""
    return BETWEEN.split(value) if kind == VocabularyTerm.Kind.SECTOR else [value]


def term_name(part: str) -> str:
    """Return the name that a part of a key fact gives, as plain text; "" for none."""
    return visible_line(readable_text(part)).strip(" .,;")[:LONGEST_NAME].strip()


def names_in_header(header: Mapping[str, str], kind: str) -> dict[str, str]:
    """Return the names of a kind that key facts give, by their folded form."""
    found: dict[str, str] = {}
    for key in VocabularyTerm.FIELDS[kind]:
        for part in split_value(header.get(key, ""), kind)[: 2 * MOST_IN_A_FIELD]:
            name = term_name(part)
            if folded := fold_text(name)[:250]:
                found.setdefault(folded, name)
    return found


def rename_in_header(header: Mapping[str, str], term: VocabularyTerm) -> dict[str, str]:
    """Return key facts in which every name of the term is its present one; notes stay.

    A part that says the present name already, whatever its case or accents, gets its spelling too.
    """
    changed = dict(header)
    for key in VocabularyTerm.FIELDS[term.kind]:
        if key in header:
            parts = split_value(header[key], term.kind)
            changed[key] = "".join(_renamed_part(part, term) for part in parts)
    return changed


def _renamed_part(part: str, term: VocabularyTerm) -> str:
    name = term_name(part)
    if name == term.name or fold_text(name)[:250] not in term.known_as:
        return part
    before = part[: len(part) - len(part.lstrip())]
    after = part[len(part.rstrip()) :]
    markers = "".join(match[0] for match in MARKER.finditer(part))
    return f"{before}{escape_markdown(term.name)}{markers}{after}"
