"""The event log of a document, as sentences for the person who uploaded it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ingestion.models import Document, DocumentEvent
from wikico2.errors import SENTENCES as FAILURES
from wikico2.errors import UserError, error_sentence

MAX_EVENTS = 200
"""Events kept per document; the oldest are deleted."""

SENTENCES = {
    "extracting": gettext_noop("Reading of the pages started."),
    "chunking": gettext_noop("%(pages)s pages read (%(seconds)s s). Splitting them into passages."),
    "embedding": gettext_noop("%(passages)s passages. Computing the missing vectors."),
    "indexing": gettext_noop(
        "Vectors of all %(passages)s passages computed (%(seconds)s s). Adding them to the index."
    ),
    "ready": gettext_noop("The document is ready: %(passages)s passages are indexed."),
    "taken_over": gettext_noop("Processing was interrupted. It resumes where it stopped."),
    "paused": gettext_noop("Processing was paused."),
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


class EventLine(NamedTuple):
    at: Any
    text: str
    is_failure: bool


def record_event(document: Document, code: str, **details: Any) -> None:
    """Log an event; do nothing if the document is gone."""
    if Document.objects.filter(pk=document.pk).exists():
        DocumentEvent.objects.create(document_id=document.pk, code=code, details=details)


def record_failure(document: Document, error: UserError, *, waits: bool = False) -> None:
    """Log an error, unless the last event is the same error.

    `waits` says that the work is retried automatically.
    """
    last = DocumentEvent.objects.filter(document=document.pk).first()
    if last is None or (last.code, "waits" in last.details) != (error.code, waits):
        record_event(document, error.code, **error.details, **({"waits": True} if waits else {}))


def trim_events(document: Document) -> None:
    """Delete the oldest events beyond `MAX_EVENTS`."""
    kept = DocumentEvent.objects.filter(document=document.pk).values_list("pk", flat=True)[
        :MAX_EVENTS
    ]
    DocumentEvent.objects.filter(document=document.pk).exclude(pk__in=list(kept)).delete()


def event_lines(document: Document) -> Iterator[EventLine]:
    """Yield the events in the reader's language, the latest first."""
    for row in DocumentEvent.objects.filter(document=document.pk)[:MAX_EVENTS]:
        if row.code in SENTENCES:
            details = {key: localize(value) for key, value in row.details.items()}
            yield EventLine(row.at, _(SENTENCES[row.code]) % details, False)
        else:
            known = row.code in FAILURES
            waits = "waits" in row.details
            text = error_sentence(row.code, row.details, waits=waits) if known else row.code
            yield EventLine(row.at, text, True)


def latest_events(code: str, documents: QuerySet[Document], count: int) -> list[DocumentEvent]:
    """Return the latest events of one code of these documents, each with its document."""
    rows = DocumentEvent.objects.filter(code=code, document__in=documents)
    return list(rows.select_related("document").order_by("-pk")[:count])


def may_read_events(user: Any, document: Document) -> bool:
    """Tell whether `user` may read the event log: the uploader, and who may delete sources."""
    uploaded = document.uploaded_by_id == user.pk is not None
    return uploaded or bool(user.has_perm("ingestion.delete_document"))
