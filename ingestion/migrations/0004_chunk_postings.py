"""The postings of passages, and the end of the configuration that read them before."""

from django.db import migrations

from ingestion.migrations._postings import create_postings, drop_postings

DROP_CONFIGURATION = "DROP TEXT SEARCH CONFIGURATION IF EXISTS wikico2_fr;"


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0003_lexemes")]

    operations = [
        migrations.RunSQL(create_postings("ingestion_chunk"), drop_postings("ingestion_chunk")),
        migrations.RunSQL(DROP_CONFIGURATION, migrations.RunSQL.noop),
    ]
