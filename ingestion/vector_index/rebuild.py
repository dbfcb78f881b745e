"""Build the collections of another embedding model, beside those that search uses.

Search uses the old model and its collections until every row has a vector of the new model; then it
switches. Sources read meanwhile get vectors of the new model only: until the switch they are found
by full-text search alone.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Now

from ingestion.kinds import INDEX_BUILD, INDEX_CLEANUP, INDEX_REPAIR
from ingestion.models import Document, IndexBuild
from ingestion.vector_index.chroma_client import drop_collection
from ingestion.vector_index.consistency import (
    audit_collection,
    counts_agree,
    fill_collection,
    indexable_rows,
    iterate_owners,
    other_collections,
    repair_collection,
)
from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.embedders.registry import chosen_model, get_embedder_by_name
from ingestion.vector_index.registry import indexed_models
from wikico2.jobs.queue import start_job, stop_job
from wikico2.jobs.runner import JobRun

logger = logging.getLogger(__name__)

CLEANUP_DELAY = 60.0


def active_model() -> str:
    """Return the name of the embedding model that search uses."""
    last = IndexBuild.objects.filter(finished_at__isnull=False).order_by("-pk").first()
    return last.model if last else chosen_model()


def search_embedder() -> Embedder:
    """Return the embedder of queries."""
    return get_embedder_by_name(active_model())


def check_index_settings(**kwargs: Any) -> None:
    """At startup, queue a build if the chosen model has changed, and a repair of the index."""
    if IndexBuild._meta.db_table not in connection.introspection.table_names():
        return  # only some of the migrations were run
    ready = Document.objects.ready().exclude(indexed_with="")
    usual = ready.order_by().values("indexed_with").annotate(n=Count("pk")).order_by("-n").first()
    if usual is None:
        return
    if not IndexBuild.objects.filter(finished_at__isnull=False).exists():
        IndexBuild.objects.create(model=usual["indexed_with"], finished_at=Now())
    begin_build(chosen_model())
    start_job(INDEX_REPAIR)


@transaction.atomic
def begin_build(model: str) -> IndexBuild | None:
    """Queue the build of a model's collections, unless search uses them or a build is running.

    Builds of other models are stopped.
    """
    running = list(IndexBuild.objects.in_progress())
    others = [build for build in running if build.model != model or model == active_model()]
    for build in others:
        stop_job(build.job)
    if model == active_model():
        return None
    if known := next((build for build in running if build not in others), None):
        return known
    total = sum(indexed.due().count() for indexed in indexed_models())
    build = IndexBuild.objects.create(model=model)
    start_job(INDEX_BUILD, build.pk, total=total)
    return build


def build_slice(run: JobRun) -> bool:
    """Index owner after owner for one time slice; return whether none is left."""
    build = IndexBuild.objects.get(pk=run.row_id)
    embedder = get_embedder_by_name(build.model)
    for number, indexed in enumerate(indexed_models()):
        if number < build.shelf:
            continue
        after = build.owner if number == build.shelf else 0
        for owner in list(iterate_owners(indexed, after)):
            complete = fill_collection(
                indexed, owner, embedder, enough=run.enough, patience=run.patience()
            )
            if not complete:
                return False
            done = run.job.done + indexable_rows(indexed, owner).count()
            with transaction.atomic():
                run.advance(done=done, total=max(done, run.job.total))
                IndexBuild.objects.filter(pk=build.pk).update(shelf=number, owner=owner)
                if indexed.owner == "document_id":
                    Document.objects.filter(pk=owner).update(indexed_with=build.model)
            if run.enough():
                return False
    with transaction.atomic():
        run.finish()
        IndexBuild.objects.filter(pk=build.pk).update(finished_at=Now())
        start_job(INDEX_CLEANUP, delay=CLEANUP_DELAY)
    logger.info("Search now uses %s.", build.model)
    return True


def drop_unused_collections() -> list[str]:
    """Drop the collections of models neither used by search nor being built; return their names."""
    names = other_collections({active_model(), *models_being_built()})
    for name in names:
        drop_collection(name)
    return names


def models_being_built() -> set[str]:
    """Return the models with a build in progress, and the chosen one."""
    return {chosen_model(), *IndexBuild.objects.in_progress().values_list("model", flat=True)}


def repair_index(report: Callable[[str], None] = logger.info) -> None:
    """Add to the index the vectors that it has lost, from the cache."""
    model = active_model()
    if counts_agree(model):
        return
    embedder = get_embedder_by_name(model)
    for indexed in indexed_models():
        found = audit_collection(indexed, model)
        if not found.is_sound:
            report(f"The index lacks {found.missing_count} vectors: they are added again.")
            repair_collection(indexed, embedder, found)
