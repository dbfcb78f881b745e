"""Exports of the whole wiki are made in the queue, one of a kind at a time."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0018_guessed_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="errand",
            name="kind",
            field=models.CharField(
                choices=[
                    ("pdf", "PDF of a sheet"),
                    ("import", "import of a wiki"),
                    ("export", "export of the wiki"),
                ],
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="errand",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "export"), ("state__in", ("waiting", "running"))),
                fields=("name",),
                name="errand_export_once",
            ),
        ),
    ]
