"""Read the lexemes of the passages that are there already; the postings follow by themselves."""

import itertools

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.text.analyzer import tsvector

BATCH = 500


def read(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    chunks = apps.get_model("ingestion", "Chunk").objects
    rows = chunks.select_related("document").only("text", "headings", "document__title")
    passages = rows.iterator(chunk_size=BATCH)
    while batch := list(itertools.islice(passages, BATCH)):
        for chunk in batch:
            parts = [(chunk.document.title, "A"), (" › ".join(chunk.headings), "B")]
            chunk.search = tsvector([*parts, (chunk.text, "D")])
        chunks.bulk_update(batch, ["search"])


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0004_chunk_postings")]
    operations = [migrations.RunPython(read, migrations.RunPython.noop)]
