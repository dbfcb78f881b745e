"""Take every file of a folder through the real queue: `python -m bench.hostile FOLDER`.

Prints what became of each, refused at the door, ready or failed, with its sentence and seconds, and
the memory that the workers and their children were resident with at most. Ends with 1 if a file
stays under way, has no sentence, or if a worker died.
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

from bench.stage import Stage, as_table, out, until
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
    parser.add_argument("--seconds", type=int, default=3600, help="until all must be settled")
    options = parser.parse_args()
    with Stage("--latency", "0", "--per-text", "0", "--granted", "0", **SETTINGS) as stage:
        import django

        django.setup()
        stage.start_worker()
        watch = Watch(stage.processes["worker"].pid)
        watch.start()
        troubles = take(options.folder, options.seconds)
        if stage.processes["worker"].poll() is not None or watch.died:
            troubles += 1
            out(f"Workers died: {watch.died}")
        out(as_table({name: f"{most:.0f} MB" for name, most in watch.most.items()}))
        from django.db import connections

        connections.close_all()
    return 1 if troubles else 0


def take(folder: Path, seconds: int) -> int:
    """Take all files in and say what became of them; return how many ended badly."""
    from ingestion.intake.watch_folder import take_file
    from ingestion.models import Document, SourceImport
    from wikico2.errors import UserError

    outcomes: Counter[str] = Counter()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            take_file(path)
        except UserError as error:
            outcomes[f"refused: {error.code}"] += 1
            out(f"{path.name[:60]!r}: {error.code}: {error.sentence}")
        except OSError as error:
            outcomes["refused: OSError"] += 1
            out(f"{path.name[:60]!r}: {error}")
    begun = time.monotonic()
    until(lambda: settled(begun), seconds)
    troubles = 0
    rows: list[Document | SourceImport] = [*Document.objects.all(), *SourceImport.objects.all()]
    for row in rows:
        outcomes[f"{row.state}: {row.error_code}".strip(": ")] += 1
        troubles += row.is_working or (row.state == "failed" and not row.error)
        out(f"{str(row)[:60]!r}: {row.state} {row.error}")
    out(as_table(dict(outcomes.most_common())))
    return troubles


def settled(begun: float) -> bool:
    from ingestion.models import Document, SourceImport

    time.sleep(1)
    working = Document.objects.in_progress()
    if int(time.monotonic() - begun) % 60 == 0:
        sys.stderr.write(f"{[(d.filename[:40], d.state, d.done, d.total) for d in working[:5]]}\n")
    return not (working.exists() or SourceImport.objects.in_progress().exists())


class Watch(threading.Thread):
    """Notes the most memory that workers and reading children are resident with.

    A process that was there for `SETTLED` looks is a worker; one that was not is a reading child
    that had not yet said so. A worker that is gone has died.
    """

    SETTLED = 10

    def __init__(self, leader: int) -> None:
        super().__init__(daemon=True)
        self.leader = psutil.Process(leader)
        self.most = {"worker": 0.0, "reading child": 0.0}
        self.died: set[int] = set()
        self._looks: Counter[int] = Counter()

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while self.leader.is_running():
                self._look()
                time.sleep(0.1)

    def _look(self) -> None:
        alive = set()
        for process in self.leader.children(recursive=True):
            try:
                kind = "reading child" if "readers.child" in " ".join(process.cmdline()) else ""
                resident = process.memory_info().rss / 1024 / 1024
            except psutil.Error:
                continue
            if not kind:
                alive.add(process.pid)
            name = kind or "worker"
            self.most[name] = max(self.most[name], resident)
        gone = self._looks.keys() - alive
        self.died |= {pid for pid in gone if self._looks[pid] >= self.SETTLED}
        self._looks = Counter({pid: self._looks[pid] + 1 for pid in alive})


if __name__ == "__main__":
    sys.exit(main())
