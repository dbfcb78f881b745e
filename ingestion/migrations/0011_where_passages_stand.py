from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0010_sketches"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="word",
            name="word_begins",
        ),
        migrations.AddIndex(
            model_name="chunk",
            index=models.Index(
                fields=["id"], include=("document", "page_start"), name="chunk_place"
            ),
        ),
    ]
