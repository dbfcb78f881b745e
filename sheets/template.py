"""Load a sheet type's rows into the plain values that the core works with."""

from sheets.drafts import FieldBrief, SectionBrief, Template
from sheets.models import Field, Section, SheetType


def load_template(sheet_type: SheetType) -> Template:
    """Return the template of a sheet type (two queries)."""
    sections = sheet_type.sections.order_by("order").prefetch_related("fields")
    return Template(key=sheet_type.key, sections=tuple(section_brief(s) for s in sections))


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
