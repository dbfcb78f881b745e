"""Measure time and memory of an export of the whole wiki: `python -m bench.archive`.

The sheets are those of `bench.pages`, with two versions each; the sources' files are random bytes.
The file job runs in a process of its own, slice by slice as in the queue. Prints wall-clock and
processor seconds, and the peak memory of the process before the job and after it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time

from bench.pages import database, fill, out

MEGABYTE = 1024 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sheets", type=int, nargs="*", default=[200, 2_000])
    parser.add_argument("--sources", type=int, default=40, help="of 5 MB each")
    parser.add_argument("--work", action="store_true", help="be the worker (internal)")
    options = parser.parse_args()
    if options.work:
        work()
        return 0
    with database():
        create_sources(options.sources)
        filled = 0
        for sheets in options.sheets:
            fill(filled, sheets)
            filled = sheets
            out(f"{sheets} sheets, {options.sources} sources:")
            subprocess.run([sys.executable, "-m", "bench.archive", "--work"], check=True)
    return 0


def create_sources(count: int) -> None:
    """Create ready sources with files of random bytes."""
    from django.core.files.base import ContentFile

    from ingestion.models import Document

    for number in range(count):
        content = os.urandom(5 * MEGABYTE)
        document = Document(
            title=f"Source {number}", filename="s.pdf", size=len(content), state="ready",
            sha256=hashlib.sha256(content).hexdigest(),
        )  # fmt: skip
        document.file.save(f"{number}.pdf", ContentFile(content))


def work() -> None:
    """Request an export and run it; print time and memory."""
    import django

    django.setup()
    from ingestion.readers.sandbox.memory import peak_mb
    from sheets.file_jobs import request_wiki_export
    from sheets.transfer.exporter import state_of_wiki
    from wikico2.jobs.runner import run_out_of_turn
    from wikico2.models import User

    file_job = request_wiki_export(User.objects.get(username="bench"))
    before, begun, used, slices = peak_mb(), time.monotonic(), time.process_time(), 0
    while (job := file_job.job) and job.is_working:
        run_out_of_turn(job)
        file_job.refresh_from_db()
        slices += 1
    seconds, used = time.monotonic() - begun, time.process_time() - used
    begun = time.monotonic()
    state_of_wiki()
    out(
        f"  {file_job.get_state_display()} in {seconds:.1f} s, {used:.1f} of the processor, "
        f"{slices} slices, {file_job.file.size / MEGABYTE:.0f} MB; "
        f"memory {before:.0f} MB, then {peak_mb():.0f} MB; "
        f"has anything changed: {1000 * (time.monotonic() - begun):.0f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
