"""Measure what a piece of work costs the processor, and not what the tests around it cost."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def processor_time(work: Callable[[], object], *, tries: int = 1) -> float:
    """Return the processor time, in seconds, of the cheapest of `tries` runs of `work`.

    The garbage collector rests meanwhile: when it starts depends on what the tests before left,
    and a full collection looks at every object of their process, which takes up to half a second.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        return min(_run(work) for _ in range(tries))
    finally:
        if collected:
            gc.enable()


def _run(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
