"""Run one read in a child process with limited resources and lifetime.

The child gets no secret: neither our environment nor the file's name. It leads its own process
group, which is killed however the read ends.
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
"""Seconds that a child may take to exit after it has closed its output."""

SECONDS_BETWEEN_MEMORY_CHECKS = 0.01
"""Interval at which a child's memory is measured: after its exit, only a peak above this process's
own is known."""

BYTES_PER_CHARACTER = 8
BYTES_BESIDES = 64 * 1024 * 1024
_READ_SIZE = 1 << 16
_STDERR_BYTES = 4_096

Answer = dict[str, Any]


def run_reader(
    verb: str, path: Path, limits: Limits, **options: object
) -> Generator[Answer, None, None]:
    """Yield the child's answers as they arrive; raise `ReadError` if it fails.

    Closing the iterator kills the child. Raises `OSError` if the file cannot be opened.
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
        env=child_environment(),
        start_new_session=True,
    )


def _command(verb: str, options: str) -> list[str]:
    return [sys.executable, "-P", "-m", "ingestion.readers.sandbox.child", verb, options]


def child_environment() -> dict[str, str]:
    """Return what a child gets of our environment: where programs and modules are."""
    inherited = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    environment = {name: os.environ[name] for name in inherited if name in os.environ}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["PYTHONUTF8"] = "1"
    return environment


class _Child:
    """A running child: the lines of its output, and its exit status."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.seconds_left = limits.wall_seconds
        self.bytes_left = limits.characters * BYTES_PER_CHARACTER + BYTES_BESIDES
        self.stderr = b""
        self.peak_mb = 0.0
        self.next_memory_check = 0.0
        self.cpu_seconds = 0.0

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the child's output.

        Only the time spent waiting for the child counts towards `wall_seconds`.
        """
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
                        self.stderr = (self.stderr + data)[-_STDERR_BYTES:]
                    else:
                        yield from self._split(pending, data)

    def _wait(self, selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
        while self.seconds_left > 0:
            started = time.monotonic()
            ready = selector.select(min(self.seconds_left, SECONDS_BETWEEN_MEMORY_CHECKS))
            self.seconds_left -= time.monotonic() - started
            self._measure_memory()
            if ready:
                return ready
        raise ReadError("too_slow", {"limit_seconds": self.limits.wall_seconds})

    def _measure_memory(self) -> None:
        """Update the child's peak memory, at most once per `SECONDS_BETWEEN_MEMORY_CHECKS`."""
        now = time.monotonic()
        if now >= self.next_memory_check:
            self.next_memory_check = now + SECONDS_BETWEEN_MEMORY_CHECKS
            self.peak_mb = max(self.peak_mb, peak_mb(self.process.pid))

    def _split(self, pending: list[bytes], data: bytes) -> Iterator[bytes]:
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise ReadError("too_much_text", {"limit": self.limits.characters})
        *complete, rest = data.split(b"\n")
        for line in complete:
            yield b"".join([*pending, line])
            pending.clear()
        if rest:
            pending.append(rest)

    def failure(self) -> ReadError:
        """Return the error that explains how the child ended."""
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
        if status == -signal.SIGKILL:  # not from us: CPU limit reached, or system out of memory
            spent = self.cpu_seconds >= 0.9 * self.limits.cpu_seconds
            return "too_slow" if spent else "too_much_memory"
        memory_error = b"emory" in self.stderr or b"bad_alloc" in self.stderr
        if memory_error or self.limits.is_out_of_memory(self.peak_mb):
            return "too_much_memory"
        return "crashed"

    def _status(self) -> int:
        """Wait for the child and record its resource use; return its exit status or -signal."""
        deadline = time.monotonic() + ENDING_SECONDS
        while self.process.returncode is None:
            try:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            except ChildProcessError:
                return 0
            if pid:
                reported = usage.ru_maxrss / 1024
                if reported > peak_mb():  # otherwise it may be our own memory
                    self.peak_mb = max(self.peak_mb, reported)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                self.process.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                return 0
            else:
                time.sleep(0.005)
        return self.process.returncode

    def kill(self) -> None:
        """Kill the child and all processes it started, and reap it."""
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
    """Parse one answer; raise `ReadError` if the untrusted child has broken the protocol."""
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
