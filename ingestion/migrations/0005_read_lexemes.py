"""Queue the reading of the lexemes of the passages that are there already."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    documents = apps.get_model("ingestion", "Document").objects.filter(chunks__isnull=False)
    for pk in documents.order_by("pk").distinct().values_list("pk", flat=True):
        enqueue("ingestion.tasks.read_words", pk)


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0004_chunk_postings"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(queue, migrations.RunPython.noop)]
