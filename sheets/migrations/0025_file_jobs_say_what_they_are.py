"""Give an export columns of its own: what is in it, and the state of the wiki it began with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sheets", "0024_plain_labels")]

    operations = [
        migrations.AddField("filejob", "fingerprint", models.TextField(blank=True, default="")),
        migrations.AddField("filejob", "with_files", models.BooleanField(default=True)),
    ]
