"""Refuse two sheets of one title, case, accents, spaces and invisible characters aside."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sheets", "0028_rename_double_titles")]

    operations = [
        migrations.AddConstraint(
            model_name="sheet",
            constraint=models.UniqueConstraint(
                models.Func("title", function="wikico2_title_key", output_field=models.CharField()),
                name="sheet_one_title",
                violation_error_message=(
                    "Another sheet already has this title. Choose another one, or edit that sheet."
                ),
            ),
        ),
    ]
