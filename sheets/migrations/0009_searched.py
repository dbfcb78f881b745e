import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import ingestion.models


class Migration(migrations.Migration):
    dependencies = [("sheets", "0008_seed_prompt"), ("ingestion", "0006_seed_thesaurus")]

    operations = [
        migrations.CreateModel(
            name="SearchedSheet",
            fields=[
                (
                    "sheet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="searched",
                        serialize=False,
                        to="sheets.sheet",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("folded", models.CharField(max_length=250)),
                ("system_name", models.CharField(blank=True, max_length=200)),
                ("sector", models.TextField(blank=True)),
                ("system", models.TextField(blank=True)),
                ("text", models.TextField(blank=True)),
                ("search", ingestion.models.LexemesField(editable=False)),
                (
                    "revision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sheets.revision",
                    ),
                ),
            ],
            options={
                "verbose_name": "searched sheet",
                "verbose_name_plural": "searched sheets",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["folded"], name="searched_sheet_title", opclasses=["gin_trgm_ops"]
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchedSection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("heading", models.CharField(blank=True, max_length=200)),
                ("folded", models.CharField(max_length=500)),
                ("anchor", models.CharField(blank=True, max_length=200)),
                ("text", models.TextField()),
                ("content_hash", models.CharField(db_index=True, max_length=64)),
                ("search", ingestion.models.LexemesField(editable=False)),
                (
                    "sheet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="searched_sections",
                        to="sheets.sheet",
                    ),
                ),
            ],
            options={
                "verbose_name": "searched section",
                "verbose_name_plural": "searched sections",
                "ordering": ["sheet", "position"],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["folded"],
                        name="searched_section_title",
                        opclasses=["gin_trgm_ops"],
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sheet", "position"), name="searched_section_position"
                    )
                ],
            },
        ),
    ]
