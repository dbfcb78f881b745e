"""Describe: what people set on a source, and all that follows from it."""

from collections.abc import Collection

from django.db import transaction

from ingestion.models import Document
from ingestion.pipeline.run import refresh_lexemes
from ingestion.search import spelling
from ingestion.signals import version_changed
from wikico2.jobs.queue import enqueue

REFRESHED_AT_ONCE = 300
"""Up to so many passages are read again while the person waits; more of them in the queue."""


@transaction.atomic
def save_description(document: Document, changed: Collection[str]) -> None:
    """Keep the fields that a person has set on `document`.

    They are never again overwritten by what the file says; a new title is found at once; the sheets
    that draw on what is or was replaced are compared anew.
    """
    if not changed:
        return
    before = Document.objects.select_for_update(of=("self",)).get(pk=document.pk)
    document.by_hand = sorted({*before.by_hand, *changed})
    document.save(update_fields=[*changed, "by_hand"])
    if "title" in changed:
        refresh_search_fields(document)
    if "supersedes" in changed and before.supersedes_id:
        version_changed.send(Document, document_id=before.supersedes_id)


def refresh_search_fields(document: Document) -> None:
    """Have the passages of a source found by its present title."""
    spelling.learn_words([document.title])
    if document.chunks.count() <= REFRESHED_AT_ONCE:
        refresh_lexemes(document.pk)
    else:
        enqueue("ingestion.tasks.refresh_document_lexemes", document.pk)
