"""Queue the tasks of the sheets: called by any module, in the caller's transaction."""

from wikico2.jobs.queue import enqueue

WRITE = "sheets.tasks.write_sheet"

INDEX = "sheets.tasks.index_sheet"

RECHECK = "sheets.tasks.recheck_citations"

LOOK_FOR_PASSAGES = "sheets.tasks.look_for_passages"

DIGEST = "sheets.tasks.send_digest"


def queue_generation(generation_id: int) -> None:
    """Queue a run, in the caller's transaction."""
    enqueue(WRITE, generation_id)


def queue_passage_lookup(sheet_id: int) -> None:
    """Queue the look for new passages, in the caller's transaction."""
    enqueue(LOOK_FOR_PASSAGES, sheet_id)


def queue_indexing(sheet_id: int) -> None:
    """Queue what indexing takes long, in the caller's transaction."""
    enqueue(INDEX, sheet_id)
