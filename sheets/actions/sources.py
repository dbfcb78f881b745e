"""Change which sources a sheet draws on. Its sections become stale by that; no text changes."""

from collections.abc import Iterable

from django.db import transaction

from ingestion.models import Document
from sheets.models import Sheet, SheetEvent
from wikico2.accounts.rules import check
from wikico2.errors import UserError
from wikico2.models import User

Kind = SheetEvent.Kind


@transaction.atomic
def add_sources(sheet: Sheet, user: User, documents: Iterable[Document]) -> list[Document]:
    """Add sources to a sheet; return those that are new to it.

    Raises UserError("source_not_readable") for one that the user may not read.
    """
    check(user, "sheet.change_sources", sheet)
    locked = Sheet.objects.lock(sheet)
    known = set(locked.documents.values_list("pk", flat=True))
    new = [one for one in dict.fromkeys(documents) if one.pk not in known]
    for document in new:
        require_readable(document, user)
    locked.documents.add(*new)
    for document in new:
        SheetEvent.objects.write(locked, Kind.SOURCE_ADDED, user, title=document.title)
    return new


@transaction.atomic
def remove_source(sheet: Sheet, user: User, document: Document) -> bool:
    """Take a source out of a sheet; tell whether it was one. Its citations stay in the text."""
    check(user, "sheet.change_sources", sheet)
    locked = Sheet.objects.lock(sheet)
    if not locked.documents.filter(pk=document.pk).exists():
        return False
    locked.documents.remove(document)
    SheetEvent.objects.write(locked, Kind.SOURCE_REMOVED, user, title=document.title)
    return True


@transaction.atomic
def replace_source(sheet: Sheet, user: User, old: Document, new: Document) -> bool:
    """Draw on one source in the place of another; tell whether the former was one.

    Raises UserError("source_not_readable") if the user may not read the new one.
    """
    check(user, "sheet.change_sources", sheet)
    locked = Sheet.objects.lock(sheet)
    if old.pk == new.pk or not locked.documents.filter(pk=old.pk).exists():
        return False
    require_readable(new, user)
    locked.documents.add(new)
    locked.documents.remove(old)
    SheetEvent.objects.write(locked, Kind.SOURCE_REPLACED, user, old=old.title, title=new.title)
    return True


def require_readable(document: Document, user: User) -> None:
    """Raise UserError("source_not_readable") unless the user may read the source."""
    if not document.can_be_read_by(user):
        raise UserError("source_not_readable")
