"""Build: another embedding model gets collections of its own, beside those that search uses.

Search goes on with the old model, its collections and its questions, until all that is to be found
has its vector of the new one; then it changes over at once. Sources that are read meanwhile get
vectors of the new model only: until then they are found by their words.
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
    """Return the name of the model by which search asks."""
    last = IndexBuild.objects.filter(state=State.DONE).order_by("-pk").first()
    return last.model if last else chosen_model()


def search_embedder() -> Embedder:
    """Return the embedder of the questions."""
    return get_embedder_by_name(active_model())


def check_index_settings(**kwargs: Any) -> None:
    """See at the start whether the model is another one, and whether the index is still there."""
    if IndexBuild._meta.db_table not in connection.introspection.table_names():
        return  # only a part of the migrations was asked for
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
    """Queue the build of a model's collections, unless search uses them or it is under way."""
    running = IndexBuild.objects.in_progress()
    if model == active_model():
        running.update(state=State.STOPPED, lease_token=None, lease_until=None)
        return None
    running.exclude(model=model).update(state=State.STOPPED, lease_token=None, lease_until=None)
    if known := running.first():
        return known
    total = sum(holding.due().count() for holding in indexed_models())
    build = IndexBuild.objects.create(model=model, total=total)
    enqueue(ADVANCE, build.pk)
    return build


def retry_build(build: IndexBuild) -> None:
    """Queue a build that has failed again; it goes on where it was."""
    with transaction.atomic():
        failed = IndexBuild.objects.filter(pk=build.pk, state=State.FAILED)
        if failed.update(state=State.WORKING, attempts=0, error_code="", error_details={}):
            enqueue(ADVANCE, build.pk)


def run_build_slice(build_id: int) -> None:
    """Take a build as far as one time slice allows; do nothing if it is not ours to take."""
    token = IndexBuild.objects.in_progress().claim(build_id)
    build = IndexBuild.objects.filter(pk=build_id).first()
    if token is None or build is None:
        return
    ours = IndexBuildRun(build, token)
    with suppress(LeaseLost):
        try:
            ours.run()
        except TransientError as error:
            ours.postpone(error)
        except UserError as error:
            ours.fail(error)


class IndexBuildRun(JobRun[IndexBuild]):
    """A build in the hands of this worker, for one time slice."""

    rows = IndexBuild.objects.all()
    task = ADVANCE

    def run(self) -> None:
        """Go from owner to owner until none is left or the slice is over."""
        embedder = get_embedder_by_name(self.row.model)
        patience = RetryPolicy.from_settings(on_wait=self.renew, on_pause=self.waits)
        for number, holding in enumerate(indexed_models()):
            if number < self.row.shelf:
                continue
            after = self.row.owner if number == self.row.shelf else 0
            for owner in list(iterate_owners(holding, after)):
                whole = fill_collection(
                    holding, owner, embedder, enough=self.enough, patience=patience
                )
                if not whole:
                    self.pass_on()
                    return
                self.row.done += indexable_rows(holding, owner).count()
                self.keep(shelf=number, owner=owner, done=self.row.done, **NO_TROUBLE)
                if holding.owner == "document_id":
                    Document.objects.filter(pk=owner).update(indexed_with=self.row.model)
                if self.enough():
                    self.pass_on()
                    return
        self.finish()

    def enough(self) -> bool:
        return time.monotonic() >= self.deadline or is_paused()

    def waits(self, reason: UserError, seconds: float) -> None:
        self.keep(error_code=reason.code, error_details=reason.details)

    def pass_on(self) -> None:
        if is_paused():
            self.release(attempts=0)
        else:
            super().pass_on()

    def finish(self) -> None:
        """Have search use the new collections from now on."""
        with transaction.atomic():
            self.release(state=State.DONE, finished_at=Now(), **NO_TROUBLE)
            enqueue_later(CLEANUP_TASK, seconds=CLEANUP_DELAY)
        logger.info("Search asks %s from now on.", self.row.model)

    def postpone(self, error: TransientError) -> None:
        """Try again later, each time later, for as long as it takes: nobody waits for it."""
        asked = float(error.details.get("retry_after") or 0)
        wait = min(max(asked, 5.0 * 2 ** min(self.row.attempts, 10)), LONGEST_WAIT)
        self.rows.postpone(
            self.row.pk,
            self.token,
            dt.timedelta(seconds=wait),
            error_code=error.code,
            error_details=error.details,
        )


NO_TROUBLE: dict[str, Any] = {"attempts": 0, "error_code": "", "error_details": {}}


def drop_unused_collections() -> list[str]:
    """Drop the collections of models that search does not use and that are not being built."""
    names = other_collections({active_model(), *models_being_built()})
    for name in names:
        drop_collection(name)
    return names


def models_being_built() -> set[str]:
    """Return the models whose collections are being filled, though search does not use them yet."""
    return {chosen_model(), *IndexBuild.objects.in_progress().values_list("model", flat=True)}


def repair_index(say: Callable[[str], None] = logger.info) -> None:
    """Put into the index what it has lost, from the vectors that are kept."""
    model = active_model()
    if counts_agree(model):
        return
    embedder = get_embedder_by_name(model)
    for holding in indexed_models():
        found = audit_collection(holding, model)
        if not found.is_sound:
            say(f"The index lacked {found.missing_count} vectors: they are put in again.")
            repair_collection(holding, embedder, found)
