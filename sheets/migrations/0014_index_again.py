"""Have the sheets that are there indexed again: for their links and their category."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("sheets", "SearchedSheet").objects.update(revision=None)
    for pk in apps.get_model("sheets", "Sheet").objects.order_by("pk").values_list("pk", flat=True):
        enqueue("sheets.tasks.index_sheet", pk)


class Migration(migrations.Migration):
    dependencies = [("sheets", "0013_kept_pages")]
    operations = [migrations.RunPython(queue, migrations.RunPython.noop)]
