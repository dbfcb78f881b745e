"""The postings of sheets; those of the sheets that are there already come with the next step."""

from django.db import migrations

from ingestion.migrations._postings import create_postings, drop_postings

TABLE = "sheets_searchedsheet"


class Migration(migrations.Migration):
    dependencies = [("sheets", "0009_searched")]
    operations = [migrations.RunSQL(create_postings(TABLE, key="sheet_id"), drop_postings(TABLE))]
