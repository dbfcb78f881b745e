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

_TABLES = """
CREATE TABLE {table}_posting (
    lexeme bigint NOT NULL, entry integer NOT NULL, tf smallint NOT NULL, length smallint NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX {table}_posting_lexeme ON {table}_posting (lexeme, entry) INCLUDE (tf, length);

CREATE TABLE {table}_tally (
    lexeme bigint NOT NULL, entries integer NOT NULL, length bigint NOT NULL
);
CREATE INDEX {table}_tally_lexeme ON {table}_tally (lexeme) INCLUDE (entries, length);
"""

_WORDS = """
WITH word AS MATERIALIZED (
    SELECT r.{key}::integer AS entry, hashtextextended(w.lexeme, 0) AS lexeme,
        cardinality(w.positions) + cardinality(array_positions(w.weights, 'A')) AS tf
    FROM {rows} AS r CROSS JOIN LATERAL unnest(r.search) AS w
    {where}
), size AS (
    SELECT entry, least(sum(tf), 32767) AS length FROM word GROUP BY entry
)
"""

_ADD = """
    {words}, posted AS (
        INSERT INTO {table}_posting (lexeme, entry, tf, length)
        SELECT lexeme, entry, tf, length FROM word JOIN size USING (entry) ORDER BY lexeme, entry
    )
    INSERT INTO {table}_tally (lexeme, entries, length)
    SELECT lexeme, count(*), 0 FROM word GROUP BY lexeme
    UNION ALL SELECT 0, count(*), sum(length) FROM size HAVING count(*) > 0;
"""

_REMOVE = """
    {words}, gone AS (
        DELETE FROM {table}_posting AS p USING word
        WHERE p.lexeme = word.lexeme AND p.entry = word.entry
    )
    INSERT INTO {table}_tally (lexeme, entries, length)
    SELECT lexeme, -count(*), 0 FROM word GROUP BY lexeme
    UNION ALL SELECT 0, -count(*), -sum(length) FROM size HAVING count(*) > 0;
"""

_TRIGGER = """
CREATE FUNCTION {table}_{event}_posts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {body}
    RETURN NULL;
END $$;
CREATE TRIGGER {table}_{event}_posts AFTER {event} ON {table} {seen}
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_{event}_posts();
"""

_DROP = """
DROP TRIGGER {table}_{event}_posts ON {table};
DROP FUNCTION {table}_{event}_posts();
"""

_EVENTS = {
    "insert": "REFERENCING NEW TABLE AS new_rows",
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "REFERENCING OLD TABLE AS old_rows",
    "truncate": "",
}


def create_postings(table: str, key: str = "id") -> str:
    """Return the SQL for a migration: the postings of `table`, empty, and what keeps them."""
    changed = (
        "WHERE NOT EXISTS ("
        "SELECT FROM {other} AS o WHERE o.{key} = r.{key} AND o.search = r.search)"
    )

    def add(where: str = "") -> str:
        words = _WORDS.format(key=key, rows="new_rows", where=where)
        return _ADD.format(table=table, words=words)

    def remove(where: str = "") -> str:
        words = _WORDS.format(key=key, rows="old_rows", where=where)
        return _REMOVE.format(table=table, words=words)

    bodies = {
        "insert": add(),
        "update": remove(changed.format(other="new_rows", key=key))
        + add(changed.format(other="old_rows", key=key)),
        "delete": remove(),
        "truncate": f"TRUNCATE {table}_posting, {table}_tally;",
    }
    triggers = (
        _TRIGGER.format(table=table, event=event, seen=seen, body=bodies[event])
        for event, seen in _EVENTS.items()
    )
    return _TABLES.format(table=table) + "".join(triggers)


def drop_postings(table: str) -> str:
    """Return the SQL that undoes `create_postings`."""
    triggers = "".join(_DROP.format(table=table, event=event) for event in _EVENTS)
    return f"{triggers} DROP TABLE {table}_posting, {table}_tally;"


class Tally(NamedTuple):
    """What ranking knows of a table: its rows, their mean length, and rows by lexeme."""

    rows: int
    mean_length: float
    holding: dict[str, int]
    hashes: dict[str, int]


def tally(table: str, lexemes: Sequence[str]) -> Tally:
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


def fold(table: str) -> None:
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
