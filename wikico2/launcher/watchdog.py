"""Stop a process's children when that process is gone, even killed with -9.

`Watchdog` is held by the parent. The same file, run as a script, is the small process that keeps
watch: it lives in a session of its own, so that neither Ctrl-C nor the death of its parent ends
it, and it needs nothing but the standard library.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Seconds that a stage has to end by itself, after the hard signal, and after SIGKILL. There are two
# stages, and both together must take less than 10 s.
GRACE = 3.5
HARD_GRACE = 0.8
LAST_GRACE = 0.3


@dataclass(frozen=True)
class Watched:
    """The leader of a process group and how it is stopped; lower stages are stopped first."""

    pid: int
    soft: int = signal.SIGTERM
    hard: int = signal.SIGKILL
    stage: int = 0


class Watchdog:
    """Stops the watched process groups if the process that made it dies before `close`."""

    def __init__(self) -> None:
        its_end, our_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=its_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(its_end)
        self._pipe = os.fdopen(our_end, "wb", buffering=0)

    def watch(self, child: Watched) -> None:
        """Stop this group should we die."""
        self._tell(f"watch {child.pid} {int(child.soft)} {int(child.hard)} {child.stage}\n")

    def forget(self, pid: int) -> None:
        """Leave this group alone: it has ended, and its number may be given to another."""
        self._tell(f"forget {pid}\n")

    def close(self) -> None:
        """Stop what is still watched, and end."""
        self._pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a guard that was killed cannot stop us working
            self._pipe.write(line.encode())


def stop_groups(
    children: Iterable[Watched],
    *,
    grace: float = GRACE,
    reap: Callable[[], None] = lambda: None,
) -> None:
    """Stop process groups, stage by stage.

    A child's leader gets its soft signal; what is left of its group after `grace` gets the hard
    one, and SIGKILL in the end. `reap` is called while waiting, for a parent to collect its dead.
    """
    waiting = list(children)
    for stage in sorted({child.stage for child in waiting}):
        members = [child for child in waiting if child.stage == stage]
        for child in members:
            _ask_to_stop(child)
        members = _outlast(members, grace, reap)
        for child in members:
            _signal_group(child.pid, child.hard)
        members = _outlast(members, HARD_GRACE, reap)
        for child in members:
            _signal_group(child.pid, signal.SIGKILL)
        _outlast(members, LAST_GRACE, reap)


def group_is_alive(pid: int) -> bool:
    """Tell whether any process of the group runs; on Linux the dead not yet reaped do not count."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not sys.platform.startswith("linux"):
        return True
    return any(group == pid for group in _groups_of_the_living())


def _groups_of_the_living() -> Iterator[int]:
    """Yield the process group of every process that is not a zombie."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # What follows the name, itself in brackets: state, parent, group, …
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if state not in "ZX":
                yield int(group)


def _ask_to_stop(child: Watched) -> None:
    try:
        os.kill(child.pid, child.soft)
    except ProcessLookupError:  # its leader is dead already: tell those it left
        _signal_group(child.pid, signal.SIGTERM)
    except PermissionError:
        pass


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _outlast(members: list[Watched], seconds: float, reap: Callable[[], None]) -> list[Watched]:
    """Wait up to `seconds` for the groups to end; return those that have not."""
    end = time.monotonic() + seconds
    while True:
        reap()
        members = [child for child in members if group_is_alive(child.pid)]
        if not members or time.monotonic() >= end:
            return members
        time.sleep(0.05)


class _WatchState:
    """What the parent has told so far."""

    def __init__(self) -> None:
        self.watched: dict[int, Watched] = {}
        self._rest = b""

    def read(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            verb, *numbers = line.split()
            values = [int(number) for number in numbers]
            if verb == b"watch":
                self.watched[values[0]] = Watched(*values)
            else:
                self.watched.pop(values[0], None)


def _keep_watch() -> None:
    """Follow standard input until it ends or the parent is gone; then stop what is watched."""
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ledger = _WatchState()
    orphaned = False
    while True:
        # A fork of the parent may hold the pipe open after its death, so the parent is asked too.
        ready, _, _ = select.select([0], [], [], 0.0 if orphaned else 0.5)
        data = os.read(0, 65536) if ready else b""
        ledger.read(data)
        if (ready and not data) or (orphaned and not ready):
            break
        orphaned = os.getppid() != parent
    stop_groups(ledger.watched.values())


if __name__ == "__main__":
    _keep_watch()
