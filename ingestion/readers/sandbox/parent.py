"""Run one reading in a child process that can neither harm nor outlive its limits.

The child sees no secret of ours: neither our environment nor the file's name. It leads a process
group of its own, which is killed however the reading ends.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from ingestion.readers import ERROR_CODES, Limits, ReadError
from ingestion.readers.sandbox.memory import peak_mb

ROOT = Path(__file__).resolve().parents[3]
ENDING_SECONDS = 2.0
"""How long a child that has closed its output may take to end."""

SECONDS_BETWEEN_LOOKS = 0.01
"""How often a child's memory is looked at: after its end only what is beyond our own is told."""

BYTES_PER_CHARACTER = 8
BYTES_BESIDES = 64 * 1024 * 1024
_READ_SIZE = 1 << 16
_STDERR_KEPT = 4_096

Answer = dict[str, Any]


def run_reader(
    verb: str, path: Path, limits: Limits, **options: object
) -> Generator[Answer, None, None]:
    """Yield the child's answers one by one, as they come; `ReadError` when it fails.

    Closing the iterator kills the child. `OSError` when the file cannot be opened.
    """
    with path.open("rb") as file:
        child = _Child(_start(verb, file, limits, options), limits)
    try:
        for line in child.lines():
            answer = _parse_answer(line)
            if answer["kind"] == "error":
                raise _error_from_answer(answer)
            if answer["kind"] == "end":
                return
            yield answer
        raise child.failure()
    finally:
        child.kill()


def _start(
    verb: str, file: IO[bytes], limits: Limits, options: dict[str, object]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(verb, json.dumps({"limits": asdict(limits), **options})),
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=_child_environment(),
        start_new_session=True,
    )


def _command(verb: str, options: str) -> list[str]:
    return [sys.executable, "-P", "-m", "ingestion.readers.sandbox.child", verb, options]


def _child_environment() -> dict[str, str]:
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["PYTHONUTF8"] = "1"
    return environment


class _Child:
    """A running child: its output in lines, and how it ended."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.patience = limits.wall_seconds
        self.room = limits.characters * BYTES_PER_CHARACTER + BYTES_BESIDES
        self.stderr = b""
        self.peak_mb = 0.0
        self.look_again = 0.0
        self.cpu_seconds = 0.0

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the child's output; only the time spent waiting for it counts."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        pending: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            selector.register(self.process.stderr, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in self._wait(selector):
                    data = os.read(key.fd, _READ_SIZE)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self.process.stderr:
                        self.stderr = (self.stderr + data)[-_STDERR_KEPT:]
                    else:
                        yield from self._split(pending, data)

    def _wait(self, selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
        while self.patience > 0:
            begun = time.monotonic()
            ready = selector.select(min(self.patience, SECONDS_BETWEEN_LOOKS))
            self.patience -= time.monotonic() - begun
            self._look()
            if ready:
                return ready
        raise ReadError("too_slow", {"limit_seconds": self.limits.wall_seconds})

    def _look(self) -> None:
        """Note how much memory the child has used so far, a hundred times a second at most."""
        now = time.monotonic()
        if now >= self.look_again:
            self.look_again = now + SECONDS_BETWEEN_LOOKS
            self.peak_mb = max(self.peak_mb, peak_mb(self.process.pid))

    def _split(self, pending: list[bytes], data: bytes) -> Iterator[bytes]:
        self.room -= len(data)
        if self.room < 0:
            raise ReadError("too_much_text", {"limit": self.limits.characters})
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield b"".join([*pending, line])
            pending.clear()
        if rest:
            pending.append(rest)

    def failure(self) -> ReadError:
        """Return the error that the way in which the child ended amounts to."""
        status = self._status()
        name = signal.Signals(-status).name if status < 0 else str(status)
        details: dict[str, object] = {
            "ended": name,
            "peak_mb": round(self.peak_mb),
            "stderr": self.stderr.decode("utf-8", "replace"),
        }
        return ReadError(self._code(status), details)

    def _code(self, status: int) -> str:
        if status == -signal.SIGXCPU:
            return "too_slow"
        if status == -signal.SIGKILL:  # not by us: out of CPU time, or the system out of memory
            spent = self.cpu_seconds >= 0.9 * self.limits.cpu_seconds
            return "too_slow" if spent else "too_much_memory"
        starved = b"emory" in self.stderr or b"bad_alloc" in self.stderr
        if starved or self.limits.starve(self.peak_mb):
            return "too_much_memory"
        return "crashed"

    def _status(self) -> int:
        """Wait for the child and note what it used; its exit status, or minus its signal."""
        deadline = time.monotonic() + ENDING_SECONDS
        while self.process.returncode is None:
            try:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            except ChildProcessError:
                return 0
            if pid:
                told = usage.ru_maxrss / 1024
                if told > peak_mb():  # else it may be what we have used
                    self.peak_mb = max(self.peak_mb, told)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                self.process.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                return 0
            else:
                time.sleep(0.005)
        return self.process.returncode

    def kill(self) -> None:
        """End the child and whatever it started, and leave no zombie."""
        if self.process.returncode is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def _parse_answer(line: bytes) -> Answer:
    """Read one answer, without trusting that the child has kept to the protocol."""
    try:
        answer = json.loads(line)
        if isinstance(answer, dict) and isinstance(answer.get("kind"), str):
            return answer
    except (ValueError, RecursionError):
        pass
    raise ReadError("crashed", {"answer": line[:200].decode("utf-8", "replace")})


def _error_from_answer(answer: Answer) -> ReadError:
    code, details = answer.get("code"), answer.get("details")
    known = code if code in ERROR_CODES else "crashed"
    return ReadError(str(known), details if isinstance(details, dict) else {})
