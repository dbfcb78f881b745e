"""Supervise child processes: prefixed log lines, restarts with back-off, an ordered stop."""

import contextlib
import fcntl
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO, Any, Self, TextIO, cast

from wikico2.launcher.watchdog import Watchdog, Watched, stop_groups

# Environment variable of every child: the folder of its run, so that the next run finds orphans.
# PostgreSQL does not have it: it is found by its data folder, and needs other stop signals.
RUN_VARIABLE = "WIKICO2_RUN"
LOG_BYTES = 5_000_000
LOG_FILES = 3
LONGEST_LINE = 65536
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY_AFTER = 60.0


class OperatorError(Exception):
    """A problem that the operator must solve; the message is shown to them."""


class StopRequestedError(Exception):
    """A signal asked us to stop during a wait."""


@dataclass(frozen=True)
class Account:
    """The unprivileged system user that a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """A command to run, and how to stop it."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = Path("/")
    account: Account | None = None
    soft: int = signal.SIGTERM
    hard: int = signal.SIGKILL
    stage: int = 0
    before: Callable[[], None] = field(default=lambda: None)

    def launch(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the program as leader of a new process group, with its output sent to `output`."""
        self.before()
        account = self.account
        return subprocess.Popen(
            list(self.argv),
            env=dict(self.environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def watched(self, pid: int) -> Watched:
        """Return how to stop the process `pid` that runs this program."""
        return Watched(pid, self.soft, self.hard, self.stage)


# --- What the operator sees -------------------------------------------------------------------

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PROBLEM = re.compile(
    r"\b(WARN(ING)?|ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback |^([\w.]+)?(Error|Exception)\b"
)
# PostgreSQL logs as ERROR each statement it rejects; the program handles those itself.
_DATABASE_PROBLEM = re.compile(r"\b(FATAL|PANIC):")
# PostgreSQL answers so to connections while it starts or stops: that is no problem.
_DATABASE_PAUSE = re.compile(
    r"\bFATAL: +(the database system is (starting up|shutting down|not yet accepting|in recovery)"
    r"|terminating connection due to administrator command)"
)
_COLOURS = {"web": 36, "worker": 32, "db": 34, "chroma": 35, "demo": 33}
_WIDTH = 8


def is_problem(name: str, text: str) -> bool:
    """Tell whether a line of the program `name` reports a problem."""
    if name == "db":
        return bool(_DATABASE_PROBLEM.search(text) and not _DATABASE_PAUSE.search(text))
    return bool(_PROBLEM.search(text))


class Console:
    """Shows important log lines to the operator, prefixed, and writes all of them to files.

    A line is shown when it reports a problem, when its program is in `chatty`, or when
    `verbose` is set. The files are `<folder>/<program>.log`, of limited size.
    """

    def __init__(
        self, folder: Path, *, verbose: bool = False, chatty: frozenset[str] = frozenset()
    ) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.quiet = False
        self._verbose = verbose
        self._chatty = chatty
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._logs: dict[str, logging.Logger] = {}
        self._in_problem: dict[str, bool] = {}
        self._shown: set[str] = set()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Show a message of our own."""
        with self._lock, contextlib.suppress(OSError, ValueError):  # the terminal may be closed
            print(text, flush=True)  # noqa: T201

    def line(self, name: str, text: str) -> None:
        """Log one line of output of the program `name`, and show it if it is important."""
        text = _ANSI.sub("", text).rstrip()
        if not text:
            return
        self._log(name).info(text)
        if self._wanted(name, text) and not self.quiet:
            self._shown.add(name)
            self.say(f"{self._prefix(name)} {text}")

    def follow(self, name: str, stream: IO[bytes]) -> threading.Thread:
        """Log all lines of a stream from a background thread, until the stream ends."""

        def read() -> None:
            with stream:
                while raw := stream.readline(LONGEST_LINE):
                    self.line(name, raw.decode("utf-8", "replace"))

        thread = threading.Thread(target=read, name=f"log of {name}", daemon=True)
        thread.start()
        return thread

    def evidence(self, name: str, lines: int = 15) -> str:
        """Return the path of the program's log and, if no line of it was shown, its last lines."""
        log = self.folder / f"{name}.log"
        shown = name in self._shown or not log.exists()
        last = [] if shown else log.read_text("utf-8", "replace").splitlines()[-lines:]
        return "\n".join([f"Log: {log}", *(f"{self._prefix(name)} {line}" for line in last)])

    def _wanted(self, name: str, text: str) -> bool:
        if self._verbose or name in self._chatty:
            return True
        if not text[0].isspace():  # an indented line belongs to the one above it
            self._in_problem[name] = is_problem(name, text)
        return self._in_problem.get(name, False)

    def _prefix(self, name: str) -> str:
        label = f"{name:<{_WIDTH}}|"
        return f"\x1b[{_COLOURS.get(name, 37)}m{label}\x1b[0m" if self._colour else label

    def _log(self, name: str) -> logging.Logger:
        with self._lock:
            if name not in self._logs:
                handler = RotatingFileHandler(
                    self.folder / f"{name}.log",
                    maxBytes=LOG_BYTES,
                    backupCount=LOG_FILES - 1,
                    encoding="utf-8",
                )
                handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
                logger = logging.Logger(name)
                logger.addHandler(handler)
                self._logs[name] = logger
            return self._logs[name]


# --- The children -----------------------------------------------------------------------------


class Child:
    """One program and the process that runs it at the moment."""

    def __init__(
        self, program: Program, console: Console, watchdog: Watchdog, *, once: bool
    ) -> None:
        self.program = program
        self.once = once
        self.failures = 0
        self.restart_at = 0.0
        self._console = console
        self._watchdog = watchdog
        self.start()

    def start(self) -> None:
        """Launch the program, follow its output and have the watchdog watch its group."""
        ours, its = os.pipe()
        with os.fdopen(its, "wb") as output:
            self.process = self.program.launch(output)
        self._watchdog.watch(self.watched)
        self._reader = self._console.follow(self.program.name, os.fdopen(ours, "rb"))
        self.started = time.monotonic()
        self.ended = False

    @property
    def watched(self) -> Watched:
        """How to stop the process that runs now."""
        return self.program.watched(self.process.pid)

    def note_end(self) -> None:
        """Stop what a dead process left of its group, and set the time of its next start."""
        stop_groups([self.watched], grace=0.2)
        self._watchdog.forget(self.process.pid)
        self._reader.join(timeout=1.0)
        self.ended = True
        if time.monotonic() - self.started > STEADY_AFTER:
            self.failures = 0
        delay = min(FIRST_DELAY * 2**self.failures, LONGEST_DELAY)
        self.failures += 1
        self.restart_at = time.monotonic() + delay


class Supervisor:
    """Keeps children alive until a signal comes, then stops them in order.

    Lower stages are stopped first. As a context manager it takes over SIGINT, SIGTERM and, unless
    it is ignored (`nohup`), SIGHUP.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._children: list[Child] = []
        self._signals = 0
        self._stopping = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._on_signal)
        self._watchdog = Watchdog()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self, program: Program, *, once: bool = False) -> Child:
        """Start a child and keep it alive; with `once`, only report how it ends."""
        self.check()
        child = Child(program, self.console, self._watchdog, once=once)
        self._children.append(child)
        return child

    def run(self, program: Program) -> int:
        """Run a program to its end and return its exit status."""
        child = self.start(program, once=True)
        while child.process.poll() is None:
            self.pause(0.02)
        child.note_end()
        self._children.remove(child)
        return child.process.returncode

    def wait_until(self, ready: Callable[[], bool], child: Child, *, seconds: float) -> None:
        """Wait until `ready`; raises OperatorError when the child ends first or time is up."""
        name = child.program.name
        end = time.monotonic() + seconds
        while not ready():
            if child.process.poll() is not None:
                child.note_end()
                raise OperatorError(f"{name} ended at once. {self.console.evidence(name)}")
            if time.monotonic() > end:
                late = f"{name} did not answer in {seconds:.0f} s."
                raise OperatorError(f"{late} {self.console.evidence(name)}")
            self.pause(0.05)

    def watch(self) -> None:
        """Restart children that die, until a signal asks to stop."""
        with contextlib.suppress(StopRequestedError):
            while True:
                self.tend()
                self.pause(0.2)

    def tend(self) -> None:
        """Check every child once: report those that ended, restart those that are due."""
        for child in list(self._children):
            if not child.ended and child.process.poll() is not None:
                self._report_end(child)
            if child.ended and time.monotonic() >= child.restart_at and not child.once:
                child.start()

    def pause(self, seconds: float) -> None:
        """Sleep; raises StopRequestedError as soon as a signal has asked to stop."""
        self.check()
        time.sleep(seconds)
        self.check()

    def check(self) -> None:
        """Raise StopRequestedError if a signal has asked to stop."""
        if self._signals and not self._stopping:
            raise StopRequestedError

    def stop(self) -> None:
        """Stop all children, the last stage last, and leave no process behind."""
        self._stopping = True
        self.console.quiet = True
        alive = [child for child in self._children if not child.ended]
        stop_groups([child.watched for child in alive], reap=self._reap)
        for child in alive:
            self._watchdog.forget(child.process.pid)
        self._watchdog.close()

    def _reap(self) -> None:
        for child in self._children:
            child.process.poll()
            if self._signals > 1 and not child.ended:  # second signal: stop at once
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, child.program.hard)

    def _report_end(self, child: Child) -> None:
        child.note_end()
        name, status = child.program.name, child.process.returncode
        if not child.once:
            wait = child.restart_at - time.monotonic()
            self.console.say(
                f"{name} ended ({_describe_status(status)}); starting it again in {wait:.1f} s. "
                f"Log: {self.console.folder / name}.log"
            )
            return
        self._children.remove(child)
        if status:
            evidence = self.console.evidence(name)
            self.console.say(f"{name} failed ({_describe_status(status)}). {evidence}")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1


def _describe_status(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name


def open_private(path: Path, mode: str) -> TextIO:
    """Open a text file; a new one is readable by its owner only."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    return cast(TextIO, open(path, mode, encoding="utf-8", opener=opener))


# --- One run at a time, and orphans of a killed run -----------------------------------------------


@contextlib.contextmanager
def only_run(lock: Path, description: str) -> Iterator[None]:
    """Hold `lock` while the block runs; raises OperatorError, naming its holder, when it is held.

    The kernel releases the lock when we die, even by SIGKILL.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open_private(lock, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise OperatorError(f"WikiCO2 is already running here: {holder}.") from None
        file.truncate(0)
        file.write(description)
        file.flush()
        yield
        file.truncate(0)


def stray_groups(run: Path) -> set[int]:
    """Return the process groups that an earlier run over the same folder left (Linux only)."""
    variable = os.fsencode(f"{RUN_VARIABLE}={run}")
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable in (folder / "environ").read_bytes().split(b"\0"):
                found.add(os.getpgid(int(folder.name)))
    return found - {os.getpgrp()}


def stop_strays(run: Path) -> None:
    """Stop processes of an earlier run, such as one killed together with its watchdog."""
    stop_groups([Watched(group) for group in stray_groups(run)])
