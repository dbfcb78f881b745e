"""Add the address for the answer to a remark, and a state for what is closed without a new text."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0037_validations_belong_to_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="reply_to",
            field=models.EmailField(
                blank=True, max_length=254, verbose_name="address for the answer"
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "waiting"),
                    ("accepted", "accepted"),
                    ("refused", "refused"),
                    ("replaced", "superseded"),
                    ("closed", "closed"),
                ],
                db_index=True,
                default="open",
                max_length=10,
                verbose_name="state",
            ),
        ),
    ]
