"""Tasks of sheets: each takes an id, tolerates a deleted row, and calls one function."""

from sheets.file_jobs import RUN_FILE_JOB, clear_file_jobs, run_file_job_slice
from sheets.generation.run import run_generation_slice
from sheets.links.related import update_related
from sheets.models import Citation, Revision, Sheet
from sheets.notifications import digest
from sheets.queueing import DIGEST, INDEX, WRITE
from sheets.rendering.page_cache import clear_cached_pages
from sheets.revisions.reanchor import reanchor_source
from sheets.revisions.save import recheck_revision
from sheets.search.indexing import (
    ensure_indexed_words,
    index_vectors,
    learn_sheet_words,
    remove_sheet_vectors,
)
from sheets.sources.passage_refs import resolve_passage_refs
from sheets.staleness import new_passages
from wikico2.errors import UserError
from wikico2.jobs.queue import enqueue, enqueue_later, register_resumable

DAILY = {"sheets.tasks.send_digests": "send digests", "sheets.tasks.clear_pages": "clear pages"}
INDEX_TRIES = 10
INDEX_PAUSE = 60.0
register_resumable("sheets.Generation", WRITE)
register_resumable("sheets.FileJob", RUN_FILE_JOB)


def write_sheet(generation_id: int) -> None:
    """Write a sheet, or the next slice of it."""
    run_generation_slice(generation_id)


def look_for_passages(sheet_id: int) -> None:
    """Look up new passages for the stale sections of a sheet."""
    new_passages.record_new_passages(sheet_id)


def recheck_citations(document_id: int) -> None:
    """Recheck the broken citations of a source, whose pages may have been missing."""
    cited = Citation.objects.filter(document=document_id, verdict=Citation.Verdict.BROKEN)
    for pk in cited.values_list("revision", flat=True).distinct().order_by("revision"):
        recheck_revision(Revision.objects.get(pk=pk))


def reanchor_citations(document_id: int) -> None:
    """Anchor the citations of a source anew that was read again, and log those that are lost."""
    reanchor_source(document_id)


def resolve_source_refs(document_id: int) -> None:
    """Resolve references of imported rows to the passages of a source."""
    resolve_passage_refs(document_id)


def index_sheet(sheet_id: int, attempt: int = 1) -> None:
    """Index a sheet's vectors, related sheets and words; remove the vectors of a deleted one.

    Retried up to `INDEX_TRIES` times, `INDEX_PAUSE` seconds apart.
    """
    sheet = Sheet.objects.filter(pk=sheet_id).first()
    try:
        if sheet is None:
            remove_sheet_vectors(sheet_id)
            return
        ensure_indexed_words(sheet)
        update_related(sheet)
        learn_sheet_words(sheet)
        index_vectors(sheet)
    except UserError:
        if attempt >= INDEX_TRIES:
            raise
        enqueue_later(INDEX, sheet_id, attempt + 1, seconds=INDEX_PAUSE)


def send_digests() -> None:
    """Queue a digest for each user who is due one."""
    for pk in digest.due_user_ids():
        enqueue(DIGEST, pk)


def send_digest(user_id: int) -> None:
    """Send one user's digest."""
    digest.email_digest(user_id)


def clear_pages() -> None:
    """Delete the oldest cached pages, and file jobs that ended long ago."""
    clear_cached_pages()
    clear_file_jobs()


def run_file_job(file_job_id: int) -> None:
    """Run a file job for one time slice."""
    run_file_job_slice(file_job_id)


# Aliases for tasks queued by version 0.1. To be removed in version 0.3.
find_awaited = resolve_source_refs
run_errand = run_file_job
