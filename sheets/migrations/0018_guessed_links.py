"""Tell links that people have marked from guesses, and look at the sheets that are there again."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    linking = apps.get_model("sheets", "Link").objects.values_list("source", flat=True).distinct()
    found = list(linking.order_by("source"))
    apps.get_model("sheets", "SearchedSheet").objects.filter(sheet__in=found).update(revision=None)
    for pk in found:
        enqueue("sheets.tasks.index_sheet", pk)


class Migration(migrations.Migration):
    dependencies = [("sheets", "0017_errands")]
    operations = [
        migrations.AddField("link", "is_marked", models.BooleanField(default=True)),
        migrations.RunPython(queue, migrations.RunPython.noop),
    ]
