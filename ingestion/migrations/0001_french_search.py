"""The French full-text configuration: accents folded before French stems are taken.

`wikico2_fr` reads « Récupération », « récupérations » and « recuperation » as one word.
"""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

CREATE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_ts_config WHERE cfgname = 'wikico2_fr') THEN
        CREATE TEXT SEARCH CONFIGURATION wikico2_fr (COPY = french);
    END IF;
END $$;
ALTER TEXT SEARCH CONFIGURATION wikico2_fr
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, french_stem;
"""
DROP = "DROP TEXT SEARCH CONFIGURATION IF EXISTS wikico2_fr;"


class Migration(migrations.Migration):
    initial = True
    operations = [
        UnaccentExtension(),
        TrigramExtension(),
        migrations.RunSQL(CREATE, DROP),
    ]
