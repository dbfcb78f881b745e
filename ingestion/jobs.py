"""The policies of the jobs on sources and on the index."""

from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _

from ingestion import kinds
from ingestion.anchors.page_images import delete_page_images
from ingestion.intake.imports import import_slice
from ingestion.models import Document, SourceImport
from ingestion.pipeline import event_log
from ingestion.pipeline.reread import reread_outdated
from ingestion.pipeline.run import (
    delete_orphan_vectors,
    follow_document_job,
    read_document_slice,
    refresh_lexemes,
)
from ingestion.vector_index.collections import delete_document_vectors
from ingestion.vector_index.rebuild import build_slice, drop_unused_collections, repair_index
from wikico2.jobs.policy import JobPolicy, register_kind
from wikico2.jobs.runner import JobRun
from wikico2.models import Job


def forget_document(run: JobRun) -> bool:
    """Delete the file, page images and vectors of a removed document."""
    document_id, file, sha256 = run.row_id, run.job.params["file"], run.job.params["sha256"]
    if not Document.objects.filter(pk=document_id).exists():  # else its removal was rolled back
        if file:
            default_storage.delete(file)
        delete_page_images(Document(pk=document_id, sha256=sha256))
        delete_document_vectors(document_id)
    return True


def refresh_document_words(run: JobRun) -> bool:
    """Recompute the full-text index of a document's passages, after a change of its title."""
    refresh_lexemes(run.row_id)
    return True


def repair_index_slice(run: JobRun) -> bool:
    """Add the vectors that the index has lost."""
    repair_index()
    return True


def drop_old_collections(run: JobRun) -> bool:
    """Drop the collections that search no longer uses."""
    drop_unused_collections()
    return True


POLICIES = [
    JobPolicy(
        kinds.DOCUMENT,
        _("reading of a source"),
        Job.Lane.READING,
        read_document_slice,
        model="ingestion.Document",
        visible=lambda user: Document.objects.readable_by(user),
        stop_rule="source.stop",
        retry_rule="source.retry",
        log_rule="source.read_log",
        follow=follow_document_job,
        on_lost=delete_orphan_vectors,
        sentences=event_log.SENTENCES,
    ),
    JobPolicy(
        kinds.SOURCE_IMPORT,
        _("import of sources"),
        Job.Lane.READING,
        import_slice,
        model="ingestion.SourceImport",
        visible=lambda user: SourceImport.objects.visible_to(user),
        stop_rule="import.stop",
        retry_rule="import.retry",
        attempts=3,
    ),
    JobPolicy(
        kinds.INDEX_BUILD,
        _("index for another model"),
        Job.Lane.INDEXING,
        build_slice,
        model="ingestion.IndexBuild",
        outage_attempts=None,  # search goes on with the other index meanwhile
        at_once=1,
    ),
    JobPolicy(
        kinds.INDEX_REPAIR,
        _("check of the index"),
        Job.Lane.UPKEEP,
        repair_index_slice,
        at_once=1,
        merges=True,
    ),
    JobPolicy(
        kinds.INDEX_CLEANUP,
        _("removal of old indexes"),
        Job.Lane.UPKEEP,
        drop_old_collections,
        merges=True,
    ),
    JobPolicy(
        kinds.DOCUMENT_WORDS,
        _("words of a source"),
        Job.Lane.INDEXING,
        refresh_document_words,
        model="ingestion.Document",
        visible=lambda user: Document.objects.readable_by(user),
        merges=True,
    ),
    JobPolicy(
        kinds.SOURCE_REREAD,
        _("reading of sources by a newer reader"),
        Job.Lane.UPKEEP,
        reread_outdated,
        at_once=1,
        merges=True,
    ),
    JobPolicy(
        kinds.FORGET_DOCUMENT,
        _("removal of a source"),
        Job.Lane.UPKEEP,
        forget_document,
        merges=True,
    ),
]

for policy in POLICIES:
    register_kind(policy)
