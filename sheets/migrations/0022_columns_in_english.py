"""Give the tables of sheet types English columns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sheets", "0021_related_names")]

    operations = [
        migrations.AddField(
            model_name="field",
            name="columns_en",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="English headings of a table, in the order of the French ones.",
                verbose_name="English columns",
            ),
        ),
    ]
