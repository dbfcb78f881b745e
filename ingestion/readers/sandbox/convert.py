"""Convert files of old formats with LibreOffice, where it is installed, in a process of its own.

Each conversion has a profile of its own, without macros and links, is limited in memory, time and
output, and its process group is killed however it ends. One runs at a time on a machine.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.sax.saxutils import quoteattr

from ingestion.readers import Limits, ReadError
from ingestion.readers.sandbox.parent import child_environment

PROGRAMS = (
    "soffice",
    "libreoffice",
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
)
MAX_SECONDS = 180.0
MEMORY_MB = 1_000
"""Address space that LibreOffice takes before it opens a document."""

MAX_OUTPUT_BYTES = 512 * 1024 * 1024
SECONDS_BETWEEN_LOOKS = 0.05
DEAD_PROXY = "http://127.0.0.1:9"

_SETTINGS = (
    ("/org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "2"),
    ("/org.openoffice.Office.Java/VirtualMachine", "Enable", "false"),
)
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
{items}
</oor:items>
"""
_ITEM = (
    '<item oor:path={path}><prop oor:name={name} oor:op="fuse"><value>{value}</value></prop></item>'
)


def find_office() -> str:
    """Return the path of LibreOffice on this machine, `""` if it is not installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), "")


@contextmanager
def converted_file(path: Path, source: str, target: str, limits: Limits) -> Iterator[Path]:
    """Give a copy of a file converted from one extension to another, deleted at the end.

    Raises `ReadError`: old_office (LibreOffice is not installed), too_slow, too_much_memory,
    unreadable, crashed.
    """
    program = find_office()
    if not program:
        raise ReadError("old_office")
    with tempfile.TemporaryDirectory(prefix="wikico2-convert-") as name:
        folder = Path(name)
        given = folder / f"source{source}"
        given.symlink_to(path.resolve())
        _write_profile(folder / "profile" / "user")
        deadline = time.monotonic() + min(limits.wall_seconds, MAX_SECONDS)
        with _only_one(deadline, limits):
            _run(_command(program, folder, given, target, limits), folder, deadline, limits)
        made = folder / "out" / f"source{target}"
        if not made.is_file() or not made.stat().st_size:
            raise ReadError("unreadable", {"reason": "LibreOffice made nothing of it"})
        yield made


def _command(program: str, folder: Path, given: Path, target: str, limits: Limits) -> list[str]:
    bounds = {
        "memory_mb": limits.memory_mb + MEMORY_MB,
        "cpu_seconds": limits.cpu_seconds,
        "file_bytes": MAX_OUTPUT_BYTES,
    }
    office = (
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--headless",
        "--nologo",
        "--norestore",
        "--nolockcheck",
        "--nodefault",
    )
    confined = (sys.executable, "-P", "-m", "ingestion.readers.sandbox.confined")
    conversion = ("--convert-to", target.lstrip("."), "--outdir", str(folder / "out"), str(given))
    return [*confined, json.dumps(bounds), program, *office, *conversion]


def _write_profile(folder: Path) -> None:
    items = "\n".join(
        _ITEM.format(path=quoteattr(path), name=quoteattr(name), value=value)
        for path, name, value in _SETTINGS
    )
    folder.mkdir(parents=True)
    (folder / "registrymodifications.xcu").write_text(_PROFILE.format(items=items))


@contextmanager
def _only_one(deadline: float, limits: Limits) -> Iterator[None]:
    """Wait until no other conversion of this user runs on this machine."""
    lock = Path(tempfile.gettempdir(), f"wikico2-convert-{os.getuid()}.lock")
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            _wait_or_give_up(deadline, limits)
        yield
    finally:
        os.close(descriptor)


def _run(command: list[str], folder: Path, deadline: float, limits: Limits) -> None:
    """Run a conversion to its end; raise `ReadError` if it does not end well or in time."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            _wait_or_give_up(deadline, limits)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        raise ReadError("too_slow", {"limit_seconds": limits.cpu_seconds})
    if process.returncode:
        raise ReadError("crashed", {"ended": process.returncode})


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of a conversion: none of ours, its own folder as home."""
    own = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "ftp_proxy"), DEAD_PROXY)
    return child_environment() | own | proxies | {"SAL_USE_VCLPLUGIN": "svp"}


def _wait_or_give_up(deadline: float, limits: Limits) -> None:
    if time.monotonic() >= deadline:
        raise ReadError("too_slow", {"limit_seconds": min(limits.wall_seconds, MAX_SECONDS)})
    time.sleep(SECONDS_BETWEEN_LOOKS)
