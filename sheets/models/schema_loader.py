"""Load the rows of a sheet type into the values of `sheets.schema.types`."""

from collections.abc import Iterator
from functools import lru_cache

from django.db import connection

from sheets.models import Field, Section, SheetType
from sheets.schema.types import EnglishLabels, FieldBrief, SectionBrief, SheetTemplate


def load_template(sheet_type: SheetType) -> SheetTemplate:
    """Return the template of a sheet type, cached; one small query on a cache hit."""
    return _load_cached(
        sheet_type.pk, sheet_type.key, connection.settings_dict["NAME"], _template_edition()
    )


def _template_edition() -> tuple[int, str]:
    """Return a value that changes with any section or field, maintained by triggers.

    `xmin` is part of it, since a counter value can recur after a rollback.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT version, xmin::text FROM sheets_common")
        version, transaction = cursor.fetchone()
    return version, transaction


@lru_cache(maxsize=64)
def _load_cached(pk: int, key: str, database: str, edition: tuple[int, str]) -> SheetTemplate:
    """Load a template (two queries)."""
    sections = Section.objects.filter(sheet_type=pk).order_by("order").prefetch_related("fields")
    return SheetTemplate(
        key=key,
        sections=tuple(section_brief(s) for s in sections),
        english={keys: labels for s in sections for keys, labels in english_labels(s)},
    )


def english_labels(section: Section) -> Iterator[tuple[tuple[str, str], EnglishLabels]]:
    """Yield the English labels of a section and of its fields, with their keys."""
    yield (section.key, ""), EnglishLabels(section.heading_fr, section.heading_en)
    for field in section.fields.all():
        pairs = zip(field.columns, field.columns_en, strict=False)
        columns = {french: english for french, english in pairs if english}
        labels = EnglishLabels(field.heading_fr, field.heading_en, columns)
        yield (section.key, field.key), labels


def section_brief(section: Section) -> SectionBrief:
    return SectionBrief(
        key=section.key,
        heading=section.heading_fr,
        emoji=section.emoji,
        role=section.role,
        fields=tuple(field_brief(f) for f in section.fields.all()),
    )


def field_brief(field: Field) -> FieldBrief:
    return FieldBrief(
        key=field.key,
        heading=field.heading_fr,
        question=field.question,
        instruction=field.instruction,
        shape=field.shape,
        columns=tuple(field.columns),
        choices=tuple(field.choices),
    )
