"""Save the fields that people edit on a source, and update what depends on them."""

from collections.abc import Collection

from django.db import transaction

from ingestion.kinds import DOCUMENT_WORDS
from ingestion.models import Document
from ingestion.pipeline.run import refresh_lexemes
from ingestion.search import spelling
from ingestion.signals import version_changed
from wikico2.accounts.audit import record
from wikico2.jobs.queue import start_job

MAX_REFRESHED_IN_REQUEST = 300
"""Up to this many passages are reindexed in the request; more of them in the queue."""


@transaction.atomic
def save_description(document: Document, changed: Collection[str]) -> None:
    """Save the fields of `document` that a person has changed.

    Metadata found in the file never overwrites them. A new title becomes searchable; when the
    source replaces another one no longer, `version_changed` is sent for that one.
    """
    if not changed:
        return
    before = Document.objects.select_for_update(of=("self",)).get(pk=document.pk)
    document.by_hand = sorted({*before.by_hand, *changed})
    document.save(update_fields=[*changed, "by_hand"])
    if "access" in changed:
        record("source.set_access", document, old=before.access, new=document.access)
    if others := sorted(set(changed) - {"access"}):
        record("source.edit", document, fields=others)
    if "title" in changed:
        refresh_search_fields(document)
    if "supersedes" in changed and before.supersedes_id:
        version_changed.send(Document, document_id=before.supersedes_id)


def refresh_search_fields(document: Document) -> None:
    """Update the full-text index of a source's passages after a change of its title."""
    spelling.learn_words([document.title])
    if document.chunks.count() <= MAX_REFRESHED_IN_REQUEST:
        refresh_lexemes(document.pk)
    else:
        start_job(DOCUMENT_WORDS, document.pk)
