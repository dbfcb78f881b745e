"""The two sheet types are there after migration, as rows that can be edited."""

import pytest

from sheets.models import Field, Section, SheetType
from sheets.models.schema_loader import load_template

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("key", "sections", "fields"),
    [
        (
            "solution",
            "fiche resume contexte fonctionnement applicabilite impacts leviers parcours risques "
            "exemples ressources metadonnees",
            31,
        ),
        (
            "secteur",
            "fiche description profil enjeux systemes parcours cas ressources metadonnees",
            20,
        ),
    ],
)
def test_sections_stand_in_their_order(key: str, sections: str, fields: int) -> None:
    template = load_template(SheetType.objects.get(key=key))

    assert [s.key for s in template.sections] == sections.split()
    assert sum(len(s.fields) for s in template.sections) == fields


def test_every_field_can_be_asked_for_in_french_and_shown_in_english() -> None:
    for field in Field.objects.all():
        assert field.question.endswith("?"), field
        assert field.instruction, field
        assert field.heading_fr, field
        assert field.heading_en, field
        if field.shape == Field.Shape.TABLE:
            assert len(field.columns) >= 2, field
    assert not Section.objects.filter(heading_en="").exists()


def test_headings_are_unique_within_a_sheet_type() -> None:
    from sheets.markdown.parse import heading_key

    for sheet_type in SheetType.objects.all():
        keys = [heading_key(s.heading_fr) for s in sheet_type.sections.all()]
        assert len(keys) == len(set(keys))
        for section in sheet_type.sections.all():
            named = [heading_key(f.heading_fr) for f in section.fields.all()]
            assert len(named) == len(set(named))
