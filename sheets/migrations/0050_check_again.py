"""Have the current versions checked again: the check reads more forms of quantities."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the current versions checked again."""
    if apps.get_model("sheets", "Sheet").objects.filter(current__isnull=False).exists():
        enqueue("sheets.tasks.recheck_sheets")


class Migration(migrations.Migration):
    dependencies = [("sheets", "0047_name_columns_for_people")]

    operations = [
        migrations.AlterField("revisioncheck", "version", models.PositiveIntegerField(default=2)),
        migrations.RunPython(queue, migrations.RunPython.noop),
    ]
