"""Wait for a sheet to be written, for a person at a terminal."""

import time
from collections.abc import Callable

from ingestion.pipeline.wait import NO_WORKER_SECONDS
from sheets.models import Generation, SectionRun, Sheet
from wikico2.errors import UserError
from wikico2.jobs.queue import workers_alive


def wait_until_written(
    sheet: Sheet, on_progress: Callable[[int, int], None], *, poll: float = 0.3
) -> None:
    """Return when the sheet's latest run is done; `on_progress` gets (sections done, sections).

    Raises UserError when the run failed or was stopped, and UserError("no_worker") when nobody is
    there to do it.
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
