"""One rule for everything that waits for another service."""

from django.db import connection, transaction


def outside_transaction() -> None:
    """Raise RuntimeError when a transaction is open: rows must not stay locked during a wait.

    The transaction that a test case is wrapped in does not count.
    """
    if connection.in_atomic_block:
        with transaction.atomic(durable=True):
            pass
