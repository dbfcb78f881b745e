from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = _("Sources")

    def ready(self) -> None:
        from ingestion.models import Chunk, Document
        from ingestion.vector_index import (
            collections as index,
        )
        from ingestion.vector_index import embed
        from ingestion.vector_index import (
            rebuild as build,
        )
        from ingestion.vector_index import (
            registry as holdings,
        )
        from wikico2.jobs.queue import resumable

        resumable("ingestion.Document", "ingestion.tasks.advance_document")
        resumable("ingestion.Delivery", "ingestion.tasks.deliver")
        resumable("ingestion.IndexBuild", build.ADVANCE)
        holdings.register(
            holdings.Holding(
                shelf=index.PASSAGES,
                allowed=Chunk.objects.all,
                due=lambda: Chunk.objects.filter(document__state=Document.State.READY),
                owner="document_id",
                text=embed.embedded_text,
            )
        )
        post_migrate.connect(
            build.settings_may_have_changed, sender=self, dispatch_uid="ingestion.build"
        )
