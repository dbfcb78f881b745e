"""Run the workers: django-q's own command, made ready for processes that die."""

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

from wikico2.jobs import queue


class PatientQueue(queues.Queue):  # type: ignore[misc]
    """A queue between processes whose waiting readers hold no lock.

    A reader of the standard one holds the lock while it waits: a worker killed while idle would
    take it to the grave, and no other would ever get a task.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block or timeout is not None:
            return super().get(block, timeout)
        while True:
            self._reader.poll(None)
            try:
                return super().get(block=False)
            except Empty:  # another worker was quicker
                time.sleep(0.01)


def preload_modules() -> None:
    """Load what takes seconds of processor time, once for all workers, which are forks of this.

    So that one that takes the place of a dead one is at work at once, and they share the memory.
    """
    importlib.import_module("langchain_text_splitters")
    if "openai" in (settings.EMBEDDING_BACKEND, settings.LLM_BACKEND):
        importlib.import_module("openai")


def enable_keepalive(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Have PostgreSQL end our session within a minute when this whole machine is gone.

    A process that dies closes its session; a machine that does not answer any more leaves it open
    for two hours otherwise, and workers that are no more would be shown as running.
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
        cluster.Queue = PatientQueue
        super().handle(*args, **options)
