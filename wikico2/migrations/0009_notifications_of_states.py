"""People are told of the states of sheets, too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wikico2", "0008_notifications"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=[
                    ("mention", "mention"),
                    ("reply", "answer"),
                    ("comment", "comment"),
                    ("accepted", "accepted"),
                    ("refused", "refused"),
                    ("closed", "answer"),
                    ("followed", "watched"),
                    ("waiting", "to review"),
                    ("to_validate", "to validate"),
                    ("changes", "changes requested"),
                    ("validated", "validated"),
                    ("published", "published"),
                    ("assigned", "person in charge"),
                    ("source_failed", "source"),
                ],
                max_length=20,
            ),
        ),
    ]
