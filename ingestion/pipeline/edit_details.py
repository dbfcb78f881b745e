"""Save the fields that people edit on a source, and update what depends on them."""

from collections.abc import Collection, Iterable

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

TAKEN_OVER = ("author", "publisher", "published", "origin", "licence")
"""What a source takes over from one that is merged with it, where it says nothing itself."""


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


@transaction.atomic
def merge_documents(kept: Document, others: Iterable[Document]) -> list[Document]:
    """Make other sources former versions of `kept`, which is the same document; return them.

    Their pages and passages stay, so that what cites them still leads there; the sheets that draw
    on them are told that there is a newer version. What `kept` does not say of itself is taken from
    them. One that is a newer version of `kept` already is left as it is.
    """
    Document.objects.select_for_update(of=("self",)).get(pk=kept.pk)
    merged: list[Document] = []
    blank = [name for name in TAKEN_OVER if not getattr(kept, name)]
    for other in others:
        oldest = _oldest_version(kept)
        if not oldest.may_replace(other):
            continue
        oldest.supersedes = other
        save_description(oldest, ["supersedes"])
        merged.append(other)
        for name in blank:
            setattr(kept, name, getattr(kept, name) or getattr(other, name))
    kept.refresh_from_db(fields=["supersedes"])
    save_description(kept, [name for name in blank if getattr(kept, name)])
    return merged


def _oldest_version(document: Document) -> Document:
    """Return the last source of the chain that begins with `document`: it replaces none."""
    while document.supersedes_id:
        document = Document.objects.get(pk=document.supersedes_id)
    return document


def refresh_search_fields(document: Document) -> None:
    """Update the full-text index of a source's passages after a change of its title."""
    spelling.learn_words([document.title])
    if document.chunks.count() <= MAX_REFRESHED_IN_REQUEST:
        refresh_lexemes(document.pk)
    else:
        start_job(DOCUMENT_WORDS, document.pk)
