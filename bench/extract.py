"""Measure how fast documents are read: `python -m bench.extract FOLDER|FILE… [--repeat N]`.

Prints, for each file and in total, the pages a second with their layout (order, headings, tables,
footnotes, figures), by the clock and by processor time (which other work on the machine changes
less): medians of the runs, including the start of the child process. Then prints the peak resident
memory of the largest child.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingestion.readers import Limits, PageText, ReadError
from ingestion.readers.api import check_document, read_document
from ingestion.readers.media_type import identify_path
from ingestion.readers.registry import FORMATS


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER|FILE")
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    options = parser.parse_args()
    limits = Limits()
    starts: list[float] = []
    total = Reading(0, 0, 0.0, 0.0)
    out(HEADER)
    for path in documents(options.paths):
        try:
            starts.append(timed_check(path, limits))
            reading = timed_read(path, limits, options.repeat)
        except ReadError as error:
            out(f"{path.name}: {error.code}")
            continue
        total = total.plus(reading)
        out(row(reading, path.name))
    if not total.pages:
        out("No document that can be read there.")
        return 1
    out(row(total, "all"))
    out(f"Opening a document takes {statistics.median(starts) * 1000:.0f} ms, child included.")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    out(f"The largest child process was resident with {peak:.0f} MB.")
    return 0


class Reading(NamedTuple):
    pages: int
    characters: int
    seconds: float
    processor: float

    def plus(self, other: Reading) -> Reading:
        return Reading(
            self.pages + other.pages,
            self.characters + other.characters,
            self.seconds + other.seconds,
            self.processor + other.processor,
        )


HEADER = f"{'pages':>6} {'characters':>11} {'seconds':>8} {'pages/s':>8} {'pages/s cpu':>12}  file"


def row(reading: Reading, name: str) -> str:
    pages, characters, seconds, processor = reading
    speeds = f"{seconds:8.2f} {pages / seconds:8.0f} {pages / processor:12.0f}"
    return f"{pages:6} {characters:11} {speeds}  {name}"


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def documents(paths: list[Path]) -> Iterator[Path]:
    """Yield the given files, and those in the given folders that a reader supports."""
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            yield from (file for file in inside if identify_path(file) in FORMATS)
        else:
            yield path


def timed_check(path: Path, limits: Limits) -> float:
    begun = time.perf_counter()
    check_document(path, identify_path(path), limits)
    return time.perf_counter() - begun


def timed_read(path: Path, limits: Limits, repeat: int) -> Reading:
    runs = [read_once(path, limits) for _ in range(max(repeat, 1))]
    return Reading(
        runs[0].pages,
        runs[0].characters,
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor for run in runs),
    )


def read_once(path: Path, limits: Limits) -> Reading:
    begun, spent = time.perf_counter(), processor_seconds()
    pages = characters = 0
    for item in read_document(path, identify_path(path), limits):
        if isinstance(item, PageText):
            pages += 1
            characters += len(item.text)
    return Reading(pages, characters, time.perf_counter() - begun, processor_seconds() - spent)


def processor_seconds() -> float:
    """Return the processor seconds of this process and its ended children."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    sys.exit(main())
