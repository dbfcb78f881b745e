"""Change the outline of a sheet type: put a section or a field last, or move it.

Every change locks the row of the type, so that two of them never take the same place.
"""

from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from sheets.models import Field, Section, SheetType

OutlineRow = Section | Field


def lock_type(pk: int) -> SheetType:
    """Keep others from changing a type until the transaction ends."""
    return SheetType.objects.select_for_update().get(pk=pk)


def siblings_of(row: OutlineRow) -> QuerySet[Any]:
    """Return the sections of the same type, or the fields of the same section."""
    if isinstance(row, Section):
        return Section.objects.filter(sheet_type=row.sheet_type_id)
    return Field.objects.filter(section=row.section_id)


def place_last(row: OutlineRow) -> None:
    """Give a new section or field the place behind the others; it is saved by the caller."""
    lock_type(row.sheet_type_id)
    row.order = (siblings_of(row).aggregate(last=Max("order"))["last"] or 0) + 1


@transaction.atomic
def move_row(row: OutlineRow, step: int) -> bool:
    """Swap a section or a field with its neighbour; tell whether there was one."""
    lock_type(row.sheet_type_id)
    ordered = list(siblings_of(row).order_by("order"))
    at = next((n for n, one in enumerate(ordered) if one.pk == row.pk), None)
    if at is None or not 0 <= at + step < len(ordered):
        return False
    one, other = ordered[at], ordered[at + step]
    one.order, other.order = other.order, one.order
    one.save(update_fields=["order"])  # one by one: receivers refresh the sheets of the type
    other.save(update_fields=["order"])
    return True
