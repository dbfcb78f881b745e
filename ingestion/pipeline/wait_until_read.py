"""Wait until the queue has read documents; for commands."""

import time
from collections.abc import Callable, Iterable

from ingestion.models import Document
from wikico2.errors import UserError
from wikico2.jobs.queue import is_paused, workers_alive

NO_WORKER_SECONDS = 10.0


def wait_until_read(
    documents: Iterable[Document],
    on_progress: Callable[[Document], None] = lambda document: None,
    on_pause: Callable[[], None] = lambda: None,
    *,
    poll: float = 0.3,
) -> list[Document]:
    """Return the documents, reloaded, once none of them is in progress any more.

    `on_progress` is called with a document whenever its state or progress has changed, `on_pause`
    each time all work has been paused; a person has to resume it. Raises UserError("no_worker")
    when no worker has been alive for `NO_WORKER_SECONDS`. Removed documents are left out. `poll` is
    in seconds.
    """
    wanted = [document.pk for document in documents]
    seen: dict[int, tuple[str, int, int]] = {}
    alive_at = time.monotonic()
    was_paused = False
    while True:
        rows = Document.objects.in_bulk(wanted)
        for document in rows.values():
            now = (document.state, document.done, document.total)
            if seen.get(document.pk) != now:
                seen[document.pk] = now
                on_progress(document)
        if not any(document.is_working for document in rows.values()):
            return [rows[pk] for pk in wanted if pk in rows]
        paused = is_paused()
        if paused and not was_paused:
            on_pause()
        was_paused = paused
        if workers_alive():
            alive_at = time.monotonic()
        elif time.monotonic() - alive_at > NO_WORKER_SECONDS:
            raise UserError("no_worker")
        time.sleep(poll)
