"""An interrupted test run leaves no process and no folder behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests import janitor
from tests.worker import ROOT, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def heed_signals() -> None:
    """Heed the signals that the tests may have been started to ignore, as in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Run:
    """`pytest tests/held.py`, its folder below `parent`."""

    def __init__(self, parent: Path, workers: int) -> None:
        self.parent = parent
        self.held = parent / "held"
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "TEST_"))}
        self.process = psutil.Popen(
            [sys.executable, "-m", "pytest", "tests/held.py", f"-n{workers}"],
            cwd=ROOT,
            env={**ours, "TMPDIR": str(parent), "HELD": str(self.held)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=heed_signals,
        )

    def in_the_middle(self) -> "Run":
        """Wait until its test is under way."""
        wait_for(lambda: self.held.exists() or self.process.poll() is not None, "test under way")
        assert self.process.poll() is None
        return self

    def family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def folders(self) -> list[Path]:
        return list(self.parent.glob(f"{janitor.PREFIX}*"))

    def left(self, family: list[psutil.Process]) -> list[str]:
        """Return what is alive of the family, or of any process of the run."""
        told = []
        for pid in {p.pid for p in family if p.is_running()} | janitor.processes_of(self.parent):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    told.append(f"{pid} {process.cmdline()}")
        return told

    def assert_nothing_is_left(self, family: list[psutil.Process]) -> None:
        self.process.wait(60)
        wait_for(
            lambda: not self.left(family) and not self.folders(),
            "end of all",
            lambda: "\n".join(self.left(family)),
        )

    def end(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self.process.kill()
        self.process.wait()
        for folder in self.folders():
            janitor.sweep(folder)


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    with ExitStack() as runs:

        def start(workers: int) -> Run:
            name = tempfile.TemporaryDirectory(prefix="r-", ignore_cleanup_errors=True)
            parent = Path(runs.enter_context(name))
            parent.chmod(0o755)
            run = Run(parent, workers)
            runs.callback(run.end)
            return run

        yield start


def test_by_a_signal(start: Callable[..., Run]) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    runs = [start(workers=1) for _number in numbers]
    families = [run.in_the_middle().family() for run in runs]
    for run, number in zip(runs, numbers, strict=True):
        run.process.send_signal(number)
    for run, family in zip(runs, families, strict=True):
        run.assert_nothing_is_left(family)


def test_by_kill_9(start: Callable[..., Run]) -> None:
    run = start(workers=2).in_the_middle()
    family = run.family()
    assert any("postgres" in process.name() for process in family)
    assert any("child of held.py" in process.cmdline() for process in family)
    run.process.kill()
    run.assert_nothing_is_left(family)


def test_by_kill_9_with_its_janitor_the_next_run_clears_up(start: Callable[..., Run]) -> None:
    run = start(workers=0).in_the_middle()
    family = run.family()
    (clearing,) = [p for p in family if str(Path(janitor.__file__)) in p.cmdline()]
    clearing.kill()
    run.process.kill()
    run.process.wait()
    assert run.folders()
    janitor.sweep_stale(run.parent)
    run.assert_nothing_is_left(family)
