"""Cursors: a page begins behind the row that the page before ended with."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import BaseModel, Field

from api.problems import ApiProblem
from wikico2.parameters import whole_number

Row = TypeVar("Row", bound=Model)
LARGEST_PAGE = 100
LONGEST_CURSOR = 2_000


class PageIn(BaseModel):
    """Which page of a list, and how long it is."""

    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR)] = ""
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 25


PageQuery = Query[PageIn]


def page_of(
    rows: QuerySet[Row], order: Sequence[str], page: PageIn
) -> tuple[list[Row], str | None]:
    """Return a page of rows in this order, whose last field is unique, and the next cursor.

    The fields have no nulls. Raises ApiProblem for a cursor that this list has not given.
    """
    found = rows.order_by(*order)
    if page.cursor:
        found = found.filter(rows_behind(rows.model, order, read_cursor(page.cursor, order)))
    shown = list(found[: page.limit + 1])
    if len(shown) <= page.limit:
        return shown, None
    last = shown[page.limit - 1]
    values = [str(getattr(last, name.lstrip("-"))) for name in order]
    return shown[: page.limit], write_cursor(values, order)


def rows_behind(model: type[Model], order: Sequence[str], values: Sequence[str]) -> Q:
    """Return the condition on the rows behind the one with these values."""
    condition, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        field = name.lstrip("-")
        try:
            parsed = model._meta.get_field("id" if field == "pk" else field).to_python(value)  # type: ignore[union-attr]
        except (ValidationError, ValueError, OverflowError):
            raise bad_cursor() from None
        if isinstance(parsed, int) and abs(parsed) >= 2**63:
            raise bad_cursor()
        beyond = "lt" if name.startswith("-") else "gt"
        condition |= equal & Q(**{f"{field}__{beyond}": parsed})
        equal &= Q(**{field: parsed})
    return condition


def offset_of(page: PageIn, most: int) -> int:
    """Return where a page of a ranking begins; raises ApiProblem."""
    if not page.cursor:
        return 0
    (text,) = read_cursor(page.cursor, ["offset"])
    offset = whole_number(text, most)
    if offset is None:
        raise bad_cursor()
    return offset


def offset_cursor(offset: int, page: PageIn, total: int) -> str | None:
    """Return the cursor of the next page of a ranking; None at its end."""
    following = offset + page.limit
    return write_cursor([str(following)], ["offset"]) if following < total else None


def write_cursor(values: Sequence[str], order: Sequence[str]) -> str:
    text = orjson.dumps([",".join(order), *values])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def read_cursor(cursor: str, order: Sequence[str]) -> list[str]:
    """Return the values of a cursor of a list in this order; raises ApiProblem."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content: Any = orjson.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    if (
        not isinstance(content, list)
        or len(content) != len(order) + 1
        or not all(isinstance(part, str) and "\0" not in part for part in content)
        or content[0] != ",".join(order)
    ):
        raise bad_cursor()
    return content[1:]


def bad_cursor() -> ApiProblem:
    detail = _("This cursor does not belong to this list: begin again without it.")
    return ApiProblem(422, "bad_cursor", detail)
