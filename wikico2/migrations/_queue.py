"""Queue tasks from a migration, independently of later changes to `wikico2.jobs.queue`."""

from functools import partial
from typing import Any

from django.db import transaction
from django_q.tasks import async_task


def enqueue(task: str, *args: Any) -> None:
    """Queue `task` (a dotted path) once the migration is committed."""
    transaction.on_commit(partial(async_task, task, *args))
