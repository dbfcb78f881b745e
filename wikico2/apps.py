from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class WikiCO2Config(AppConfig):
    name = "wikico2"
    verbose_name = "WikiCO2"

    def ready(self) -> None:
        from wikico2 import checks, lookups, mail  # noqa: F401  (they register themselves)
        from wikico2.accounts import audit_receivers, sessions  # noqa: F401  (likewise)
        from wikico2.backup.schedule import ensure_backup_schedule
        from wikico2.jobs.queue import ensure_schedule

        post_migrate.connect(ensure_schedule, sender=self, dispatch_uid="wikico2.schedule")
        post_migrate.connect(ensure_backup_schedule, sender=self, dispatch_uid="wikico2.backup")


class WikiAdminConfig(AdminConfig):
    """Django's admin, with the site that asks the table of rules."""

    default_site = "wikico2.admin_site.WikiAdminSite"
