"""Embedded services, PostgreSQL and Chroma, run as child processes."""

import random
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from wikico2.launcher.supervisor import OperatorError, Program, open_private
from wikico2.launcher.watchdog import Watchdog, stop_groups

# Below the ephemeral ports of outgoing connections, so that a restarted server finds its port free.
_PORTS = range(20000, 32000)

_START_SECONDS = 120.0


class Service(ABC):
    """A server that can be supervised (`program`, `is_ready`) or run alone (`with`, `stop`)."""

    _process: subprocess.Popen[bytes] | None = None
    _watchdog: Watchdog | None = None
    _program: Program

    @abstractmethod
    def program(self) -> Program:
        """Prepare the data folder, and return the program to supervise."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether the server answers."""

    def run_alone(self, log: Path) -> None:
        """Start the server without a supervisor; raises OperatorError with the end of its log."""
        self._program = self.program()
        self._watchdog = Watchdog()
        log.touch(mode=0o600)
        with log.open("ab") as output:
            self._process = self._program.launch(output)
        self._watchdog.watch(self._program.watched(self._process.pid))
        end = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                tail = log.read_text("utf-8", "replace").splitlines()[-15:]
                raise OperatorError("\n".join([f"{self._program.name} did not start.", *tail]))
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server that was started without a supervisor; if there is one."""
        process, self._process = self._process, None
        if process is not None:
            stop_groups([self._program.watched(process.pid)], reap=lambda: _reap(process))
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            if process is not None:
                watchdog.forget(process.pid)
            watchdog.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> str:
        """Start the server without a supervisor; return its address once it answers."""


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.poll()


def free_port() -> int:
    """Return a free port of the loopback interface."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port between 20000 and 32000")


def _addresses_file(var: Path) -> Path:
    return var / "run" / "services.env"


def publish_addresses(var: Path, addresses: dict[str, str]) -> None:
    """Write the services' addresses to a private file, for other commands to read."""
    file = _addresses_file(var)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open_private(fresh, "w") as out:
        out.writelines(f"{name}='{value}'\n" for name, value in addresses.items())
    fresh.replace(file)


def published_addresses(var: Path) -> dict[str, str]:
    """Return the addresses of the services that run over `var`; empty when none do."""
    try:
        values = dotenv_values(_addresses_file(var), interpolate=False)
    except OSError:
        return {}
    return {name: value for name, value in values.items() if value}


def withdraw_addresses(var: Path) -> None:
    """Remove the published addresses."""
    _addresses_file(var).unlink(missing_ok=True)
