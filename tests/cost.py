"""Measure what a piece of work costs the processor, and not what the tests around it cost."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def processor_time(work: Callable[[], object], *, tries: int = 1) -> float:
    """Return the processor time, in seconds, of the cheapest of `tries` runs of `work`.

    A full garbage collection looks at every object of the tests' process, which takes up to
    half a second, and strikes whichever work is measured at that moment: what was there before
    is set aside, so that only what the work makes itself is collected.
    """
    gc.freeze()
    try:
        return min(_run(work) for _ in range(tries))
    finally:
        gc.unfreeze()


def _run(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
