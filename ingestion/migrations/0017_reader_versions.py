import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0016_page_remarks")]

    operations = [
        migrations.AddField(
            "document",
            "attached_to",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="attachments",
                to="ingestion.document",
                verbose_name="attached to",
            ),
        ),
        migrations.AddField(
            "document",
            "reader_version",
            models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            "chunk",
            "doubt",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=10),
        ),
    ]
