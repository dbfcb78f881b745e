"""Queue the tasks of sheets in the caller's transaction."""

from wikico2.jobs.queue import enqueue

WRITE = "sheets.tasks.write_sheet"

INDEX = "sheets.tasks.index_sheet"

RECHECK = "sheets.tasks.recheck_citations"

REANCHOR = "sheets.tasks.reanchor_citations"

LOOK_FOR_PASSAGES = "sheets.tasks.look_for_passages"

DIGEST = "sheets.tasks.send_digest"


def queue_generation(generation_id: int) -> None:
    """Queue a generation."""
    enqueue(WRITE, generation_id)


def queue_passage_lookup(sheet_id: int) -> None:
    """Queue the lookup of new passages for a stale sheet."""
    enqueue(LOOK_FOR_PASSAGES, sheet_id)


def queue_indexing(sheet_id: int) -> None:
    """Queue the slow part of indexing a sheet: vectors, related sheets, spelling."""
    enqueue(INDEX, sheet_id)
