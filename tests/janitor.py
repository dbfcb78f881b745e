"""Clean up after a test run, even a killed one: stop its processes, delete its temporary files.

The main process of a run has a `Janitor`, which creates the run's folder. TMPDIR of all processes
of the run is in that folder, so they can be found by it. The same file, run as a script, is a small
process that waits for the end of the run, stops the processes left of it and deletes the folder. It
first does so for earlier runs whose janitor was killed too.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PREFIX = "wikico2-tests-"
LOCK = "lock"
ELSEWHERE = Path("/var/lib/wikico2")  # `SHARED_HOME` of `wikico2.launcher.services.postgres`
# Seconds; more than a watchdog (`wikico2.launcher.watchdog`) takes to stop its groups and end.
GRACE = 12.0
LAST_GRACE = 3.0


class Janitor:
    """The folder of a run, and the process that cleans up after the run."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        new = Path(tempfile.mkdtemp(prefix="wikico2-new-", dir=parent))
        new.chmod(0o755)  # PostgreSQL may run as another user
        (new / "tmp").mkdir()
        # Locked by us and by the janitor process; an unlocked folder may be deleted.
        lock = os.open(new / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.folder = new.rename(parent / new.name.replace("wikico2-new-", PREFIX))
        read_end, write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self.folder)],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[lock],
            start_new_session=True,
        )
        os.close(read_end)
        self._lock = lock
        self._pipe = os.fdopen(write_end, "wb", buffering=0)

    def close(self) -> None:
        """End the run; return when its processes have ended and its folder is deleted."""
        self._pipe.close()
        self._process.wait()
        os.close(self._lock)


def sweep_stale(parent: Path) -> None:
    """Clean up after runs whose janitor was killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(folder)


def sweep(folder: Path) -> None:
    """Stop the processes of a run and delete its folder."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, LAST_GRACE)):
        for pid in processes_of(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        _wait(lambda: not processes_of(folder), seconds)
    for pointer in folder.rglob("postgres/location"):  # of a database with its data elsewhere
        with contextlib.suppress(OSError):
            elsewhere = Path(pointer.read_text().strip())
            if elsewhere.parent == ELSEWHERE:
                shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder: Path) -> set[int]:
    """Return the pids of processes whose TMPDIR or working directory is in the folder."""
    found = set()
    variable = os.fsencode(f"TMPDIR={folder}/")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            entries = (process / "environ").read_bytes().split(b"\0")
            if any(entry.startswith(variable) for entry in entries) or _works_in(process, folder):
                found.add(int(process.name))
    return found - {os.getpid()}


def _works_in(process: Path, folder: Path) -> bool:
    """Tell whether the working directory is in the folder; PostgreSQL's has no TMPDIR set."""
    return (process / "cwd").readlink().is_relative_to(folder)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def _run(folder: Path) -> None:
    """Clean up after earlier runs, wait for the end of this one, and clean up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sweep_stale(folder.parent)
    while os.read(0, 65536):  # until no process holds the other end
        pass
    sweep(folder)


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
