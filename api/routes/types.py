"""Sheet types with their sections and fields: read them; add, change, move and delete them."""

from typing import Annotated, Any, Literal

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import ProtectedError
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints
from pydantic import Field as Bounds

from api.answers import json_answer
from api.idempotency import once
from api.problems import ApiProblem, form_problem
from api.rights import require_right, sheet_types_of
from sheets.actions.sheet_types import lock_type, move_row, place_last
from sheets.forms.templates import (
    LONGEST_LINE,
    MOST_LINES,
    FieldForm,
    SectionForm,
    SheetTypeForm,
)
from sheets.models import Field, Section, SheetType
from wikico2.accounts.audit import record
from wikico2.models import User

router = Router(tags=["types"])
STEPS = {"up": -1, "down": 1}
LARGEST_ORDER = 32_767

Key = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Heading = Annotated[str, StringConstraints(min_length=1, max_length=200)]
English = Annotated[str, StringConstraints(max_length=200)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
EnglishName = Annotated[str, StringConstraints(max_length=100)]
Prose = Annotated[str, StringConstraints(max_length=10_000)]
Lines = Annotated[
    list[Annotated[str, StringConstraints(max_length=LONGEST_LINE)]], Bounds(max_length=MOST_LINES)
]


class FieldChange(BaseModel):
    """What a field is to be: the question that retrieves, the shape of the answer."""

    heading_fr: Heading
    heading_en: English = ""
    question: Annotated[Prose, StringConstraints(min_length=1)]
    instruction: Prose = ""
    shape: Field.Shape = Field.Shape.TEXT
    columns: Lines = []
    columns_en: Lines = []
    choices: Lines = []


class FieldIn(FieldChange):
    """A new field; what is written is stored under its key, which stays."""

    key: Key


class FieldOut(BaseModel):
    """A field of a section: the question that retrieves, the shape of the answer."""

    key: str
    heading_fr: str
    heading_en: str
    question: str
    instruction: str
    shape: str
    columns: list[str]
    columns_en: list[str]
    choices: list[str]

    @classmethod
    def of(cls, row: Field) -> "FieldOut":
        return cls(
            key=row.key,
            heading_fr=row.heading_fr,
            heading_en=row.heading_en,
            question=row.question,
            instruction=row.instruction,
            shape=row.shape,
            columns=[str(column) for column in row.columns],
            columns_en=[str(column) for column in row.columns_en],
            choices=[str(choice) for choice in row.choices],
        )


class SectionChange(BaseModel):
    """What a section is to be."""

    heading_fr: Heading
    heading_en: English = ""
    emoji: Annotated[str, StringConstraints(max_length=8)] = ""
    role: Section.Role = Section.Role.BODY


class SectionIn(SectionChange):
    """A new section; its key stays."""

    key: Key


class TypeSection(BaseModel):
    """A section of a sheet type, with its fields."""

    key: str
    heading_fr: str
    heading_en: str
    emoji: str
    role: str
    fields: list[FieldOut]

    @classmethod
    def of(cls, row: Section) -> "TypeSection":
        return cls(
            key=row.key,
            heading_fr=row.heading_fr,
            heading_en=row.heading_en,
            emoji=row.emoji,
            role=row.role,
            fields=[FieldOut.of(field) for field in row.fields.all()],
        )


class TypeChange(BaseModel):
    """What a sheet type is to be, its sections apart."""

    name_fr: Name
    name_en: EnglishName = ""
    plural_fr: Name
    plural_en: EnglishName = ""
    description_fr: Prose = ""
    description_en: Prose = ""
    order: Annotated[int, Bounds(ge=0, le=LARGEST_ORDER)] = 0


class TypeIn(TypeChange):
    """A new sheet type; its key stays."""

    key: Key


class TypeOut(BaseModel):
    """A sheet type with its sections, in their order."""

    key: str
    name_fr: str
    name_en: str
    plural_fr: str
    plural_en: str
    description_fr: str
    description_en: str
    order: int
    sections: list[TypeSection]
    address: str

    @classmethod
    def of(cls, row: SheetType) -> "TypeOut":
        return cls(
            key=row.key,
            name_fr=row.name_fr,
            name_en=row.name_en,
            plural_fr=row.plural_fr,
            plural_en=row.plural_en,
            description_fr=row.description_fr,
            description_en=row.description_en,
            order=row.order,
            sections=[TypeSection.of(section) for section in row.sections.all()],
            address=f"/v1/types/{row.key}",
        )


class TypesOut(BaseModel):
    """The sheet types."""

    items: list[TypeOut]


class MoveIn(BaseModel):
    """One place up or down among its neighbours."""

    step: Literal["up", "down"]


# --- Reading --------------------------------------------------------------------------------------


def whole_type(key: str) -> TypeOut:
    """Return a type as it stands."""
    rows = SheetType.objects.prefetch_related("sections__fields")
    return TypeOut.of(get_object_or_404(rows, key=key))


@router.get("", response=TypesOut)
def list_types(request: HttpRequest) -> Any:
    """List the sheet types with their sections and fields."""
    rows = SheetType.objects.prefetch_related("sections__fields")
    return json_answer(request, TypesOut(items=[TypeOut.of(row) for row in rows]))


@router.get("/{key}", response=TypeOut)
def read_type(request: HttpRequest, key: str) -> Any:
    """Read one sheet type."""
    return json_answer(request, whole_type(key))


# --- Changing -------------------------------------------------------------------------------------


def curated_type(request: HttpRequest, key: str) -> tuple[SheetType, User]:
    """Lock a type that the caller may change; return it and the caller.

    Raises PermissionDenied for a token that is limited to other types.
    """
    user = require_right(request, "type.curate")
    if (types := sheet_types_of(request)) and key not in types:
        raise PermissionDenied
    return lock_type(get_object_or_404(SheetType, key=key).pk), user


def curated_section(request: HttpRequest, key: str, section: str) -> tuple[Section, User]:
    kind, user = curated_type(request, key)
    return get_object_or_404(Section, sheet_type=kind, key=section), user


def curated_field(request: HttpRequest, key: str, section: str, field: str) -> tuple[Field, User]:
    row, user = curated_section(request, key, section)
    return get_object_or_404(Field.objects.select_related("section"), section=row, key=field), user


def form_values(given: BaseModel, **more: Any) -> dict[str, Any]:
    """Return the values of a form of the administration: a list has one line for each text."""
    values = given.model_dump() | more
    return {
        name: "\n".join(" ".join(line.split()) for line in value)
        if isinstance(value, list)
        else value
        for name, value in values.items()
    }


def checked(form: forms.ModelForm[Any]) -> Any:
    """Return the row of a form, not saved; raises ApiProblem 422."""
    if not form.is_valid():
        raise form_problem(form.errors, "type_invalid")
    return form.save(commit=False)


def saved(kind: SheetType, row: models.Model, user: User, did: str) -> TypeOut:
    """Save a row of a type, log what was done, and return the type."""
    row.save()
    return logged(kind, user, did, str(getattr(row, "key", "")))


def logged(kind: SheetType, user: User, did: str, key: str) -> TypeOut:
    """Log a change of a type, and return the type."""
    record("type.change", kind, user, did=did, key=key)
    return whole_type(kind.key)


@router.post("", response={201: TypeOut})
@once
@transaction.atomic
def add_type(request: HttpRequest, given: TypeIn) -> Any:
    """Add a sheet type; give it its sections and fields then."""
    user = require_right(request, "type.curate")
    if sheet_types_of(request):
        raise PermissionDenied
    row = checked(SheetTypeForm(form_values(given)))
    row.save()
    record("type.add", row, user)
    return Status(201, whole_type(row.key))


@router.put("/{key}", response=TypeOut)
@transaction.atomic
def change_type(request: HttpRequest, key: str, given: TypeChange) -> Any:
    """Change the names, the descriptions and the place of a type."""
    kind, user = curated_type(request, key)
    row = checked(SheetTypeForm(form_values(given, key=kind.key), instance=kind))
    return saved(kind, row, user, "type.change")


@router.delete("/{key}", response={204: None})
@transaction.atomic
def delete_type(request: HttpRequest, key: str) -> Any:
    """Delete a type that no sheet has; 409 otherwise."""
    kind, user = curated_type(request, key)
    record("type.delete", kind, user)
    try:
        kind.delete()
    except ProtectedError:
        raise ApiProblem(409, "type_in_use", _("Sheets of this type exist.")) from None
    return Status(204, None)


@router.post("/{key}/sections", response={201: TypeOut})
@once
@transaction.atomic
def add_section(request: HttpRequest, key: str, given: SectionIn) -> Any:
    """Add a section, behind the others."""
    kind, user = curated_type(request, key)
    row = checked(SectionForm(form_values(given, sheet_type=kind.pk)))
    place_last(row)
    return Status(201, saved(kind, row, user, "section.add"))


@router.put("/{key}/sections/{section}", response=TypeOut)
@transaction.atomic
def change_section(request: HttpRequest, key: str, section: str, given: SectionChange) -> Any:
    """Change a section; its sheets are rendered anew, not written."""
    found, user = curated_section(request, key, section)
    values = form_values(given, sheet_type=found.sheet_type_id, key=found.key)
    row = checked(SectionForm(values, instance=found))
    return saved(found.sheet_type, row, user, "section.change")


@router.post("/{key}/sections/{section}/move", response=TypeOut)
@transaction.atomic
def move_section(request: HttpRequest, key: str, section: str, given: MoveIn) -> Any:
    """Move a section one place up or down."""
    found, user = curated_section(request, key, section)
    move_row(found, STEPS[given.step])
    return logged(found.sheet_type, user, "section.move", found.key)


@router.delete("/{key}/sections/{section}", response=TypeOut)
@transaction.atomic
def delete_section(request: HttpRequest, key: str, section: str) -> Any:
    """Delete a section with its fields; what sheets have below its heading stays."""
    found, user = curated_section(request, key, section)
    found.delete()
    return logged(found.sheet_type, user, "section.delete", found.key)


@router.post("/{key}/sections/{section}/fields", response={201: TypeOut})
@once
@transaction.atomic
def add_field(request: HttpRequest, key: str, section: str, given: FieldIn) -> Any:
    """Add a field to a section, behind the others."""
    found, user = curated_section(request, key, section)
    row = checked(FieldForm(form_values(given, section=found.pk)))
    place_last(row)
    return Status(201, saved(found.sheet_type, row, user, "field.add"))


@router.put("/{key}/sections/{section}/fields/{field}", response=TypeOut)
@transaction.atomic
def change_field(
    request: HttpRequest, key: str, section: str, field: str, given: FieldChange
) -> Any:
    """Change a field: what is asked, and the shape of the answer."""
    found, user = curated_field(request, key, section, field)
    values = form_values(given, section=found.section_id, key=found.key)
    row = checked(FieldForm(values, instance=found))
    return saved(found.section.sheet_type, row, user, "field.change")


@router.post("/{key}/sections/{section}/fields/{field}/move", response=TypeOut)
@transaction.atomic
def move_field(request: HttpRequest, key: str, section: str, field: str, given: MoveIn) -> Any:
    """Move a field one place up or down in its section."""
    found, user = curated_field(request, key, section, field)
    move_row(found, STEPS[given.step])
    return logged(found.section.sheet_type, user, "field.move", found.key)


@router.delete("/{key}/sections/{section}/fields/{field}", response=TypeOut)
@transaction.atomic
def delete_field(request: HttpRequest, key: str, section: str, field: str) -> Any:
    """Delete a field; what sheets have of it stays."""
    found, user = curated_field(request, key, section, field)
    found.delete()
    return logged(found.section.sheet_type, user, "field.delete", found.key)
