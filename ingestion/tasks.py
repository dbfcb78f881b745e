"""What a schedule runs, and the tasks of versions 0.1 and 0.2 that their queue may still hold.

Each starts its job. Those of the former versions are to be removed in version 0.4.
"""

from ingestion import kinds
from ingestion.models import Document
from ingestion.pipeline.reread import outdated_documents
from wikico2.jobs.queue import issue_tickets, start_job

REREAD = "ingestion.tasks.reread_sources"


def reread_sources() -> None:
    """Read sources again that an older reader has read, if there are any."""
    if outdated_documents().exists():
        start_job(kinds.SOURCE_REREAD)


# --- Tasks of former versions ---------------------------------------------------------------------


def advance_document(document_id: int) -> None:
    """Make a worker look for the document's job, which is a row."""
    issue_tickets(1)


run_import = deliver = advance_build = advance_document


def refresh_document_lexemes(document_id: int) -> None:
    """Recompute the full-text index of a document's passages."""
    if Document.objects.filter(pk=document_id).exists():
        start_job(kinds.DOCUMENT_WORDS, document_id)


read_words = refresh_document_lexemes


def forget_document(document_id: int, file: str | None, sha256: str, attempt: int = 1) -> None:
    """Delete the file, page images and vectors of a removed document."""
    start_job(kinds.FORGET_DOCUMENT, document_id, params={"file": file, "sha256": sha256})


def drop_old_collections() -> None:
    """Drop the collections that search no longer uses."""
    start_job(kinds.INDEX_CLEANUP)


def mend_index() -> None:
    """Add the vectors that the index has lost."""
    start_job(kinds.INDEX_REPAIR)
