"""Postings: which rows contain which lexeme, maintained by triggers on the searched tables.

For a table whose column `search` is a tsvector, say `ingestion_chunk`:

* `ingestion_chunk_posting` has a line for each lexeme of each row: its frequency (`tf`, counted
  twice in titles) and the length of the text (`length`, counted likewise). Its index covers all
  columns, so that ranking reads only the index.
* `ingestion_chunk_tally` gives the number of rows with a lexeme, as a sum over its lines; under the
  lexeme 0, the number of all rows and their total length. Writers only append, so that they never
  wait for each other, and a reader's sum is always exact; `compact_tallies` adds lines up.

A lexeme is stored as a 64-bit hash: no shared table of lexemes, and no lock on one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

MAX_TALLY_LINES = 8


class Tally(NamedTuple):
    """Statistics of a table for ranking: rows, mean length, row counts and hashes by lexeme."""

    rows: int
    mean_length: float
    row_counts: dict[str, int]
    hashes: dict[str, int]


def read_tally(table: str, lexemes: Sequence[str]) -> Tally:
    """Return the statistics of a table for these lexemes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT word, hash, coalesce(sum(entries), 0)::bigint, coalesce(sum(length), 0)::bigint
            FROM (
                SELECT word, hashtextextended(word, 0) AS hash FROM unnest(%s::text[]) AS word
                UNION ALL SELECT '', 0
            ) AS asked LEFT JOIN {table}_tally AS t ON t.lexeme = asked.hash
            GROUP BY word, hash
            """,  # noqa: S608 (our own table name)
            [list(dict.fromkeys(lexemes))],
        )
        found = {word: (hashed, n, length) for word, hashed, n, length in cursor.fetchall()}
    _zero, rows, length = found.pop("")
    return Tally(
        rows,
        length / rows if rows else 1.0,
        {word: n for word, (_hash, n, _length) in found.items()},
        {word: hashed for word, (hashed, _n, _length) in found.items()},
    )


def rows_with(table: str, lexeme: str) -> RawSQL:
    """Return the keys of the rows that contain a lexeme, for `pk__in`."""
    lines = f"SELECT entry FROM {table}_posting WHERE lexeme = hashtextextended(%s, 0)"  # noqa: S608
    return RawSQL(lines, [lexeme])  # noqa: S611 (our own table name)


def compact_tallies(table: str) -> None:
    """Sum up tallies of many lines into one; do nothing while another process does so."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"{table}_tally"])
        if not cursor.fetchone()[0]:
            return
        cursor.execute(
            f"""
            WITH long AS (
                SELECT lexeme FROM {table}_tally GROUP BY lexeme HAVING count(*) > %s
            ), taken AS (
                DELETE FROM {table}_tally USING long WHERE long.lexeme = {table}_tally.lexeme
                RETURNING {table}_tally.*
            )
            INSERT INTO {table}_tally (lexeme, entries, length)
            SELECT lexeme, sum(entries), sum(length) FROM taken GROUP BY lexeme
            HAVING sum(entries) <> 0
            """,  # noqa: S608 (our own table name)
            [MAX_TALLY_LINES],
        )
