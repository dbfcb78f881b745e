"""Make job rows from the rows that had leases of their own, independently of later models."""

from collections.abc import Mapping

from django.db import migrations

LEASES = {
    "attempts": "r.attempts",
    "lease_token": "r.lease_token",
    "lease_until": "CASE WHEN r.lease_token IS NOT NULL THEN r.lease_until END",
    # A row that was put off had a lease that nobody held.
    "not_before": "CASE WHEN r.lease_token IS NULL THEN r.lease_until END",
    "error_code": "r.error_code",
    "error_details": "r.error_details",
}
COLUMNS = {
    "subject_id": "r.id",
    "key": "r.id",
    "merges": "false",
    "params": "'{}'::jsonb",
    "owner_id": "NULL",
    "created_at": "r.created_at",
    "queued_at": "r.created_at",
    "done": "0",
    "total": "0",
    "seconds": "0",
}


def insert_jobs(table: str, kind: str, lane: str, **values: str) -> migrations.RunSQL:
    """Return the operation that makes a job of each row `r` of a table: {column: expression}.

    `state` is required, and `ended_at` for the states that are ends.
    """
    columns: Mapping[str, str] = {**COLUMNS, **LEASES, **values, "kind": kind, "lane": lane}
    ended = f"CASE WHEN ({values['state']}) IN ('waiting', 'running') THEN NULL"
    chosen = dict(columns) | {"ended_at": f"{ended} ELSE {columns['ended_at']} END"}
    return migrations.RunSQL(
        f"INSERT INTO wikico2_job ({', '.join(chosen)})"  # noqa: S608 (constants of migrations)
        f" SELECT {', '.join(chosen.values())} FROM {table} r",
        migrations.RunSQL.noop,
    )
