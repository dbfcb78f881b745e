"""Give models the names that the field uses; the tables keep theirs."""

from django.db import migrations

from wikico2.migrations._permissions import rename_permissions

RENAMED = {
    "Delivery": "SourceImport",
    "Item": "ImportedFile",
    "LogLine": "DocumentEvent",
    "Sketch": "MinHash",
    "Sight": "CachedOcrResult",
}


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0012_words_on_pictures"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelTable("Delivery", "ingestion_delivery"),
        migrations.RenameModel("Delivery", "SourceImport"),
        migrations.AlterModelTable("Item", "ingestion_item"),
        migrations.RenameModel("Item", "ImportedFile"),
        migrations.AlterModelTable("LogLine", "ingestion_logline"),
        migrations.RenameModel("LogLine", "DocumentEvent"),
        migrations.AlterModelTable("Sketch", "ingestion_sketch"),
        migrations.RenameModel("Sketch", "MinHash"),
        migrations.AlterModelTable("Sight", "ingestion_sight"),
        migrations.RenameModel("Sight", "CachedOcrResult"),
        rename_permissions("ingestion", RENAMED),
        migrations.RenameField("ImportedFile", "delivery", "source_import"),
    ]
