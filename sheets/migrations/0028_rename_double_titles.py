"""Give titles a key that the database computes, and number the titles that stand twice.

The first sheet of a title keeps it: a published one before others, the older before the younger.
The others become "… (2)", "… (3)". Addresses stay as they are, and the former title stays known as
one of the sheet. What was renamed is logged, and listed in the administration.
"""

import logging
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

LONGEST = 200

# The same as `fold_text` (wikico2/text/normalize.py), and without invisible characters.
CREATE = r"""
CREATE FUNCTION wikico2_title_key(title text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT left(btrim(regexp_replace(lower(regexp_replace(
        normalize(
            replace(replace(replace(replace(replace(replace(
                title, 'œ', 'oe'), 'Œ', 'oe'), 'æ', 'ae'), 'Æ', 'ae'), 'ß', 'ss'), '’', chr(39)),
            NFKD
        ),
        '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff'
        '\ufe20-\ufe2f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f'
        '\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]',
        '', 'g')),
        '[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g')), 400)
$$;
"""
DROP = "DROP FUNCTION wikico2_title_key(text)"
TITLES = """
    SELECT id, title, wikico2_title_key(title) FROM sheets_sheet
    ORDER BY CASE state WHEN 'published' THEN 0 WHEN 'archived' THEN 2 ELSE 1 END, id
"""

logger = logging.getLogger("sheets")


def rename_doubles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    SheetRedirect = apps.get_model("sheets", "SheetRedirect")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(TITLES)
        taken: set[str] = set()
        doubles: list[tuple[int, str, str]] = []
        for pk, title, key in cursor.fetchall():
            if key in taken:
                doubles.append((pk, title, key))
            taken.add(key)
        for pk, title, key in doubles:
            new, new_key = numbered_title(cursor, title, taken)
            cursor.execute("UPDATE sheets_sheet SET title = %s WHERE id = %s", [new, pk])
            cursor.execute(
                "UPDATE sheets_searchedsheet SET title = %s, folded = %s WHERE sheet_id = %s",
                [new, new_key[:250], pk],
            )
            SheetRedirect.objects.create(sheet_id=pk, title=title, folded=key[:250], slug=None)
            logger.warning("Two sheets had the title “%s”: n° %s is now “%s”.", title, pk, new)


def numbered_title(cursor: Any, title: str, taken: set[str]) -> tuple[str, str]:
    """Return the title with the first free number and its key; add the key to `taken`."""
    number = 2
    while True:
        ending = f" ({number})"
        new = title[: LONGEST - len(ending)].rstrip() + ending
        cursor.execute("SELECT wikico2_title_key(%s)", [new])
        (key,) = cursor.fetchone()
        if key not in taken:
            taken.add(key)
            return new, key
        number += 1


class Migration(migrations.Migration):
    dependencies = [("sheets", "0027_columns_of_jobs_go")]

    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.RunPython(rename_doubles, migrations.RunPython.noop),
    ]
