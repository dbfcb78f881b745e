"""What the log of a document's job says."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from ingestion.kinds import DOCUMENT
from ingestion.models import Document
from wikico2.models import JobEvent

SENTENCES = {
    "extracting": gettext_noop("Reading of the pages started."),
    "chunking": gettext_noop("%(pages)s pages read (%(seconds)s s). Splitting them into passages."),
    "embedding": gettext_noop("%(passages)s passages. Computing the missing vectors."),
    "indexing": gettext_noop(
        "Vectors of all %(passages)s passages computed (%(seconds)s s). Adding them to the index."
    ),
    "ready": gettext_noop("The document is ready: %(passages)s passages are indexed."),
    "cancelled": gettext_noop("Reading stopped by %(name)s."),
    "pictures": gettext_noop("%(name)s started the reading of the unread images."),
    "reread": gettext_noop(
        "The source was read again by a newer reader: %(kept)s passages unchanged, %(new)s new, "
        "%(gone)s gone."
    ),
    "reread_failed": gettext_noop(
        "A newer reader could not read the source again; its text stays as it was."
    ),
    "citations_lost": gettext_noop(
        "Citations that are no longer found since: %(count)s, in the sheet “%(sheet)s”."
    ),
    "retried": gettext_noop("Reading restarted by %(name)s."),
}


@dataclass(frozen=True)
class SourceEvent:
    """An event of the job of a document."""

    at: dt.datetime
    details: dict[str, Any]
    document: Document


def latest_events(code: str, documents: QuerySet[Document], count: int) -> list[SourceEvent]:
    """Return the latest events of one code of these documents."""
    of_documents = JobEvent.objects.filter(
        code=code, job__kind=DOCUMENT, job__subject_id__in=documents.values("pk")
    )
    rows = list(of_documents.select_related("job").order_by("-pk")[:count])
    found = documents.in_bulk([row.job.row_id for row in rows])
    return [SourceEvent(row.at, row.details, found[row.job.row_id]) for row in rows]
