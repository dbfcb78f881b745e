"""Queue tasks from a migration, whatever the project's own door to the queue has become since."""

from functools import partial
from typing import Any

from django.db import transaction
from django_q.tasks import async_task


def enqueue(task: str, *args: Any) -> None:
    """Queue `task` (a dotted path) once the migration has been committed."""
    transaction.on_commit(partial(async_task, task, *args))
