"""Which titles of sources a reader may see."""

from typing import Any

from django.db.models import Q

from ingestion.models import Document
from ingestion.models import DocumentQuerySet as Documents
from sheets.models import Citation, Sheet
from wikico2.accounts.rules import may


def sources_visible_to(user: Any) -> Documents:
    """Return the sources whose title `user` may see.

    These are the sources that they may read, and those cited by a sheet that they see in lists,
    since the footnote shows the title.
    """
    documents = Document.objects.all()
    if may(user, "source.read_internal"):
        return documents
    cited = Citation.objects.current().shown_to(user).values("document")
    return documents.filter(Q(access=Document.Access.OPEN) | Q(pk__in=cited))


def sources_visible_on(sheet: Sheet, user: Any) -> Documents:
    """Return the sources of a sheet whose title its page may show to `user`.

    An internal source is shown to those who may read it, or if the sheet's current revision cites
    it; citations in other sheets do not count.
    """
    documents = Document.objects.filter(sheets=sheet)
    if may(user, "source.read_internal"):
        return documents
    cited = Citation.objects.filter(revision=sheet.current_id).values("document")
    return documents.filter(Q(access=Document.Access.OPEN) | Q(pk__in=cited))
