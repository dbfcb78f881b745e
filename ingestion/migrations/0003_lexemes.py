import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

import ingestion.models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0002_documents")]

    operations = [
        migrations.RemoveIndex(model_name="chunk", name="chunk_search"),
        migrations.RemoveField(model_name="chunk", name="search"),
        migrations.AddField(
            model_name="chunk",
            name="search",
            field=ingestion.models.LexemesField(default="", editable=False),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="Word",
            fields=[
                ("folded", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("written", models.CharField(max_length=80)),
                ("lexeme", models.CharField(max_length=60)),
            ],
            options={
                "verbose_name": "word",
                "verbose_name_plural": "words",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["folded"], name="word_alike", opclasses=["gin_trgm_ops"]
                    ),
                    models.Index(
                        fields=["folded"], name="word_begins", opclasses=["varchar_pattern_ops"]
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Synonyms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "terms",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        help_text="One a line: the acronym, the term in full, what people say.",
                        size=None,
                        verbose_name="terms",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated on")),
            ],
            options={
                "verbose_name": "synonyms",
                "verbose_name_plural": "thesaurus",
                "ordering": ["terms"],
            },
        ),
    ]
