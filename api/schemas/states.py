"""The life of a sheet: where it stands, what happened to it, who is in charge, what is due."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, StringConstraints

from api.paging import PageIn
from api.schemas.common import Number, PersonOut, RowId, site_address
from sheets.actions.states import belongings_of, possible_actions
from sheets.models import Sheet, SheetEvent
from wikico2.accounts.rules import may

Comment = Annotated[str, StringConstraints(max_length=SheetEvent.LONGEST_COMMENT)]


class StandingOut(BaseModel):
    """Where a sheet stands; `actions` are what you may do now, by the names of the operations.

    `version` is the one that you read; `changed` tells that it is not the latest validated one.
    """

    sheet: str
    state: str
    version: int | None
    validated_version: int | None
    changed: bool
    validated_by: PersonOut | None
    validated_at: dt.datetime | None
    responsible: PersonOut | None
    review_on: dt.date | None
    actions: list[str]
    url: str
    address: str

    @classmethod
    def of(cls, sheet: Sheet, user: Any) -> "StandingOut":
        validated = sheet.validated_revision
        return cls(
            sheet=sheet.slug,
            state=sheet.state,
            version=sheet.current.number if sheet.current else None,
            validated_version=validated.number if validated else None,
            changed=sheet.is_changed_since_validation,
            validated_by=PersonOut.of(sheet.validated_by),
            validated_at=sheet.validated_at,
            responsible=PersonOut.of(sheet.responsible),
            review_on=sheet.review_on,
            actions=[name for name in possible_actions(sheet) if may(user, f"sheet.{name}", sheet)],
            url=site_address(sheet.get_absolute_url()),
            address=f"/v1/sheets/{sheet.slug}",
        )


class SheetEventOut(BaseModel):
    """One thing that happened to a sheet; comments are for members."""

    kind: str
    sentence: str
    by: PersonOut | None
    version: int | None
    comment: str
    at: dt.datetime

    @classmethod
    def of(cls, row: SheetEvent, user: Any) -> "SheetEventOut":
        return cls(
            kind=row.kind,
            sentence=row.sentence(named=may(user, "source.read_internal")),
            by=PersonOut.of(row.actor),
            version=row.revision.number if row.revision else None,
            comment=row.comment if may(user, "comment.read") else "",
            at=row.at,
        )


class CommentIn(BaseModel):
    """What you say with a change of state; members read it in the history."""

    comment: Comment = ""


class ValidateIn(BaseModel):
    """The version that you read and validate; without a date, the usual time until the next review.

    409 if the sheet was changed meanwhile.
    """

    version: Number
    review_on: dt.date | None = None


class ResponsibleIn(BaseModel):
    """The id of who is to be in charge, or null for nobody."""

    person: RowId | None


class ReviewIn(BaseModel):
    """The date on which the sheet is due for review, or null for none."""

    review_on: dt.date | None


class DueIn(PageIn):
    """What is due: `validation` of a version, or `review` by its date; `mine`: in my charge."""

    what: Literal["validation", "review"] = "validation"
    mine: bool = False


class DueOut(BaseModel):
    """A sheet that somebody should look at."""

    sheet: str
    title: str
    state: str
    responsible: PersonOut | None
    review_on: dt.date | None
    updated_at: dt.datetime
    address: str

    @classmethod
    def of(cls, sheet: Sheet) -> "DueOut":
        return cls(
            sheet=sheet.slug,
            title=sheet.title,
            state=sheet.state,
            responsible=PersonOut.of(sheet.responsible),
            review_on=sheet.review_on,
            updated_at=sheet.updated_at,
            address=f"/v1/sheets/{sheet.slug}",
        )


class BelongingsOut(BaseModel):
    """What goes with a deleted sheet, and how many sheets link to it."""

    versions: int
    proposals: int
    discussions: int
    generations: int
    watches: int
    linked_from: int

    @classmethod
    def of(cls, sheet: Sheet, linked_from: int) -> "BelongingsOut":
        return cls(**vars(belongings_of(sheet, linked_from)))


class DeletedOut(BaseModel):
    """A deleted sheet, until when it can be brought back, and by which address."""

    id: int
    title: str
    deleted_at: dt.datetime
    deleted_by: PersonOut | None
    until: dt.datetime
    address: str
    belongings: BelongingsOut | None = None
