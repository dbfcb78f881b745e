from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = _("Sources")

    def ready(self) -> None:
        from ingestion import jobs  # noqa: F401  (declares the kinds of jobs)
        from ingestion.models import Chunk, Document
        from ingestion.vector_index import embed
        from ingestion.vector_index.collections import PASSAGES
        from ingestion.vector_index.rebuild import check_index_settings
        from ingestion.vector_index.registry import IndexedModel, register_indexed_model

        register_indexed_model(
            IndexedModel(
                kind=PASSAGES,
                allowed=Chunk.objects.all,
                due=lambda: Chunk.objects.filter(document__state=Document.State.READY),
                owner="document_id",
                text=embed.embedded_text,
            )
        )
        post_migrate.connect(check_index_settings, sender=self, dispatch_uid="ingestion.build")
        post_migrate.connect(schedule_rereading, sender=self, dispatch_uid="ingestion.reread")


def schedule_rereading(**kwargs: object) -> None:
    """Schedule the look for sources that an older reader has read, every minute."""
    from django_q.models import Schedule

    from ingestion.tasks import REREAD
    from wikico2.jobs.queue import schedule_task

    schedule_task(REREAD, "read sources again", Schedule.MINUTES)
