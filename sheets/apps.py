from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SheetsConfig(AppConfig):
    name = "sheets"
    verbose_name = _("Sheets")

    def ready(self) -> None:
        from ingestion.vector_index import registry as holdings
        from sheets import receivers, tasks  # noqa: F401  (they register themselves)
        from sheets.generation import budget as spending  # noqa: F401  (it registers receivers)
        from sheets.search import indexing as index
        from sheets.sources import awaited  # noqa: F401  (it registers a receiver)
        from sheets.staleness.receivers import settings_may_have_changed
        from wikico2.accounts.roles import ensure_roles

        holdings.register(index.HOLDING)
        post_migrate.connect(ensure_roles, sender=self, dispatch_uid="wikico2.roles")
        post_migrate.connect(settings_may_have_changed, sender=self, dispatch_uid="sheets.stale")
        post_migrate.connect(ensure_daily, sender=self, dispatch_uid="sheets.daily")


def ensure_daily(**kwargs: object) -> None:
    """Have the daily tasks run."""
    from sheets.tasks import DAILY
    from wikico2.jobs.queue import schedule_daily

    for task, name in DAILY.items():
        schedule_daily(task, name)
