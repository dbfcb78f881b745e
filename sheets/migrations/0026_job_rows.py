"""Make a job of each run of a writer, PDF, export and import; what was under way goes on."""

from django.db import migrations

from wikico2.migrations._jobs import insert_jobs

STATE = "CASE WHEN r.state = 'running' AND r.lease_token IS NULL THEN 'waiting' ELSE r.state END"
ERROR = "CASE WHEN r.state = 'failed' AND r.error_code = '' THEN 'internal' ELSE r.error_code END"
SECTIONS = "(SELECT count(*) FROM sheets_sectionrun s WHERE s.generation_id = r.id{})"


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0025_file_jobs_say_what_they_are"),
        ("wikico2", "0005_jobs"),
    ]

    operations = [
        insert_jobs(
            "sheets_generation",
            "'generation'",
            "'writing'",
            state=STATE,
            owner_id="r.requested_by_id",
            ended_at="coalesce(r.finished_at, r.created_at)",
            error_code=ERROR,
            done=SECTIONS.format(" AND s.state = 'done'"),
            total=SECTIONS.format(""),
        ),
        insert_jobs(
            "sheets_errand",
            "r.kind",
            "CASE WHEN r.kind = 'pdf' THEN 'short' ELSE 'writing' END",
            state=STATE,
            owner_id="r.asked_by_id",
            ended_at="r.created_at",
            done="r.done",
            total="r.total",
        ),
        migrations.RunSQL(
            "UPDATE sheets_errand SET with_files = name <> 'without files', fingerprint = page,"
            " page = '', name = 'wiki-' || to_char(created_at, 'YYYY-MM-DD') || '.zip'"
            " WHERE kind = 'export'",
            migrations.RunSQL.noop,
        ),
    ]
