from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SheetsConfig(AppConfig):
    name = "sheets"
    verbose_name = _("Sheets")

    def ready(self) -> None:
        from ingestion.vector_index.registry import register_indexed_model
        from sheets import jobs, receivers  # noqa: F401  (declare jobs, register receivers)
        from sheets.discussions import threads  # noqa: F401  (registers a receiver)
        from sheets.generation import budget  # noqa: F401  (registers receivers)
        from sheets.notifications import notices, replies  # noqa: F401  (register receivers)
        from sheets.search.indexing import INDEXED_SECTIONS
        from sheets.sources import ref_resolution as awaited  # noqa: F401  (registers a receiver)
        from sheets.staleness.receivers import check_writer_settings
        from wikico2.accounts.roles import ensure_roles

        register_indexed_model(INDEXED_SECTIONS)
        post_migrate.connect(ensure_roles, sender=self, dispatch_uid="wikico2.roles")
        post_migrate.connect(check_writer_settings, sender=self, dispatch_uid="sheets.stale")
        post_migrate.connect(ensure_daily, sender=self, dispatch_uid="sheets.daily")


def ensure_daily(**kwargs: object) -> None:
    """Schedule the daily tasks."""
    from sheets.tasks import DAILY
    from wikico2.jobs.queue import schedule_daily

    for task, name in DAILY.items():
        schedule_daily(task, name)
