"""Keep where the words stand that a machine has read on a picture."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0011_where_passages_stand")]
    operations = [
        migrations.AddField(
            model_name="page",
            name="words",
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
        migrations.AddField(
            model_name="sight",
            name="words",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
