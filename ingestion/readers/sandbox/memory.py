"""Measure the peak memory of a process."""

from contextlib import suppress
from pathlib import Path


def peak_mb(process: int | None = None) -> float:
    """Return the peak resident memory of a process in megabytes; 0 if unknown.

    `process` is a process id; None means this process. The value is Linux's VmHWM, which is reset
    when a program is executed. The maxrss of getrusage(2) starts from the parent's memory, so it
    would attribute a large parent's memory to its child.
    """
    status = Path("/proc", str(process or "self"), "status")
    with suppress(OSError):
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
