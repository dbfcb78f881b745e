"""Stop a process's children when that process is gone, even killed by SIGKILL.

The parent has a `Watchdog`, which runs this file as a script: a small process in a session of its
own, so that neither Ctrl-C nor the death of its parent ends it. It needs only the standard library.
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

# Seconds that a stage may take to end after the soft signal, after the hard one, and after SIGKILL.
# There are two stages, which must take less than 10 s together.
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
    """Stops the watched process groups if its parent process dies before `close`."""

    def __init__(self) -> None:
        read_end, write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(read_end)
        self._pipe = os.fdopen(write_end, "wb", buffering=0)

    def watch(self, child: Watched) -> None:
        """Stop this process group if we die."""
        self._send(f"watch {child.pid} {int(child.soft)} {int(child.hard)} {child.stage}\n")

    def forget(self, pid: int) -> None:
        """Stop watching this group: it has ended, and its number may be reused."""
        self._send(f"forget {pid}\n")

    def close(self) -> None:
        """Stop the groups still watched, and end the watchdog process."""
        self._pipe.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the watchdog process was killed: go on without it
            self._pipe.write(line.encode())


def stop_groups(
    children: Iterable[Watched],
    *,
    grace: float = GRACE,
    reap: Callable[[], None] = lambda: None,
) -> None:
    """Stop process groups, stage by stage.

    The group's leader gets the soft signal; processes left after `grace` seconds get the hard one,
    and finally SIGKILL. `reap` is called while waiting, so that a parent can reap its children.
    """
    waiting = list(children)
    for stage in sorted({child.stage for child in waiting}):
        members = [child for child in waiting if child.stage == stage]
        for child in members:
            _ask_to_stop(child)
        members = _wait_for_end(members, grace, reap)
        for child in members:
            _signal_group(child.pid, child.hard)
        members = _wait_for_end(members, HARD_GRACE, reap)
        for child in members:
            _signal_group(child.pid, signal.SIGKILL)
        _wait_for_end(members, LAST_GRACE, reap)


def group_is_alive(pid: int) -> bool:
    """Tell whether any process of the group runs; on Linux zombies do not count."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not sys.platform.startswith("linux"):
        return True
    return any(group == pid for group in _live_process_groups())


def _live_process_groups() -> Iterator[int]:
    """Yield the process group of every process that is not a zombie."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The fields after the name in brackets: state, parent, group, …
            status, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if status not in "ZX":
                yield int(group)


def _ask_to_stop(child: Watched) -> None:
    try:
        os.kill(child.pid, child.soft)
    except ProcessLookupError:  # the leader is dead: signal the rest of its group
        _signal_group(child.pid, signal.SIGTERM)
    except PermissionError:
        pass


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _wait_for_end(
    members: list[Watched], seconds: float, reap: Callable[[], None]
) -> list[Watched]:
    """Wait up to `seconds` for the groups to end; return those that have not."""
    end = time.monotonic() + seconds
    while True:
        reap()
        members = [child for child in members if group_is_alive(child.pid)]
        if not members or time.monotonic() >= end:
            return members
        time.sleep(0.05)


class _WatchState:
    """Parses the parent's commands and keeps the groups to watch."""

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


def _run() -> None:
    """Read commands from standard input until it ends or the parent dies; then stop the groups."""
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    state = _WatchState()
    orphaned = False
    while True:
        # A fork of the parent may keep the pipe open after the parent died: check the parent too.
        ready, _, _ = select.select([0], [], [], 0.0 if orphaned else 0.5)
        data = os.read(0, 65536) if ready else b""
        state.read(data)
        if (ready and not data) or (orphaned and not ready):
            break
        orphaned = os.getppid() != parent
    stop_groups(state.watched.values())


if __name__ == "__main__":
    _run()
