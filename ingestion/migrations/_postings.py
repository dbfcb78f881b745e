"""The SQL of the tables of postings and of the triggers that fill them, as migrations made them."""

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
