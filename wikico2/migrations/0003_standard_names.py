"""Rename models and tasks to standard names; keep tables, schedules and sessions valid."""

from django.apps.registry import Apps
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from wikico2.migrations._permissions import rename_permissions

RENAMED = {
    "Pace": "RateLimit",
    "PaceSlot": "RateLimitSlot",
}

TASKS = {
    "ingestion.tasks.deliver": "ingestion.tasks.run_import",
    "ingestion.tasks.read_words": "ingestion.tasks.refresh_document_lexemes",
    "sheets.tasks.find_awaited": "sheets.tasks.resolve_source_refs",
    "sheets.tasks.run_errand": "sheets.tasks.run_file_job",
    "wikico2.queue.resume_stalled": "wikico2.jobs.queue.resume_stalled",
}
BACKEND, NEW_BACKEND = "wikico2.auth.Backend", "wikico2.accounts.backend.Backend"


def rename_schedules(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make schedules call tasks by their current names."""
    schedules = apps.get_model("django_q", "Schedule").objects
    for old, new in TASKS.items():
        schedules.filter(func=old).update(func=new)


def keep_people_logged_in(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Update the back end's path stored in sessions: an unknown one logs people out."""
    store = SessionStore()
    for session in apps.get_model("sessions", "Session").objects.iterator():
        data = store.decode(session.session_data)
        if data.get(BACKEND_SESSION_KEY) == BACKEND:
            session.session_data = store.encode(data | {BACKEND_SESSION_KEY: NEW_BACKEND})
            session.save(update_fields=["session_data"])


class Migration(migrations.Migration):
    dependencies = [
        ("wikico2", "0002_pace_and_pause"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelTable("Pace", "wikico2_pace"),
        migrations.RenameModel("Pace", "RateLimit"),
        migrations.AlterModelTable("PaceSlot", "wikico2_paceslot"),
        migrations.RenameModel("PaceSlot", "RateLimitSlot"),
        rename_permissions("wikico2", RENAMED),
        migrations.RunPython(rename_schedules, migrations.RunPython.noop),
        migrations.RunPython(keep_people_logged_in, migrations.RunPython.noop),
    ]
