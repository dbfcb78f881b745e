"""Run the workers: django-q's command, made safe against killed processes."""

import importlib
import time
from queue import Empty
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django_q import cluster, queues
from django_q.management.commands import qcluster
from django_q.signals import post_spawn

from wikico2.jobs import queue


class KillSafeQueue(queues.Queue):  # type: ignore[misc]
    """A multiprocessing queue whose waiting readers hold no lock.

    A reader of the standard queue holds its lock while it waits: when an idle worker is killed the
    lock is never released, and no other worker gets a task.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block or timeout is not None:
            return super().get(block, timeout)
        while True:
            self._reader.poll(None)
            try:
                return super().get(block=False)
            except Empty:  # another worker took it
                time.sleep(0.01)


def preload_modules() -> None:
    """Import slow modules once, before the workers are forked from this process.

    A worker that replaces a dead one then starts at once, and all share the memory.
    """
    importlib.import_module("langchain_text_splitters")
    if "openai" in (settings.EMBEDDING_BACKEND, settings.LLM_BACKEND):
        importlib.import_module("openai")


def enable_keepalive(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Make PostgreSQL close our session within a minute when this machine is gone.

    A process that dies closes its session. A machine that stops answering leaves it open for two
    hours by default, and its workers would be shown as running.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('tcp_keepalives_idle', '30', false),"
            " set_config('tcp_keepalives_interval', '10', false),"
            " set_config('tcp_keepalives_count', '3', false)"
        )


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        preload_modules()
        queue.recover_stalled()
        connections.close_all()
        connections["default"].settings_dict["OPTIONS"]["application_name"] = queue.SESSION_NAME
        connection_created.connect(enable_keepalive)
        cluster.Queue = KillSafeQueue
        post_spawn.connect(queue.start_pulse)
        super().handle(*args, **options)
