"""Run all of WikiCO2 (databases, worker, web server) until Ctrl-C."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from wikico2.launcher import run


class Command(BaseCommand):
    help = "Start PostgreSQL and Chroma unless they are given, migrate, and serve until Ctrl-C."
    # Checks run in the child processes, whose settings have the services' addresses.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        run.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace this process by `wikico2.launcher.run`, which needs no Django and less memory."""
        given = [f"--host={options['host']}", f"--port={options['port']}"]
        given += [f"--{name}" for name in ("no-demo", "verbose") if options[name.replace("-", "_")]]
        os.chdir(run.BASE)
        os.execv(sys.executable, [sys.executable, "-m", "wikico2.launcher.run", *given])  # noqa: S606
