"""Postings: which rows hold which lexeme, kept by triggers beside the rows that are searched.

For a table whose column `search` is a tsvector, say `ingestion_chunk`:

* `ingestion_chunk_posting` has a line for each lexeme of each row: how often it occurs (`tf`, in
  titles twice) in how long a text (`length`, counted alike). Its index holds all three, so that
  ranking reads nothing else.
* `ingestion_chunk_tally` says in how many rows a lexeme stands, as a sum over its lines; under the
  lexeme 0, how many rows there are and how long they are together. Writers only append to it, so
  that any number of them never wait for each other, and a reader's sum is exact at any moment;
  `fold` adds lines up.

A lexeme is known by 64 bits of hash: there is no table of them to share, and none to lock.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

LINES_BEFORE_FOLDING = 8


class Tally(NamedTuple):
    """What ranking knows of a table: its rows, their mean length, and rows by lexeme."""

    rows: int
    mean_length: float
    holding: dict[str, int]
    hashes: dict[str, int]


def read_tally(table: str, lexemes: Sequence[str]) -> Tally:
    """Return how many rows there are, how long, and how many hold each of the lexemes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT word, hash, coalesce(sum(entries), 0)::bigint, coalesce(sum(length), 0)::bigint
            FROM (
                SELECT word, hashtextextended(word, 0) AS hash FROM unnest(%s::text[]) AS word
                UNION ALL SELECT '', 0
            ) AS asked LEFT JOIN {table}_tally AS t ON t.lexeme = asked.hash
            GROUP BY word, hash
            """,  # noqa: S608 (the name of a table of ours)
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
    """Return the keys of the rows that hold a lexeme, for `pk__in`."""
    lines = f"SELECT entry FROM {table}_posting WHERE lexeme = hashtextextended(%s, 0)"  # noqa: S608
    return RawSQL(lines, [lexeme])  # noqa: S611 (the name of a table of ours)


def compact_tallies(table: str) -> None:
    """Add up the tallies that have grown many lines; does nothing while another process does."""
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
            """,  # noqa: S608 (the name of a table of ours)
            [LINES_BEFORE_FOLDING],
        )
