"""Levels of statements in the place of verdicts, in a table of their own.

Verdicts of older versions become no level: what they said is not what a level says. Current
versions are checked again in the background; older ones show no level.
"""

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._queue import enqueue


def queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the current versions checked again."""
    if apps.get_model("sheets", "Sheet").objects.exists():
        enqueue("sheets.tasks.recheck_sheets")


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("sheets", "0030_drafts_per_form"),
    ]

    operations = [
        migrations.RenameField("citation", "verdict", "level"),
        migrations.AlterField(
            "citation",
            "level",
            models.CharField(
                blank=True,
                choices=[
                    ("verbatim", "quoted word for word"),
                    ("confirmed", "confirmed"),
                    ("judged", "read by a model"),
                    ("figures", "figures found, meaning to be checked"),
                    ("fragile", "fragile"),
                    ("not_found", "not found"),
                    ("unsourced", "without a source"),
                ],
                max_length=10,
                verbose_name="level",
            ),
        ),
        migrations.RunSQL("UPDATE sheets_citation SET level = ''", migrations.RunSQL.noop),
        migrations.AddField(
            "citation",
            "unborne",
            models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                verbose_name="words that no passage bears",
            ),
        ),
        migrations.CreateModel(
            "RevisionCheck",
            fields=[
                (
                    "revision",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="check_made",
                        serialize=False,
                        to="sheets.revision",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("levels", models.JSONField(default=dict, verbose_name="levels")),
                ("statements", models.JSONField(default=list, verbose_name="statements")),
            ],
            options={
                "verbose_name": "check of a version",
                "verbose_name_plural": "checks of versions",
            },
        ),
        migrations.CreateModel(
            "Confirmation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text_hash", models.CharField(max_length=64)),
                ("passage_hash", models.CharField(max_length=64)),
                ("accepted", models.BooleanField(verbose_name="confirmed")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("at", models.DateTimeField(auto_now=True, verbose_name="at")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name="confirmations",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "sheet",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="confirmations",
                        to="sheets.sheet",
                    ),
                ),
            ],
            options={
                "verbose_name": "confirmation",
                "verbose_name_plural": "confirmations",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["sheet", "text_hash", "passage_hash"], name="confirmation_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            "Judgement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text_hash", models.CharField(max_length=64)),
                ("passage_hash", models.CharField(max_length=64)),
                ("model", models.CharField(max_length=200, verbose_name="model")),
                ("prompt_version", models.PositiveIntegerField(verbose_name="prompt version")),
                ("accepted", models.BooleanField(verbose_name="confirmed")),
                (
                    "words",
                    models.JSONField(
                        blank=True, default=list, verbose_name="words that no passage bears"
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, verbose_name="at")),
            ],
            options={
                "verbose_name": "judgement of a model",
                "verbose_name_plural": "judgements of models",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["text_hash", "passage_hash", "model", "prompt_version"],
                        name="judgement_unique",
                    )
                ],
            },
        ),
        migrations.RunPython(queue, migrations.RunPython.noop),
    ]
