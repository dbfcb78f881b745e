"""Permissions of the table of rules, and the audit log, whose events never change."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

NEVER_CHANGED = """
CREATE FUNCTION wikico2_audit_is_kept() RETURNS trigger AS $$
BEGIN
    IF (to_jsonb(NEW) - 'actor_id') IS DISTINCT FROM (to_jsonb(OLD) - 'actor_id')
        OR NEW.actor_id IS NOT NULL AND NEW.actor_id IS DISTINCT FROM OLD.actor_id THEN
        RAISE EXCEPTION 'an event of the audit log never changes';
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER audit_is_kept BEFORE UPDATE ON wikico2_auditevent
    FOR EACH ROW EXECUTE FUNCTION wikico2_audit_is_kept();
"""
MAY_CHANGE = """
DROP TRIGGER audit_is_kept ON wikico2_auditevent;
DROP FUNCTION wikico2_audit_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("wikico2", "0005_jobs"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("curate", "Can stop, remove and open to all what others brought"),
                    ("enter_admin", "Can enter the administration"),
                    ("view_jobs", "Can see background jobs and what they cost"),
                ],
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
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
                ("actor_name", models.CharField(blank=True, max_length=300, verbose_name="name")),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("page", "page"),
                            ("admin", "administration"),
                            ("api", "API"),
                            ("program", "program"),
                        ],
                        default="program",
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "address",
                    models.GenericIPAddressField(
                        blank=True, null=True, verbose_name="network address"
                    ),
                ),
                ("action", models.CharField(max_length=60, verbose_name="action")),
                ("kind", models.CharField(blank=True, max_length=100, verbose_name="kind")),
                ("row_id", models.BigIntegerField(blank=True, null=True, verbose_name="number")),
                ("label", models.CharField(blank=True, max_length=300, verbose_name="object")),
                ("details", models.JSONField(blank=True, default=dict, verbose_name="details")),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
            ],
            options={
                "verbose_name": "event of the audit log",
                "verbose_name_plural": "audit log",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_latest"),
                    models.Index(fields=["kind", "row_id", "-id"], name="audit_of_row"),
                    models.Index(fields=["actor", "-id"], name="audit_of_actor"),
                ],
            },
        ),
        migrations.RunSQL(NEVER_CHANGED, MAY_CHANGE),
    ]
