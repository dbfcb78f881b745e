"""Leave nothing of a test run behind, however it ends: no process, no temporary folder.

`Janitor` is held by the main process of a run. It makes the run's folder, in which all processes
of the run have their temporary files, as TMPDIR tells them; by that they are known again. The same
file, run as a script, is the small process that waits for the end of the run, stops what is left
of it and removes the folder. It begins with the folders of runs whose janitor was killed as well.
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
ELSEWHERE = Path("/var/lib/wikico2")  # `SHARED_HOME` of `wikico2.embedded.postgres`
# Longer than a guard takes (`wikico2.guard`), which ends with what it has to stop.
GRACE = 12.0
LAST_GRACE = 3.0


class Janitor:
    """The folder of a run, and the process that clears up behind it."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        new = Path(tempfile.mkdtemp(prefix="wikico2-new-", dir=parent))
        new.chmod(0o755)  # PostgreSQL may run as another user
        (new / "tmp").mkdir()
        # Held by us and by the janitor; whoever finds the folder unlocked may remove it.
        lock = os.open(new / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.folder = new.rename(parent / new.name.replace("wikico2-new-", PREFIX))
        its_end, our_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self.folder)],
            stdin=its_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[lock],
            start_new_session=True,
        )
        os.close(its_end)
        self._lock = lock
        self._pipe = os.fdopen(our_end, "wb", buffering=0)

    def close(self) -> None:
        """End the run: return when nothing is left of it."""
        self._pipe.close()
        self._process.wait()
        os.close(self._lock)


def sweep_stale(parent: Path) -> None:
    """Clear up behind runs that ended with nobody to do it."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(folder)


def sweep(folder: Path) -> None:
    """Stop the processes of a run and remove its folder."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, LAST_GRACE)):
        for pid in processes_of(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        _wait(lambda: not processes_of(folder), seconds)
    for pointer in folder.rglob("postgres/location"):  # of a database that is kept elsewhere
        with contextlib.suppress(OSError):
            elsewhere = Path(pointer.read_text().strip())
            if elsewhere.parent == ELSEWHERE:
                shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder: Path) -> set[int]:
    """Return the processes that live in the folder or keep their temporary files in it."""
    found = set()
    mark = os.fsencode(f"TMPDIR={folder}/")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            entries = (process / "environ").read_bytes().split(b"\0")
            if any(entry.startswith(mark) for entry in entries) or _lives_in(process, folder):
                found.add(int(process.name))
    return found - {os.getpid()}


def _lives_in(process: Path, folder: Path) -> bool:
    """Tell whether a process works in the folder, as a database does, whose environment is bare."""
    return (process / "cwd").readlink().is_relative_to(folder)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def _keep_watch(folder: Path) -> None:
    """Clear up behind earlier runs, wait for the end of this one, and clear up behind it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sweep_stale(folder.parent)
    while os.read(0, 65536):  # until no process holds the other end
        pass
    sweep(folder)


if __name__ == "__main__":
    _keep_watch(Path(sys.argv[1]))
