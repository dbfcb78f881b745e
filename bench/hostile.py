"""Import every file of a folder through the real queue: `python -m bench.hostile FOLDER`.

Prints the outcome of each file (refused at upload, ready or failed) with its message, and the peak
resident memory of workers and reading children. Exits with status 1 if a file stays in progress or
fails without a message, or if a worker died.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.harness import SiteHarness, as_table, out, wait_until
from tests.fake_ai import DIMENSIONS

if TYPE_CHECKING:
    from ingestion.models import Document, SourceImport

SETTINGS = {
    "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "AI_REQUESTS_PER_MINUTE": "0",
    "LOG_LEVEL": "WARNING",
    "VISION_BACKEND": "none",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=3600, help="longest wait for all files")
    options = parser.parse_args()
    with SiteHarness("--latency", "0", "--per-text", "0", "--granted", "0", **SETTINGS) as harness:
        import django

        django.setup()
        harness.start_worker()
        monitor = MemoryMonitor(harness.processes["worker"].pid)
        monitor.start()
        problems = import_all(options.folder, options.seconds)
        if harness.processes["worker"].poll() is not None or monitor.died:
            problems += 1
            out(f"Workers died: {monitor.died}")
        out(as_table({name: f"{peak_mb:.0f} MB" for name, peak_mb in monitor.peak_mb.items()}))
        from django.db import connections

        connections.close_all()
    return 1 if problems else 0


def import_all(folder: Path, seconds: int) -> int:
    """Import all files and print their outcomes; return the number of problems."""
    from ingestion.intake.watch_folder import import_local_file
    from ingestion.models import Document, SourceImport
    from wikico2.errors import UserError

    outcomes: Counter[str] = Counter()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            import_local_file(path)
        except UserError as error:
            outcomes[f"refused: {error.code}"] += 1
            out(f"{path.name[:60]!r}: {error.code}: {error.sentence}")
        except OSError as error:
            outcomes["refused: OSError"] += 1
            out(f"{path.name[:60]!r}: {error}")
    begun = time.monotonic()
    wait_until(lambda: all_done(begun), seconds)
    problems = 0
    rows: list[Document | SourceImport] = [*Document.objects.all(), *SourceImport.objects.all()]
    for row in rows:
        outcomes[f"{row.state}: {row.error_code}".strip(": ")] += 1
        problems += row.is_working or (row.state == "failed" and not row.error)
        out(f"{str(row)[:60]!r}: {row.state} {row.error}")
    out(as_table(dict(outcomes.most_common())))
    return problems


def all_done(begun: float) -> bool:
    from ingestion.models import Document, SourceImport

    time.sleep(1)
    working = Document.objects.in_progress()
    if int(time.monotonic() - begun) % 60 == 0:
        sys.stderr.write(f"{[(d.filename[:40], d.state, d.done, d.total) for d in working[:5]]}\n")
    return not (working.exists() or SourceImport.objects.in_progress().exists())


class MemoryMonitor(threading.Thread):
    """Samples the peak resident memory of workers and reading children.

    A child process seen in `WORKER_SAMPLES` samples is a worker; one seen in fewer is a reading
    child that had not yet replaced its command line. A worker that is gone has died.
    """

    WORKER_SAMPLES = 10

    def __init__(self, leader: int) -> None:
        super().__init__(daemon=True)
        self.leader = psutil.Process(leader)
        self.peak_mb = {"worker": 0.0, "reading child": 0.0}
        self.died: set[int] = set()
        self._samples: Counter[int] = Counter()

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while self.leader.is_running():
                self._sample()
                time.sleep(0.1)

    def _sample(self) -> None:
        alive = set()
        for process in self.leader.children(recursive=True):
            try:
                is_reader = "ingestion.readers.sandbox.child" in process.cmdline()
                resident = process.memory_info().rss / 1024 / 1024
            except psutil.Error:
                continue
            if not is_reader:
                alive.add(process.pid)
            name = "reading child" if is_reader else "worker"
            self.peak_mb[name] = max(self.peak_mb[name], resident)
        gone = self._samples.keys() - alive
        self.died |= {pid for pid in gone if self._samples[pid] >= self.WORKER_SAMPLES}
        self._samples = Counter({pid: self._samples[pid] + 1 for pid in alive})


if __name__ == "__main__":
    sys.exit(main())
