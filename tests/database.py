"""The test database: a copy of a migrated template, restored after each test with transactions.

Django would empty all tables after such a test. Here only the tables that it changed are restored,
including rows that migrations wrote.
"""

import os
from contextlib import closing

import psycopg2
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

SAVE_ROWS = """
CREATE SCHEMA saved;

DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE saved.%1$I AS TABLE public.%1$I', name);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION saved.differs(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    result boolean;
BEGIN
    EXECUTE format(
        CASE WHEN to_regclass(format('saved.%I', name)) IS NULL
        THEN 'SELECT EXISTS (SELECT FROM public.%1$I)'
        ELSE 'SELECT EXISTS (TABLE public.%1$I EXCEPT TABLE saved.%1$I)
              OR EXISTS (TABLE saved.%1$I EXCEPT TABLE public.%1$I)' END,
        name
    ) INTO result;
    RETURN result;
END $$;

-- The triggers that protect history are disabled meanwhile; foreign keys are checked at the end.
CREATE FUNCTION saved.restore_tables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
    changed text[] := ARRAY(
        SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND saved.differs(tablename)
    );
    with_triggers text[] := ARRAY(
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relname = ANY (changed)
            AND oid IN (SELECT tgrelid FROM pg_trigger WHERE NOT tgisinternal)
    );
BEGIN
    FOREACH name IN ARRAY with_triggers LOOP
        EXECUTE format('ALTER TABLE public.%I DISABLE TRIGGER USER', name);
    END LOOP;
    FOREACH name IN ARRAY changed LOOP
        EXECUTE format('DELETE FROM public.%I', name);
        IF to_regclass(format('saved.%I', name)) IS NOT NULL THEN
            EXECUTE format('INSERT INTO public.%1$I TABLE saved.%1$I', name);
        END IF;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    FOREACH name IN ARRAY with_triggers LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE TRIGGER USER', name);
    END LOOP;
END $$;
"""


def copy_template() -> None:
    """Make Django create the test database from the template; create the template if missing."""
    template = os.environ["TEST_TEMPLATE"]
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(1)")  # held until this connection is closed
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [template])
            if cursor.fetchone() is None:
                _create_migrated(f"{template}_new")
                cursor.execute(f"ALTER DATABASE {template}_new RENAME TO {template}")
    connection.settings_dict["TEST"] |= {"TEMPLATE": template, "MIGRATE": False}


def drop_template() -> None:
    """Drop the template, since the server may outlive the tests."""
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {os.environ['TEST_TEMPLATE']}")


def restore_tables(_: TransactionTestCase) -> None:
    """Restore the tables that a test changed; replaces Django's `_fixture_teardown`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT saved.restore_tables()")


def _create_migrated(name: str) -> None:
    """Create a database, run all migrations in it and save a copy of the rows they wrote."""
    original, copy = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        with connection.cursor() as cursor:
            cursor.execute(SAVE_ROWS)
    finally:
        connection.close()
        connection.settings_dict["TEST"]["NAME"] = copy
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = original
