"""Queue the indexing of the sheets that are there already."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for pk in apps.get_model("sheets", "Sheet").objects.order_by("pk").values_list("pk", flat=True):
        enqueue("sheets.tasks.index_sheet", pk)


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0010_sheet_postings"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(queue, migrations.RunPython.noop)]
