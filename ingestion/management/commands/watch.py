"""`manage.py watch DIR…`: import the files of folders as sources, for as long as it runs."""

import signal
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from ingestion.intake.watch_folder import FolderWatcher, WatchOutcome
from ingestion.models import Document


def existing_folder(given: str) -> Path:
    path = Path(given)
    if not path.is_dir():
        raise ArgumentTypeError(f"{given} is not a folder")
    return path


class Command(BaseCommand):
    help = (
        "Import new and changed files of folders and their subfolders, once they have stopped "
        "growing. It may be stopped and started at any time: nothing is imported twice. A file "
        "that has changed becomes a new version of its source; the source of a deleted file stays."
    )

    stopped = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folders", nargs="+", metavar="DIR", type=existing_folder)
        parser.add_argument(
            "--every", type=float, default=5.0, metavar="SECONDS", help="between two scans (5)"
        )
        parser.add_argument("--internal", action="store_true", help="only accounts may read them")

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        access = Document.Access.INTERNAL if options["internal"] else Document.Access.OPEN
        watchers = [FolderWatcher(path, access=access) for path in options["folders"]]
        names = ", ".join(str(path) for path in options["folders"])
        self.print_line(f"Watching {names}. Ctrl-C ends it.")
        while not self.stopped:
            try:
                for outcome in (one for watcher in watchers for one in watcher.scan()):
                    self.report(outcome)
                    if self.stopped:
                        break
            except DatabaseError as error:
                self.stderr.write(f"The database does not answer ({type(error).__name__}).")
                connection.close()
            self.pause(options["every"])

    def stop(self, *_signal: object) -> None:
        """Stop after the file that is being imported."""
        self.stopped = True

    def pause(self, seconds: float) -> None:
        """Wait, but end early on a signal to stop."""
        end = time.monotonic() + seconds
        while not self.stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def report(self, outcome: WatchOutcome) -> None:
        if outcome.error:
            self.stderr.write(f"{outcome.path}: {outcome.error.sentence}")
        elif taken := outcome.document or outcome.source_import:
            self.print_line(f"{outcome.path}: {taken.get_absolute_url()}")

    def print_line(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
