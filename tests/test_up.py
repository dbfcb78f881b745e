"""`manage.py up` with real processes: start, serve, survive, refuse, and leave nothing behind."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from wikico2.launcher.services import free_port, published_addresses
from wikico2.launcher.services.postgres import SHARED_HOME, PostgresServer, running_servers
from wikico2.launcher.supervisor import (
    RUN_VARIABLE,
    Console,
    OperatorError,
    Program,
    Supervisor,
    stop_strays,
    stray_groups,
)
from wikico2.launcher.watchdog import Watched, group_is_alive, stop_groups

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

BASE = Path(__file__).resolve().parent.parent
# Spaces, accents, and more than a socket's path may have.
HARD_NAME = "énergie décarbonée à l’usine, " * 5 + "fin"


def wait_for(true: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def family(pid: int) -> dict[int, str]:
    """Return the live descendants of a process, each with its command line."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
                words = (folder / "cmdline").read_bytes().split(b"\0")
                commands[int(folder.name)] = b" ".join(words).decode(errors="replace").strip()
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: commands[one] for one in found - {pid}}


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Instance:
    """One `manage.py up` over one folder, started again as often as a test ends it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.port = free_port()
        self.first_output = ""
        self.process: subprocess.Popen[str] | None = None

    def command(self, var: Path, port: int) -> subprocess.Popen[str]:
        # Empty, not absent, so that a .env of the developer does not fill them in.
        given = {"DATABASE_URL": "", "CHROMA_HOST": "", "WIKICO2_HOST": "", "WIKICO2_VAR": str(var)}
        return subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo"],
            cwd=BASE,
            env=os.environ | given | {"PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def started(self) -> subprocess.Popen[str]:
        """Return the running process; start one, and wait until it says that it is ready."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.lines: list[str] = []
        self.process = process = self.command(self.var, self.port)
        threading.Thread(target=self._collect, args=(process,), daemon=True).start()
        ready = wait_for(
            lambda: "to stop:" in self.output or process.poll() is not None, seconds=150
        )
        assert ready, self.output
        assert process.poll() is None, self.output
        self.first_output = self.first_output or self.output
        return process

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def get(self, path: str = "/healthz") -> int:
        """Return the status of a page; 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def processes(self) -> dict[int, str]:
        assert self.process is not None
        return family(self.process.pid)

    def find(self, words: str) -> set[int]:
        return {pid for pid, command in self.processes().items() if words in command}

    def query(self, statement: str) -> list[tuple[object, ...]]:
        connection = psycopg2.connect(published_addresses(self.var)["DATABASE_URL"])
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)


@pytest.fixture(scope="module")
def private_parent() -> Iterator[Path]:
    """Return a folder that only we may enter, as a home often is."""
    folder = Path(tempfile.mkdtemp(prefix="wikico2-up-"))
    folder.chmod(0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def instance(private_parent: Path) -> Iterator[Instance]:
    running = Instance(private_parent / HARD_NAME / "var")
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.terminate()
        running.process.wait(15)
    PostgresServer(running.var / "postgres").discard()


def test_serves_pages_from_a_hard_path(instance: Instance) -> None:
    assert len(str(instance.var)) > 150
    instance.started()
    assert instance.get() == 200


def test_first_run_prints_the_administrator_and_keeps_the_password(instance: Instance) -> None:
    instance.started()
    kept = instance.var / "admin-password.txt"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip() in instance.first_output
    assert f"http://localhost:{instance.port}" in instance.first_output


def test_folders_above_keep_their_permissions(instance: Instance, private_parent: Path) -> None:
    instance.started()
    assert stat.S_IMODE(private_parent.stat().st_mode) == 0o700
    if os.geteuid() == 0:  # PostgreSQL's own user cannot pass through that folder
        location = Path((instance.var / "postgres" / "location").read_text().strip())
        assert location.is_relative_to(SHARED_HOME)
        assert str(location) in instance.first_output


def test_nobody_else_enters_the_database(instance: Instance) -> None:
    instance.started()
    url = published_addresses(instance.var)["DATABASE_URL"]
    address = url.rpartition("@")[2]
    for stranger in (f"postgresql://wikico2@{address}", f"postgresql://postgres@{address}"):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(stranger, password="guess")
    addresses = instance.var / "run" / "services.env"
    assert stat.S_IMODE(addresses.stat().st_mode) == 0o600


def test_a_second_run_is_refused_and_names_the_first(instance: Instance) -> None:
    first = instance.started()
    second = instance.command(instance.var, free_port())
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert str(first.pid) in output
    assert len(output.strip().splitlines()) == 1
    assert instance.get() == 200


def test_a_taken_port_is_refused_before_anything_starts(
    instance: Instance, private_parent: Path
) -> None:
    other = private_parent / "other"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = instance.command(other, port)
        output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert str(port) in output
    assert "PORT=" in output
    assert len(output.strip().splitlines()) == 1
    assert not (other / "postgres").exists()


@pytest.mark.parametrize("words", ["qcluster", "gunicorn", "/postgres -D", "chromadb"])
def test_a_child_that_is_killed_comes_back(instance: Instance, words: str) -> None:
    instance.started()
    before = instance.find(words)
    assert before
    os.kill(min(before), signal.SIGKILL)
    assert wait_for(lambda: instance.find(words) - before, seconds=90)
    assert wait_for(lambda: not instance.find(words) & before, seconds=20)
    assert wait_for(lambda: instance.get("/readyz") == 200, seconds=90)


def test_killed_with_9_nothing_survives_and_data_is_found_again(instance: Instance) -> None:
    process = instance.started()
    instance.query("CREATE TABLE IF NOT EXISTS kept (words text)")
    instance.query("INSERT INTO kept VALUES ('décarbonation')")
    children = instance.processes()
    process.kill()
    process.wait()
    assert wait_for(lambda: not any(map(alive, children)), seconds=10)
    instance.started()
    assert instance.get() == 200
    assert ("décarbonation",) in instance.query("SELECT words FROM kept")


def test_sigterm_stops_everything(instance: Instance) -> None:
    process = instance.started()
    children = instance.processes()
    begun = time.monotonic()
    process.terminate()
    assert process.wait(15) == 0
    assert time.monotonic() - begun < 10
    assert not any(map(alive, children))
    assert wait_for(lambda: "WikiCO2 has stopped." in instance.output, seconds=10)
    assert not published_addresses(instance.var)


# --- The pieces, without the program ------------------------------------------------------------


def test_a_group_that_ignores_sigterm_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    stubborn = subprocess.Popen(
        [sys.executable, "-c", f"{code}; time.sleep(60)"],
        stdout=subprocess.PIPE,
        process_group=0,
    )
    assert stubborn.stdout is not None
    with stubborn.stdout as output:
        output.readline()
    stop_groups([Watched(stubborn.pid)], grace=0.2, reap=lambda: void(stubborn.poll()))
    assert stubborn.wait(10) == -signal.SIGKILL
    assert not group_is_alive(stubborn.pid)


def void(value: object) -> None:
    """Do nothing with a value."""


def test_what_outlived_its_guard_is_stopped(tmp_path: Path) -> None:
    stray = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={RUN_VARIABLE: str(tmp_path)},
        process_group=0,
    )
    assert wait_for(lambda: stray_groups(tmp_path) == {stray.pid}, seconds=5)
    stop_strays(tmp_path)
    assert stray.wait(10) == -signal.SIGTERM


def test_a_database_that_outlived_its_run_is_taken_over_whole(private_parent: Path) -> None:
    data = private_parent / "taken over"
    code = (
        "import os, sys; from pathlib import Path;"
        "from wikico2.launcher.services.postgres import PostgresServer;"
        "server = PostgresServer(Path(sys.argv[1]), fast=True); server.start();"
        "os.kill(server._watchdog._process.pid, 9); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(data)], cwd=BASE)
    assert killed.returncode == -signal.SIGKILL
    server = PostgresServer(data, fast=True)
    try:
        psycopg2.connect(server.start()).close()
        assert len(running_servers(server.cluster)) > 1
    finally:
        server.discard()
    assert not running_servers(server.cluster)


@pytest.mark.parametrize(
    ("name", "lines", "shown"),
    [
        ("web", ["INFO    sheets: saved"], []),
        ("web", ["WARNING django.request: Not Found: /x"], ["Not Found"]),
        ("worker", ["Traceback (most recent call last):", "  File x", "KeyError: 'a'"], ["KeyE"]),
        ("worker", ["ERROR   x: failed", "  because", "INFO    y: went on"], ["because"]),
        ("db", ["2026 [1] ERROR:  duplicate key value"], []),
        ("db", ["2026 [1] FATAL:  password authentication failed"], ["password"]),
        ("db", ["2026 [1] FATAL:  the database system is starting up"], []),
        ("db", ["2026 [1] FATAL:  the database system is not yet accepting connections"], []),
        ("db", ["2026 [1] FATAL:  terminating connection due to administrator command"], []),
        ("demo", ["Loading three documents"], ["Loading"]),
    ],
)
def test_the_terminal_shows_trouble_and_files_keep_all(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    lines: list[str],
    shown: list[str],
) -> None:
    console = Console(tmp_path / "log", chatty=frozenset({"demo"}))
    for line in lines:
        console.line(name, line)
    printed = capsys.readouterr().out
    assert bool(printed) == bool(shown)
    assert all(words in printed for words in shown)
    assert "went on" not in printed
    kept = (tmp_path / "log" / f"{name}.log").read_text()
    assert all(line in kept for line in lines)


def test_a_program_that_ends_at_once_is_reported_with_its_words(tmp_path: Path) -> None:
    program = Program("web", [sys.executable, "-c", "raise SystemExit('no such port')"], {})
    with Supervisor(Console(tmp_path / "log")) as supervisor:
        child = supervisor.start(program)
        with pytest.raises(OperatorError, match="no such port"):
            supervisor.wait_until(lambda: False, child, seconds=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_to_ask_ends_the_watch(tmp_path: Path, number: signal.Signals) -> None:
    program = Program("web", [sys.executable, "-c", "import time; time.sleep(60)"], {})
    before = signal.signal(number, signal.default_int_handler)  # `nohup` may have it ignored
    try:
        with Supervisor(Console(tmp_path / "log")) as supervisor:
            child = supervisor.start(program)
            signal.raise_signal(number)
            supervisor.watch()
            assert child.process.poll() is None
        assert child.process.returncode == -signal.SIGTERM
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
