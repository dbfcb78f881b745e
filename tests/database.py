"""The test database: a copy of a template, as which it stands again after every test.

A test with real transactions is what Django empties all tables for. Here only what it changed is
put back, rows that migrations wrote included.
"""

import os
from contextlib import closing

import psycopg2
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

KEEP = """
CREATE SCHEMA kept;

DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE kept.%1$I AS TABLE public.%1$I', name);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION kept.differs(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    answer boolean;
BEGIN
    EXECUTE format(
        CASE WHEN to_regclass(format('kept.%I', name)) IS NULL
        THEN 'SELECT EXISTS (SELECT FROM public.%1$I)'
        ELSE 'SELECT EXISTS (TABLE public.%1$I EXCEPT TABLE kept.%1$I)
              OR EXISTS (TABLE kept.%1$I EXCEPT TABLE public.%1$I)' END,
        name
    ) INTO answer;
    RETURN answer;
END $$;

-- The triggers that guard history are silent meanwhile; foreign keys are checked in the end.
CREATE FUNCTION kept.put_back() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
    changed text[] := ARRAY(
        SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND kept.differs(tablename)
    );
    guarded text[] := ARRAY(
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relname = ANY (changed)
            AND oid IN (SELECT tgrelid FROM pg_trigger WHERE NOT tgisinternal)
    );
BEGIN
    FOREACH name IN ARRAY guarded LOOP
        EXECUTE format('ALTER TABLE public.%I DISABLE TRIGGER USER', name);
    END LOOP;
    FOREACH name IN ARRAY changed LOOP
        EXECUTE format('DELETE FROM public.%I', name);
        IF to_regclass(format('kept.%I', name)) IS NOT NULL THEN
            EXECUTE format('INSERT INTO public.%1$I TABLE kept.%1$I', name);
        END IF;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    FOREACH name IN ARRAY guarded LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE TRIGGER USER', name);
    END LOOP;
END $$;
"""


def copy_template() -> None:
    """Have the test database made as a copy; make the template unless another process has."""
    template = os.environ["TEST_TEMPLATE"]
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(1)")  # until this connection is closed
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [template])
            if cursor.fetchone() is None:
                _make(f"{template}_new")
                cursor.execute(f"ALTER DATABASE {template}_new RENAME TO {template}")
    connection.settings_dict["TEST"] |= {"TEMPLATE": template, "MIGRATE": False}


def drop_template() -> None:
    """Remove the template, on a server that may outlive the tests."""
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {os.environ['TEST_TEMPLATE']}")


def put_back(_: TransactionTestCase) -> None:
    """Undo what a test has changed; for Django's own `_fixture_teardown`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kept.put_back()")


def _make(name: str) -> None:
    """Create a database, run all migrations in it and keep a copy of what they wrote."""
    usual, copy = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        with connection.cursor() as cursor:
            cursor.execute(KEEP)
    finally:
        connection.close()
        connection.settings_dict["TEST"]["NAME"] = copy
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = usual
