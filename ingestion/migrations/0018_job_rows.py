"""Make a job of each source, import and build, with its log; what was under way goes on."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._jobs import insert_jobs

OF_DOCUMENT = """CASE WHEN r.state IN ('failed', 'cancelled') THEN r.state
    WHEN r.state = 'ready' THEN 'done'
    WHEN r.lease_token IS NOT NULL THEN 'running' ELSE 'waiting' END"""
OF_IMPORT = """CASE WHEN r.state IN ('fetching', 'opening') THEN
    CASE WHEN r.lease_token IS NOT NULL THEN 'running' ELSE 'waiting' END
    ELSE r.state END"""
OF_BUILD = """CASE WHEN r.state = 'stopped' THEN 'cancelled' WHEN r.state = 'failed' THEN 'failed'
    WHEN r.state = 'done' THEN 'done'
    WHEN r.lease_token IS NOT NULL THEN 'running' ELSE 'waiting' END"""
VERBS = ("add", "change", "delete", "view")


def rename_the_log(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the rights on the log of sources, and the notes about it, be those on the log of jobs."""
    types = apps.get_model("contenttypes", "ContentType").objects
    old = types.filter(app_label="ingestion", model="documentevent").first()
    if old is None or types.filter(app_label="wikico2", model="jobevent").exists():
        return
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type=old)
    for verb in VERBS:
        permissions.filter(codename=f"{verb}_documentevent").update(
            codename=f"{verb}_jobevent", name=f"Can {verb} job event"
        )
    types.filter(pk=old.pk).update(app_label="wikico2", model="jobevent")


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0017_reader_versions"),
        ("wikico2", "0005_jobs"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        insert_jobs(
            "ingestion_document",
            "'document'",
            "'reading'",
            state=OF_DOCUMENT,
            owner_id="r.uploaded_by_id",
            ended_at="coalesce(r.ready_at, r.step_started_at, r.created_at)",
            done="r.done",
            total="r.total",
        ),
        insert_jobs(
            "ingestion_delivery",
            "'source_import'",
            "'reading'",
            state=OF_IMPORT,
            owner_id="r.given_by_id",
            ended_at="r.created_at",
            done="r.done",
            total="r.total",
        ),
        insert_jobs(
            "ingestion_indexbuild",
            "'index_build'",
            "'indexing'",
            state=OF_BUILD,
            ended_at="coalesce(r.finished_at, r.created_at)",
            error_code="CASE WHEN r.state = 'failed' AND r.error_code = '' THEN 'internal'"
            " ELSE r.error_code END",
            done="r.done",
            total="r.total",
        ),
        migrations.RunSQL(
            "UPDATE ingestion_indexbuild SET finished_at = coalesce(finished_at, created_at)"
            " WHERE state = 'done'",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "UPDATE ingestion_document SET error_code = '', error_details = '{}'"
            " WHERE error_code <> '' AND state NOT IN ('failed', 'cancelled')",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "INSERT INTO wikico2_jobevent (job_id, at, code, details)"
            " SELECT j.id, l.at, l.code, l.details FROM ingestion_logline l"
            " JOIN wikico2_job j ON j.kind = 'document' AND j.subject_id = l.document_id"
            " ORDER BY l.id",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(rename_the_log, migrations.RunPython.noop),
    ]
