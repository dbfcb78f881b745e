"""What the schedules run, and the tasks of versions 0.1 and 0.2 that their queue may still hold.

Each starts its job. Those of the former versions are to be removed in version 0.4.
"""

from sheets import queueing as kinds
from sheets.models import Sheet
from wikico2.jobs.queue import issue_tickets, start_job

DAILY = {
    "sheets.tasks.send_digests": "send digests",
    "sheets.tasks.clear_pages": "clear pages",
    "sheets.tasks.recheck_sheets": "check outdated sheets again",
}


def send_digests() -> None:
    """Queue a digest for each user who is due one."""
    start_job(kinds.DIGESTS)


def clear_pages() -> None:
    """Delete the oldest cached pages, and jobs that ended long ago."""
    start_job(kinds.CLEANUP)


def recheck_sheets() -> None:
    """Check again the current revisions that an older check has looked at."""
    start_job(kinds.SHEET_RECHECK)


# --- Tasks of former versions ---------------------------------------------------------------------


def write_sheet(generation_id: int) -> None:
    """Make a worker look for the generation's job, which is a row."""
    issue_tickets(1)


run_file_job = run_errand = write_sheet


def index_sheet(sheet_id: int, attempt: int = 1) -> None:
    """Index a sheet."""
    start_job(kinds.SHEET_INDEX, sheet_id)


def look_for_passages(sheet_id: int) -> None:
    """Look up new passages for the stale sections of a sheet."""
    if Sheet.objects.filter(pk=sheet_id).exists():
        start_job(kinds.PASSAGE_LOOKUP, sheet_id)


def recheck_citations(document_id: int) -> None:
    """Recheck the broken citations of a source."""
    start_job(kinds.CITATION_RECHECK, document_id)


def resolve_source_refs(document_id: int) -> None:
    """Resolve references of imported rows to the passages of a source."""
    start_job(kinds.SOURCE_REFS, document_id)


find_awaited = resolve_source_refs


def send_digest(user_id: int) -> None:
    """Send one user's digest."""
    start_job(kinds.DIGEST, user_id)
