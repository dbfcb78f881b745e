"""Give models the names that the field uses; the tables keep theirs."""

from django.db import migrations

from wikico2.migrations._permissions import rename_permissions

RENAMED = {
    "Unsaved": "EditDraft",
    "Errand": "FileJob",
    "KeptPage": "CachedPage",
    "FormerName": "SheetRedirect",
}


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0019_exports_in_the_queue"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelTable("Unsaved", "sheets_unsaved"),
        migrations.RenameModel("Unsaved", "EditDraft"),
        migrations.AlterModelTable("Errand", "sheets_errand"),
        migrations.RenameModel("Errand", "FileJob"),
        migrations.AlterModelTable("KeptPage", "sheets_keptpage"),
        migrations.RenameModel("KeptPage", "CachedPage"),
        migrations.AlterModelTable("FormerName", "sheets_formername"),
        migrations.RenameModel("FormerName", "SheetRedirect"),
        rename_permissions("sheets", RENAMED),
    ]
