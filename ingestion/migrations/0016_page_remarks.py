from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0015_plain_labels")]

    operations = [
        migrations.AddField(
            "page",
            "remarks",
            models.JSONField(blank=True, db_default=[], default=list, editable=False),
        ),
    ]
