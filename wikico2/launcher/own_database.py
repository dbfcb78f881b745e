"""Run a command over a `var` folder whose site does not run, with its own PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

from wikico2 import env
from wikico2.launcher.run import BASE
from wikico2.launcher.services import published_addresses
from wikico2.launcher.services.postgres import PostgresServer
from wikico2.launcher.supervisor import only_run


def needs_own_database(var: Path) -> bool:
    """Tell whether no database is configured, and the site that would have one does not run."""
    return not env.text("DATABASE_URL") and "DATABASE_URL" not in published_addresses(var)


def run_with_own_database(var: Path, arguments: list[str]) -> int:
    """Start PostgreSQL over `var`, run `manage.py` with it, stop it; return the exit status.

    Raises OperatorError when the database cannot start, or the site is running.
    """
    with (
        only_run(var / "run" / "up.lock", f"process {os.getpid()}, {arguments[0]}"),
        PostgresServer(var / "postgres", say=lambda text: None) as server,
    ):
        environment = os.environ | {"DATABASE_URL": server.url}
        command = [sys.executable, str(BASE / "manage.py"), *arguments]
        return subprocess.run(command, env=environment).returncode
