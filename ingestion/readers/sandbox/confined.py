"""Run a program with limited resources and without a network: `… PROGRAM ARGUMENTS`.

The limits come first, as JSON: memory in MB, processor time in seconds, bytes of a written file.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from contextlib import suppress

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
"""Flags of unshare(2)."""


def limit_program(memory_mb: int, cpu_seconds: int, file_bytes: int) -> None:
    """Limit this process and those it starts; limits that are already lower stay."""
    memory = memory_mb * 1024 * 1024
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        value = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (value, value))


def leave_network() -> None:
    """Move to a network without any interface, where the system allows it.

    A document may name pictures and other documents by their addresses.
    """
    user, group = os.getuid(), os.getgid()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        if library.unshare(NEW_USER | NEW_NETWORK) != 0:
            return
        for name, content in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(content)


if __name__ == "__main__":
    limit_program(**json.loads(sys.argv[1]))
    leave_network()
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  the program is ours to choose
