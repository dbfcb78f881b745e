"""What generations leave out of a text is kept, with the reason."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0032_quoting_prompt"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DroppedStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("section", models.SlugField(verbose_name="section")),
                ("field", models.SlugField(verbose_name="field")),
                ("order", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("text", models.TextField(verbose_name="text")),
                ("reasons", models.JSONField(default=list, verbose_name="reasons")),
                ("sources", models.JSONField(blank=True, default=list, verbose_name="sources")),
                (
                    "rescued_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="taken in on"),
                ),
                (
                    "generation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dropped",
                        to="sheets.generation",
                    ),
                ),
                (
                    "rescued_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="taken in by",
                    ),
                ),
                (
                    "sheet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dropped",
                        to="sheets.sheet",
                    ),
                ),
            ],
            options={
                "verbose_name": "statement left out",
                "verbose_name_plural": "statements left out",
                "ordering": ["sheet", "section", "field", "order"],
            },
        ),
    ]
