"""Build the collections of another embedding model, beside those that search uses.

Search uses the old model and its collections until every row has a vector of the new model; then it
switches. Sources read meanwhile get vectors of the new model only: until the switch they are found
by full-text search alone.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Now

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
from wikico2.errors import TransientError, UserError
from wikico2.jobs.leases import LeaseLost
from wikico2.jobs.queue import enqueue, enqueue_later, is_paused
from wikico2.jobs.worker import JobRun
from wikico2.llm.client import RetryPolicy

logger = logging.getLogger(__name__)

ADVANCE = "ingestion.tasks.advance_build"
CLEANUP_TASK = "ingestion.tasks.drop_old_collections"
REPAIR_TASK = "ingestion.tasks.mend_index"
CLEANUP_DELAY = 60.0
LONGEST_WAIT = 600.0

State = IndexBuild.State


def active_model() -> str:
    """Return the name of the embedding model that search uses."""
    last = IndexBuild.objects.filter(state=State.DONE).order_by("-pk").first()
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
    if not IndexBuild.objects.filter(state=State.DONE).exists():
        IndexBuild.objects.create(model=usual["indexed_with"], state=State.DONE, finished_at=Now())
    begin_build(chosen_model())
    enqueue(REPAIR_TASK)


@transaction.atomic
def begin_build(model: str) -> IndexBuild | None:
    """Queue the build of a model's collections, unless search uses them or a build is running.

    Builds of other models are stopped.
    """
    running = IndexBuild.objects.in_progress()
    if model == active_model():
        running.update(state=State.STOPPED, lease_token=None, lease_until=None)
        return None
    running.exclude(model=model).update(state=State.STOPPED, lease_token=None, lease_until=None)
    if known := running.first():
        return known
    total = sum(indexed.due().count() for indexed in indexed_models())
    build = IndexBuild.objects.create(model=model, total=total)
    enqueue(ADVANCE, build.pk)
    return build


def retry_build(build: IndexBuild) -> None:
    """Queue a failed build again; it resumes where it stopped."""
    with transaction.atomic():
        failed = IndexBuild.objects.filter(pk=build.pk, state=State.FAILED)
        if failed.update(state=State.WORKING, attempts=0, error_code="", error_details={}):
            enqueue(ADVANCE, build.pk)


def run_build_slice(build_id: int) -> None:
    """Work on a build for one time slice; do nothing if another worker holds it."""
    token = IndexBuild.objects.in_progress().claim(build_id)
    build = IndexBuild.objects.filter(pk=build_id).first()
    if token is None or build is None:
        return
    run = IndexBuildRun(build, token)
    with suppress(LeaseLost):
        try:
            run.run()
        except TransientError as error:
            run.postpone(error)
        except UserError as error:
            run.fail(error)


class IndexBuildRun(JobRun[IndexBuild]):
    """A build that this worker holds, for one time slice."""

    rows = IndexBuild.objects.all()
    task = ADVANCE

    def run(self) -> None:
        """Index owner after owner until none is left or the slice is over."""
        embedder = get_embedder_by_name(self.row.model)
        patience = RetryPolicy.from_settings(on_wait=self.renew, on_pause=self.save_wait)
        for number, indexed in enumerate(indexed_models()):
            if number < self.row.shelf:
                continue
            after = self.row.owner if number == self.row.shelf else 0
            for owner in list(iterate_owners(indexed, after)):
                complete = fill_collection(
                    indexed, owner, embedder, enough=self.enough, patience=patience
                )
                if not complete:
                    self.pass_on()
                    return
                self.row.done += indexable_rows(indexed, owner).count()
                self.keep(shelf=number, owner=owner, done=self.row.done, **NO_ERROR)
                if indexed.owner == "document_id":
                    Document.objects.filter(pk=owner).update(indexed_with=self.row.model)
                if self.enough():
                    self.pass_on()
                    return
        self.finish()

    def enough(self) -> bool:
        return time.monotonic() >= self.deadline or is_paused()

    def save_wait(self, reason: UserError, seconds: float) -> None:
        self.keep(error_code=reason.code, error_details=reason.details)

    def pass_on(self) -> None:
        if is_paused():
            self.release(attempts=0)
        else:
            super().pass_on()

    def finish(self) -> None:
        """Make search use the new collections."""
        with transaction.atomic():
            self.release(state=State.DONE, finished_at=Now(), **NO_ERROR)
            enqueue_later(CLEANUP_TASK, seconds=CLEANUP_DELAY)
        logger.info("Search now uses %s.", self.row.model)

    def postpone(self, error: TransientError) -> None:
        """Retry with exponential back-off, without limit: nobody waits for a build."""
        retry_after = float(error.details.get("retry_after") or 0)
        wait = min(max(retry_after, 5.0 * 2 ** min(self.row.attempts, 10)), LONGEST_WAIT)
        self.rows.postpone(
            self.row.pk,
            self.token,
            dt.timedelta(seconds=wait),
            error_code=error.code,
            error_details=error.details,
        )


NO_ERROR: dict[str, Any] = {"attempts": 0, "error_code": "", "error_details": {}}


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
