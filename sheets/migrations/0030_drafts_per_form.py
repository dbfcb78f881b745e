"""Keep a draft for each form, and what each form has saved last."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0029_one_title"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="editdraft", name="unsaved_one_per_editor"),
        migrations.AddField(
            model_name="editdraft",
            name="tab",
            field=models.CharField(blank=True, default="", max_length=40),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="editdraft",
            constraint=models.UniqueConstraint(
                fields=("sheet", "user", "section", "tab"), name="unsaved_one_per_form"
            ),
        ),
        migrations.CreateModel(
            name="SavedForm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tab", models.CharField(max_length=40)),
                ("sent", models.JSONField(blank=True, default=dict)),
                ("digest", models.CharField(max_length=64)),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sheets.revision",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved form",
                "verbose_name_plural": "saved forms",
                "ordering": ["-saved_at"],
            },
        ),
        migrations.AddConstraint(
            model_name="savedform",
            constraint=models.UniqueConstraint(fields=("user", "tab"), name="savedform_unique"),
        ),
    ]
