"""Run the whole of WikiCO2: databases, worker and web server, until Ctrl-C."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from wikico2.launcher import run


class Command(BaseCommand):
    help = "Start PostgreSQL and Chroma unless they are given, migrate, and serve until Ctrl-C."
    # The settings that count are those of the children, which have the addresses.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        run.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Give this process over to `wikico2.run`: all day long, Django would only take memory."""
        given = [f"--host={options['host']}", f"--port={options['port']}"]
        given += [f"--{name}" for name in ("no-demo", "verbose") if options[name.replace("-", "_")]]
        os.chdir(run.BASE)
        os.execv(sys.executable, [sys.executable, "-m", "wikico2.launcher.run", *given])  # noqa: S606
