"""Several requests to a service at the same time, from threads that do nothing else."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

from wikico2.errors import UserError
from wikico2.llm.client import RetryPolicy
from wikico2.llm.rate_limit import keep_connection

logger = logging.getLogger(__name__)

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def run_concurrently(
    jobs: Iterator[tuple[Key, Callable[[RetryPolicy], Answer]]],
    *,
    at_once: int,
    patience: RetryPolicy,
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Key, Answer | UserError]]:
    """Run jobs in threads, `at_once` of them, and yield what each brought, as it comes.

    Where they are several, one more job is drawn, so that no thread is idle while the caller is
    busy with what came. Jobs are drawn in the caller's thread, as are all the calls of `patience`:
    its `on_wait` about once a second, and its `on_pause` while nothing comes because threads wait
    for the service. Once `enough` says so no further job is begun, though never none at all; those
    under way are waited for. Whoever leaves the loop ends them within a second, but for answers
    that are on their way.
    """
    stop = threading.Event()
    pauses: list[tuple[UserError, float]] = []

    def go_on() -> None:
        if stop.is_set():
            raise UserError("stopped")

    def note(reason: UserError, seconds: float) -> None:
        pauses.append((reason, time.monotonic() + seconds))

    theirs = replace(patience, on_wait=go_on, on_pause=note)
    doing: dict[Future[Answer], Key] = {}
    waiting: SimpleQueue[tuple[Future[Answer], Callable[[], Answer]] | None] = SimpleQueue()
    for number in range(at_once):
        threading.Thread(target=_work, args=(waiting,), name=f"service_{number}").start()
    begins, ready = True, at_once + (at_once > 1)
    try:
        while True:
            while begins and len(doing) < ready:
                job = next(jobs, None)
                if job is None:
                    begins = False
                else:
                    future: Future[Answer] = Future()
                    doing[future] = job[0]
                    waiting.put((future, functools.partial(job[1], theirs)))
            if not doing:
                return
            done, _waiting = wait(doing, timeout=1, return_when=FIRST_COMPLETED)
            patience.on_wait()
            if not done:
                _tell(pauses, patience)
            for answered in done:
                answer: Answer | UserError = _outcome(answered)
                yield doing.pop(answered), answer
            begins = begins and not enough()
    finally:
        stop.set()
        for future in doing:
            future.cancel()
        for _ in range(at_once):
            waiting.put(None)


def _work(waiting: "SimpleQueue[tuple[Future[Answer], Callable[[], Answer]] | None]") -> None:
    """Do jobs one after the other, with one connection to the database for all of them."""
    with keep_connection():
        while (job := waiting.get()) is not None:
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 (whoever reads the future is told)
                future.set_exception(error)


def _outcome(future: "Future[Answer]") -> Answer | UserError:
    """Return what a thread brought, whatever it was."""
    try:
        return future.result()
    except UserError as error:
        return error
    except Exception as error:
        logger.exception("A request to a service:")
        return UserError("internal", reason=type(error).__name__)


def _tell(pauses: list[tuple[UserError, float]], patience: RetryPolicy) -> None:
    """Tell of the wait that ends last; waits that are over are forgotten."""
    now = time.monotonic()
    pauses[:] = [pause for pause in pauses if pause[1] > now]
    if pauses:
        reason, end = max(pauses, key=lambda pause: pause[1])
        patience.on_pause(reason, end - now)
