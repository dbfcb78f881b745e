from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = _("Sources")

    def ready(self) -> None:
        from wikico2.queue import resumable

        resumable("ingestion.Document", "ingestion.tasks.advance_document")
        resumable("ingestion.Delivery", "ingestion.tasks.deliver")
