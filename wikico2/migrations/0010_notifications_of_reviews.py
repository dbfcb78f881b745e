"""People are told of the sheets in their charge that are due for review."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wikico2", "0009_notifications_of_states"),
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
                    ("due", "due for review"),
                    ("source_failed", "source"),
                ],
                max_length=20,
            ),
        ),
    ]
