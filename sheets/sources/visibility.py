"""Which sources a reader may know by name."""

from typing import Any

from django.db.models import Q

from ingestion.models import Document
from ingestion.models import DocumentQuerySet as Documents
from sheets.models import Citation, Sheet


def sources_visible_to(user: Any) -> Documents:
    """Return the sources whose title `user` may see.

    Those that they may read, and those that a sheet which they see in lists quotes: there the title
    stands beside the quote.
    """
    documents = Document.objects.all()
    if user.is_authenticated:
        return documents
    quoted = Citation.objects.standing().shown_to(user).values("document")
    return documents.filter(Q(access=Document.Access.OPEN) | Q(pk__in=quoted))


def sources_visible_on(sheet: Sheet, user: Any) -> Documents:
    """Return the sources of a sheet whose title its page may show to `user`.

    An internal one stands there for those who may read it, or where the sheet's own text quotes it:
    what other sheets quote decides nothing here.
    """
    documents = Document.objects.filter(sheets=sheet)
    if user.is_authenticated:
        return documents
    quoted = Citation.objects.filter(revision=sheet.current_id).values("document")
    return documents.filter(Q(access=Document.Access.OPEN) | Q(pk__in=quoted))
