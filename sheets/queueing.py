"""Queue the jobs of sheets in the caller's transaction."""

from typing import Any

from wikico2.jobs.queue import start_job

GENERATION = "generation"
SHEET_INDEX = "sheet_index"
CITATION_RECHECK = "citation_recheck"
CITATION_REANCHOR = "citation_reanchor"
SOURCE_REFS = "source_refs"
PASSAGE_LOOKUP = "passage_lookup"
DIGESTS = "digests"
DIGEST = "digest"
CLEANUP = "cleanup"
JUDGEMENT = "judgement"
SHEET_RECHECK = "sheet_recheck"
BULK_ACTION = "bulk_action"


def queue_passage_lookup(sheet_id: int) -> None:
    """Queue the lookup of new passages for a stale sheet."""
    start_job(PASSAGE_LOOKUP, sheet_id)


def queue_indexing(sheet_id: int, owner: Any = None) -> None:
    """Queue the slow part of indexing a sheet, which `owner` changed."""
    start_job(SHEET_INDEX, sheet_id, owner=owner)


def queue_judging(sheet_id: int, owner: Any = None) -> None:
    """Queue the reading of a sheet's statements by the judging model."""
    start_job(JUDGEMENT, sheet_id, owner=owner)
