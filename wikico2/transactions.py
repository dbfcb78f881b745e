"""Forbid waiting for another service inside a database transaction."""

from django.db import connection, transaction


def outside_transaction() -> None:
    """Raise RuntimeError when a transaction is open: rows must not stay locked during a wait.

    The transaction that wraps a test case does not count.
    """
    if connection.in_atomic_block:
        with transaction.atomic(durable=True):
            pass
