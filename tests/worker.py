"""Real worker processes on the test database."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from wikico2.jobs.queue import workers_alive
from wikico2.launcher.watchdog import Watchdog, Watched
from wikico2.models import Job, JobQuerySet

ROOT = Path(__file__).resolve().parent.parent
# Short times; LEASE_SECONDS must exceed AI_TIMEOUT.
QUICK = {
    "WORKERS": "2",
    "AI_TIMEOUT": "2",
    "LEASE_SECONDS": "3",
    "TASK_SLICE_SECONDS": "2",
    "LOG_LEVEL": "INFO",
}


class Worker:
    """A running `manage.py qcluster`; call `stop` at the end."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.log = tempfile.NamedTemporaryFile(mode="w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "qcluster"],
            env={**os.environ, **QUICK, "DATABASE_URL": database_url(), **environment},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.watchdog = Watchdog()  # stops the cluster if the tests are killed
        self.watchdog.watch(Watched(self.process.pid))

    def wait_until_ready(self) -> "Worker":
        wait_for(lambda: workers_alive() and len(self.pids()) >= 2, "worker", self.output)
        return self

    def output(self) -> str:
        return Path(self.log.name).read_text("utf-8", "replace")

    def pids(self) -> list[int]:
        """Return the pids of the processes that run tasks, read from the log."""
        lines = re.findall(r"(?:ready for work at|prêt pour le travail à) (\d+)", self.output())
        return [int(pid) for pid in lines]

    def kill_workers(self) -> None:
        """Kill the processes that run tasks; the cluster replaces them."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kill the whole process group, as a power failure would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.watchdog.forget(self.process.pid)

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.kill()
        self.watchdog.close()
        self.log.close()


def database_url() -> str:
    """Return the address of the test database, for other processes."""
    database = connection.settings_dict
    user, password = quote(database["USER"], safe=""), quote(database["PASSWORD"], safe="")
    host = quote(database["HOST"], safe="")
    return f"postgresql://{user}:{password}@{host}:{database['PORT']}/{database['NAME']}"


def seconds_left(rows: JobQuerySet) -> float:
    """Return the seconds until the only job is due, by the database's clock."""
    left = rows.values_list(ExpressionWrapper(F("not_before") - Now(), DurationField()), flat=True)
    return float(left.get().total_seconds())


def await_renewal(job: Job) -> None:
    """Wait until the lease of a job is renewed."""
    until = Job.objects.get(pk=job.pk).lease_until
    wait_for(lambda: Job.objects.get(pk=job.pk).lease_until != until, "renewal")


def wait_for(
    condition: Callable[[], object],
    what: str,
    evidence: Callable[[], str] = lambda: "",
    seconds: float = 90.0,
) -> None:
    """Wait until the condition holds; fail, showing `evidence`, after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} after {seconds:.0f} s\n{evidence()[-4000:]}"
        time.sleep(0.05)
