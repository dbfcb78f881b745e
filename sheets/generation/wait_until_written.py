"""Wait in a management command until a sheet is written."""

import time
from collections.abc import Callable

from ingestion.pipeline.wait_until_read import NO_WORKER_SECONDS
from sheets.models import Generation, SectionRun, Sheet
from wikico2.errors import UserError
from wikico2.jobs.queue import workers_alive


def wait_until_written(
    sheet: Sheet, on_progress: Callable[[int, int], None], *, poll: float = 0.3
) -> None:
    """Block until the sheet's latest generation is done.

    `on_progress` gets (sections done, sections). `poll` is in seconds. Raises UserError when the
    generation failed or was cancelled, and UserError("no_worker") when no worker is alive.
    """
    seen = -1
    alive_at = time.monotonic()
    while True:
        generation = sheet.generations.order_by("-pk").first()
        if generation is None or generation.state == Generation.State.DONE:
            return
        if not generation.is_working:
            raise UserError(generation.error_code or "stopped", **generation.error_details)
        states = list(generation.sections.values_list("state", flat=True))
        done = states.count(SectionRun.State.DONE)
        if done != seen:
            seen = done
            on_progress(done, len(states))
        if workers_alive():
            alive_at = time.monotonic()
        elif time.monotonic() - alive_at > NO_WORKER_SECONDS:
            raise UserError("no_worker")
        time.sleep(poll)
