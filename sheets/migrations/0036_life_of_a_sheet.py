"""Events of sheets; a person in charge, a date of review; deleted sheets are kept for a while."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0019_columns_of_jobs_go"),
        ("sheets", "0035_accounts_become_readers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SheetEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="date"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("submit", "submitted for validation"),
                            ("validate", "validated"),
                            ("request_changes", "changes requested"),
                            ("publish", "published"),
                            ("archive", "archived"),
                            ("restore", "restored from the archive"),
                            ("delete", "deleted"),
                            ("undelete", "restored after its deletion"),
                            ("withdraw", "to be validated: no validation of a version is recorded"),
                            (
                                "imported_validation",
                                "validated in the wiki that it was imported from",
                            ),
                            ("assign", "person in charge changed"),
                            ("schedule_review", "date of review changed"),
                            ("rename", "renamed"),
                            ("lock", "section locked"),
                            ("unlock", "section unlocked"),
                            ("add_source", "source added"),
                            ("remove_source", "source removed"),
                            ("replace_source", "source replaced"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("comment", models.TextField(blank=True, verbose_name="comment")),
                ("details", models.JSONField(blank=True, default=dict, verbose_name="details")),
            ],
            options={
                "verbose_name": "event of a sheet",
                "verbose_name_plural": "events of sheets",
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="sheet",
            name="sheet_one_title",
        ),
        migrations.AddField(
            model_name="sheet",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="deleted on"
            ),
        ),
        migrations.AddField(
            model_name="sheet",
            name="deleted_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="deleted by",
            ),
        ),
        migrations.AddField(
            model_name="sheet",
            name="responsible",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="sheets_in_charge",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person in charge",
            ),
        ),
        migrations.AddField(
            model_name="sheet",
            name="review_on",
            field=models.DateField(
                blank=True, db_index=True, null=True, verbose_name="to review on"
            ),
        ),
        migrations.AddConstraint(
            model_name="sheet",
            constraint=models.UniqueConstraint(
                models.Func("title", function="wikico2_title_key", output_field=models.CharField()),
                condition=models.Q(("deleted_at", None)),
                name="sheet_one_title",
                violation_error_message="Another sheet already has this title. Choose another one, or edit that sheet.",
            ),
        ),
        migrations.AddField(
            model_name="sheetevent",
            name="actor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AddField(
            model_name="sheetevent",
            name="revision",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sheets.revision",
            ),
        ),
        migrations.AddField(
            model_name="sheetevent",
            name="sheet",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="sheets.sheet",
            ),
        ),
        migrations.AddIndex(
            model_name="sheetevent",
            index=models.Index(fields=["-at", "-id"], name="sheetevent_latest"),
        ),
        migrations.AddIndex(
            model_name="sheetevent",
            index=models.Index(fields=["sheet", "-at", "-id"], name="sheetevent_of_sheet"),
        ),
    ]
