"""The fields that an archive carries: one table for each model, for export and for import."""

import datetime as dt
import json
import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ingestion.models import Document
from sheets.models import (
    Field,
    Generation,
    Picture,
    Proposal,
    Revision,
    Section,
    SectionLock,
    SectionRun,
    Sheet,
    SheetEvent,
    SheetRedirect,
    SheetType,
)
from wikico2.models import User

LONGEST = 1_000_000
"""Characters of one value; texts that people write are shorter."""


class InvalidValue(ValueError):
    """A record has a value of another kind than its field."""


class Names(Protocol):
    """What tells the user of a name in an archive."""

    def person(self, name: str | None) -> User | None: ...


class FieldTable(NamedTuple):
    """The fields of a model in an archive: `renamed` ones have another name there.

    A user is written as a name, a revision as its number in its sheet. Values of other kinds than
    the field, too long or out of range are refused; `optional` ones may be missing.
    """

    model: type[models.Model]
    names: Collection[str]
    optional: Collection[str] = ()
    renamed: Mapping[str, str] = {}

    def write(self, row: models.Model) -> dict[str, Any]:
        """Return the record of a row, in values of JSON."""
        return {self.renamed.get(name, name): plain(getattr(row, name)) for name in self.names}

    def read(self, facts: Any, known: Names, sheet: Sheet | None = None) -> dict[str, Any]:
        """Return the values of a record by field.

        Raises InvalidValue, KeyError for a missing value, or Revision.DoesNotExist.
        """
        if not isinstance(facts, Mapping):
            raise InvalidValue(f"{self.model.__name__}: {type(facts).__name__}")
        values: dict[str, Any] = {}
        for name in self.names:
            key = self.renamed.get(name, name)
            if key in facts or name not in self.optional:
                field = self.model._meta.get_field(name)
                values[name] = read_value(field, facts[key], known, sheet)
        return values


def own_fields(model: type[models.Model]) -> list[str]:
    """Return the fields of a model, without its key and its parent."""
    return [f.name for f in model._meta.fields if not (f.primary_key or f.is_relation)]


SHEET_TYPE = FieldTable(SheetType, own_fields(SheetType))
SECTION = FieldTable(Section, own_fields(Section))
FIELD = FieldTable(Field, own_fields(Field))
DOCUMENT = FieldTable(Document, (
    "sha256", "title", "filename", "size", "media_type", "author", "publisher", "published",
    "origin", "licence", "by_hand", "language", "page_count", "access", "created_at", "uploaded_by",
))  # fmt: skip
DESCRIBED = (
    "author", "publisher", "published", "origin", "licence", "by_hand", "language", "created_at",
)  # fmt: skip
"""The fields of a source that its file does not tell."""
PICTURE = FieldTable(Picture, ("title", "uploaded_by", "created_at"), ("uploaded_by", "created_at"))
SHEET = FieldTable(Sheet, (
    "title", "state", "validated_by", "validated_at", "validated_revision", "created_by",
    "created_at", "updated_at", "responsible", "review_on",
), ("responsible", "review_on"))  # fmt: skip
EVENT = FieldTable(SheetEvent, ("kind", "at", "actor", "revision", "comment", "details"))
NEW_SHEET = FieldTable(Sheet, ("title", "state", "created_by"), ("state", "created_by"))
LOCK = FieldTable(SectionLock, ("section", "locked_by", "locked_at"))
REDIRECT = FieldTable(SheetRedirect, ("title", "slug", "renamed_by", "renamed_at"))
REVISION = FieldTable(
    Revision,
    ("number", "origin", "author", "created_at", "comment", "minor", "second_parent"),
    ("author", "created_at", "comment", "minor", "second_parent"),
    {"created_at": "date"},
)
GENERATION = FieldTable(Generation, (
    "backend", "model", "prompt_version", "parameters", "tokens_in", "tokens_out", "seconds",
    "state", "created_at", "started_at", "finished_at", "error_code", "error_details", "cost",
))  # fmt: skip
REQUEST = FieldTable(Generation, ("requested_by",), ("requested_by",))
SECTION_RUN = FieldTable(SectionRun, (
    "key", "order", "state", "output", "tokens_in", "tokens_out", "cost", "seconds", "error_code",
    "error_details",
))  # fmt: skip
PROPOSAL = FieldTable(Proposal, (
    "body", "metadata", "sections", "notices", "choices", "remark", "signed", "sender",
    "created_at", "base", "author",
))  # fmt: skip
DECISION = FieldTable(Proposal, (
    "decided", "state", "reason", "decided_at", "accepted_as", "decided_by",
))  # fmt: skip

ELEMENTS: Mapping[tuple[type[models.Model], str], type] = {
    (Field, "columns"): str,
    (Field, "columns_en"): str,
    (Field, "choices"): str,
    (Document, "by_hand"): str,
    (Proposal, "metadata"): str,
    (Proposal, "sections"): str,
    (Proposal, "notices"): dict,
    (Proposal, "choices"): dict,
    (Proposal, "decided"): str,
}
"""What the lists and objects of a field hold, where pages rely on it."""


def plain(value: Any) -> Any:
    """Return a value of a field as JSON."""
    if isinstance(value, User):
        return value.username
    if isinstance(value, Revision):
        return value.number
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def read_value(field: Any, value: Any, known: Names, sheet: Sheet | None) -> Any:
    """Return a value of JSON as that of a field; raises InvalidValue."""
    if field.related_model is User:
        return known.person(text_or_none(field, value))
    if value is None and field.null:
        return None
    if field.related_model is Revision:
        whole = models.PositiveIntegerField(name=field.name)
        return sheet.revisions.get(number=checked(whole, value, int)) if sheet else None
    if isinstance(field, models.DateTimeField):
        return parse_timestamp(checked(field, value, str))
    if isinstance(field, models.DateField):
        return dt.date.fromisoformat(checked(field, value, str))
    if isinstance(field, models.DecimalField):
        number = Decimal(checked(models.CharField(name=field.name, max_length=40), value, str))
        return checked(field, number, Decimal)
    if isinstance(field, (models.JSONField, ArrayField)):
        return checked_json(field, value)
    if isinstance(field, models.FloatField):
        return checked(field, value, float if isinstance(value, float) else int)
    kinds = ((models.BooleanField, bool), (models.IntegerField, int))
    kind = next((kind for model, kind in kinds if isinstance(field, model)), str)
    return checked(field, value, kind)


def text_or_none(field: Any, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidValue(f"{field.name}: {type(value).__name__}")
    return value


def checked(field: Any, value: Any, kind: type) -> Any:
    """Return a value if it is of a kind, and within the bounds of its field."""
    if type(value) is not kind or (isinstance(value, float | Decimal) and not math.isfinite(value)):
        raise InvalidValue(f"{field.name}: {type(value).__name__}")
    if isinstance(value, str) and ("\0" in value or len(value) > (field.max_length or LONGEST)):
        raise InvalidValue(f"{field.name}: {len(value)} characters")
    if field.choices and value not in {key for key, _label in field.flatchoices}:
        raise InvalidValue(f"{field.name}: {value!r}")
    if not isinstance(field, models.URLField):
        field.run_validators(value)
    return value


def checked_json(field: Any, value: Any) -> Any:
    """Return a list or an object, as the field has, with the elements that pages rely on."""
    element = ELEMENTS.get((field.model, field.name))
    if type(value) is not type(field.get_default()):
        raise InvalidValue(f"{field.name}: {type(value).__name__}")
    held = value.values() if isinstance(value, dict) else value
    if element and not all(type(one) is element for one in held):
        raise InvalidValue(f"{field.name}: not all {element.__name__}")
    if isinstance(field, ArrayField):
        field.run_validators(value)
    if "\\u0000" in json.dumps(value):
        raise InvalidValue(f"{field.name}: a null character")
    return value


def parse_timestamp(text: str) -> dt.datetime:
    """Return a timestamp in ISO 8601; one without a zone is in UTC."""
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def file_of(document: Document) -> str:
    """Return the name of a source's file in the archive."""
    return document.sha256[:16] + PurePosixPath(document.file.name or "").suffix.lower()


def facts_to_json(facts: Any) -> str:
    """Return a record as indented JSON with sorted keys, which diffs well."""
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
