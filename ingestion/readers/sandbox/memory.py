"""How much memory a process has used at most."""

from contextlib import suppress
from pathlib import Path


def peak_mb(process: int | None = None) -> float:
    """Return the most memory a process has had resident, in megabytes; 0 where it is not known.

    Without a number that is this process. It is Linux's VmHWM, which begins anew with each program;
    the maxrss of getrusage(2) begins with what the parent had, and would lay a large parent's
    memory to its child.
    """
    status = Path("/proc", str(process or "self"), "status")
    with suppress(OSError):
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
