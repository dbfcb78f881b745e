"""Run several requests to a service at the same time, in threads of their own."""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

from wikico2.errors import UserError, as_user_error
from wikico2.llm.client import RetryPolicy
from wikico2.llm.rate_limit import keep_connection

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def run_concurrently(
    jobs: Iterator[tuple[Key, Callable[[RetryPolicy], Answer]]],
    *,
    at_once: int,
    patience: RetryPolicy,
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Key, Answer | UserError]]:
    """Run jobs in `at_once` threads and yield (key, answer or UserError) as each ends.

    With several threads one more job is queued, so that no thread is idle while the caller handles
    an answer. `jobs` is iterated in the caller's thread, where the callbacks of `patience` are
    called too: `on_wait` about once a second, `on_pause` while no answer comes because threads wait
    for the service. `enough` is called after each answer; once it returns True no further job
    starts, and the running ones are waited for. When the caller leaves the loop, waiting jobs end
    within a second; a request being sent runs to its end.
    """
    stop = threading.Event()
    pauses: list[tuple[UserError, float]] = []

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise UserError("stopped")

    def record_pause(reason: UserError, seconds: float) -> None:
        pauses.append((reason, time.monotonic() + seconds))

    job_policy = replace(patience, on_wait=raise_if_stopped, on_pause=record_pause)
    running: dict[Future[Answer], Key] = {}
    waiting: SimpleQueue[tuple[Future[Answer], Callable[[], Answer]] | None] = SimpleQueue()
    for number in range(at_once):
        threading.Thread(target=_work, args=(waiting,), name=f"service_{number}").start()
    may_start, limit = True, at_once + (at_once > 1)
    try:
        while True:
            while may_start and len(running) < limit:
                job = next(jobs, None)
                if job is None:
                    may_start = False
                else:
                    future: Future[Answer] = Future()
                    running[future] = job[0]
                    waiting.put((future, functools.partial(job[1], job_policy)))
            if not running:
                return
            done, _waiting = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            patience.on_wait()
            if not done:
                _report_pause(pauses, patience)
            for answered in done:
                answer: Answer | UserError = outcome_of(answered)
                yield running.pop(answered), answer
            may_start = may_start and not enough()
    finally:
        stop.set()
        for future in running:
            future.cancel()
        for _ in range(at_once):
            waiting.put(None)


def _work(waiting: "SimpleQueue[tuple[Future[Answer], Callable[[], Answer]] | None]") -> None:
    """Run jobs one after the other, with one database connection for all of them."""
    with keep_connection():
        while (job := waiting.get()) is not None:
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 (raised again by `future.result`)
                future.set_exception(error)


def outcome_of(future: "Future[Answer]") -> Answer | UserError:
    """Return the answer of a job, or its failure as a UserError."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 (logged there, if it is unexpected)
        return as_user_error(error)


def _report_pause(pauses: list[tuple[UserError, float]], patience: RetryPolicy) -> None:
    """Report the wait that ends last, and drop those that are over."""
    now = time.monotonic()
    pauses[:] = [pause for pause in pauses if pause[1] > now]
    if pauses:
        reason, end = max(pauses, key=lambda pause: pause[1])
        patience.on_pause(reason, end - now)
