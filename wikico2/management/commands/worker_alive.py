"""Exit with status 0 when a worker takes tasks; for health checks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wikico2.jobs.queue import workers_alive


class Command(BaseCommand):
    help = "Succeed when a worker takes tasks from the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        if not workers_alive():
            raise CommandError("No worker takes tasks from the queue.")
        self.stdout.write("A worker takes tasks from the queue.")
