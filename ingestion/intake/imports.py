"""Deliver: what is given and is no document yet becomes documents, in the queue.

A web address is fetched, an archive is opened, and each document found is accepted like any other;
what is refused keeps its sentence. A worker holds the source import by a lease and can be cut short
anywhere: documents are taken in one by one, each with its line in the same transaction.
"""

import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO, Any, cast
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max

from ingestion.intake.fetch import checked_url, fetch_file
from ingestion.intake.upload import accept_upload, clean_name
from ingestion.intake.zip_archive import ZipArchive, is_archive
from ingestion.models import Document, ImportedFile, SourceImport
from wikico2.errors import TransientError, UserError
from wikico2.jobs.leases import LeaseLost, keep_lease_alive
from wikico2.jobs.queue import enqueue
from wikico2.jobs.worker import JobRun, requeue_job, stop_job
from wikico2.sizes import MEGABYTE

RUN_IMPORT = "ingestion.tasks.run_import"
MAX_ATTEMPTS = 3
"""How often an address is tried without any progress before it counts as failed."""

logger = logging.getLogger(__name__)

State = SourceImport.State


# --- What people do -------------------------------------------------------------------------------


def receive_upload(
    upload: File[Any],
    user: Any,
    *,
    noted: Callable[[Document | None], None] | None = None,
    **kept: Any,
) -> Document | SourceImport:
    """Take in a file: a document at once, an archive of documents in the queue.

    `kept` is what `accept_upload` keeps of it: access, supersedes. `noted` is called in the
    transaction in which the document appears, or without one when a source import does. Raises
    UserError like `accept_upload`, and archive_version, archive_damaged, archive_empty,
    archive_too_many, archive_too_large.
    """
    if noted is not None:
        kept["noted"] = noted
    content = cast("IO[bytes]", upload)
    refused = not upload.size or upload.size > settings.MAX_UPLOAD_MB * MEGABYTE
    if refused or not is_archive(content):
        return accept_upload(upload, user, **kept)
    if kept.get("supersedes"):
        raise UserError("archive_version")
    with ZipArchive(content) as archive:
        count = len(archive.members)
    upload.seek(0)
    source_import = SourceImport(name=clean_name(upload.name or ""), size=upload.size, total=count)
    source_import.file.save(f"{uuid4().hex}.zip", upload, save=False)
    try:
        return _queue_import(source_import, user, **kept)
    except BaseException:
        source_import.file.delete(save=False)
        raise


def receive_url(url: str, user: Any, **kept: Any) -> SourceImport:
    """Have a web address fetched; raises UserError("address_invalid")."""
    url = checked_url(url)
    return _queue_import(SourceImport(name=url[:300], url=url), user, **kept)


def retry_import(source_import: SourceImport) -> bool:
    """Put a failed or cancelled source import back to work; tell whether it was one."""
    return requeue_job(SourceImport.objects.all(), source_import.pk, RUN_IMPORT)


def cancel_import(source_import: SourceImport) -> bool:
    """Stop a source import; what has been taken in stays. Tell whether it was under way."""
    return stop_job(SourceImport.objects.in_progress(), source_import.pk)


def delete_import(source_import: SourceImport) -> None:
    """Delete the record of a source import, and its archive; the sources that it brought stay."""
    name = source_import.file.name
    source_import.delete()
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))


def _queue_import(
    source_import: SourceImport,
    user: Any,
    *,
    access: str = Document.Access.OPEN,
    supersedes: Document | None = None,
    noted: Callable[[None], None] = lambda document: None,
) -> SourceImport:
    source_import.access = access
    source_import.supersedes = supersedes
    source_import.given_by = user if user is not None and user.is_authenticated else None
    with transaction.atomic():
        source_import.save()
        noted(None)
        enqueue(RUN_IMPORT, source_import.pk)
    return source_import


# --- What workers do ------------------------------------------------------------------------------


def run_import_slice(source_import_id: int) -> None:
    """Take a source import as far as one time slice allows, unless another worker holds it."""
    token = SourceImport.objects.in_progress().claim(source_import_id)
    if token is None:
        return
    source_import = SourceImport.objects.select_related("given_by", "supersedes").get(
        pk=source_import_id
    )
    ours = ImportRun(source_import, token)
    try:
        with keep_lease_alive(SourceImport.objects.all(), source_import_id, token):
            ours.run()
    except LeaseLost:
        logger.info("Delivery %d was taken out of our hands.", source_import_id)
    except TransientError as error:
        ours.postpone(error)
    except UserError as error:
        ours.fail(error)
    except Exception as error:
        logger.exception("Delivery %d, %s:", source_import_id, source_import.state)
        ours.postpone(TransientError("internal", reason=type(error).__name__))


class ImportRun(JobRun[SourceImport]):
    """A source import in the hands of this worker, for one time slice."""

    rows = SourceImport.objects.all()
    task = RUN_IMPORT

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            reason = f"worker stopped {MAX_ATTEMPTS} times"
            raise UserError("internal", reason=reason)
        if not self.row.file:
            if self.row.files.exists():  # only the end was missing
                self.finish()
                return
            self.fetch()
        if self.row.file:
            self.open()

    def progress(self, done: int, total: int) -> None:
        if time.monotonic() - self.written_at >= 0.3:
            self.keep(done=done, total=total)

    # --- The two steps ---

    def fetch(self) -> None:
        """Fetch the address: a document is taken in at once, an archive is kept to be opened."""
        source_import = self.row
        self.keep(state=State.FETCHING, done=0, total=0)
        with tempfile.NamedTemporaryFile() as kept:
            found = fetch_file(source_import.url, kept, progress=self.progress)
            size = kept.tell()
            self.keep(size=size, name=found.name[:300])
            if not is_archive(kept):
                self.take(1, found.name, kept, only=True)
                self.finish()
                return
            if source_import.supersedes:
                raise UserError("archive_version")
            with ZipArchive(kept) as archive:
                count = len(archive.members)
            kept.seek(0)
            source_import.file.save(f"{uuid4().hex}.zip", File(kept), save=False)
            self.keep(file=source_import.file.name, done=0, total=count, attempts=0)

    def open(self) -> None:
        """Take in the documents of the archive that have not been yet."""
        source_import = self.row
        self.keep(state=State.OPENING)
        done = source_import.files.aggregate(last=Max("position"))["last"] or 0
        try:
            stored = cast("IO[bytes]", source_import.file.open("rb"))
        except FileNotFoundError:
            raise UserError("file_missing") from None
        with stored, ZipArchive(stored) as archive:
            for position, member in enumerate(archive.members[done:], start=done + 1):
                if time.monotonic() >= self.deadline:
                    self.pass_on()
                    return
                with tempfile.NamedTemporaryFile() as kept:
                    fill = partial(archive.copy, member, kept.file)
                    self.take(position, member.name, kept, fill)
                self.keep(done=position, total=len(archive.members), attempts=0)
        self.finish()

    def take(
        self,
        position: int,
        name: str,
        file: IO[bytes],
        filled: Callable[[], None] = lambda: None,
        *,
        only: bool = False,
    ) -> None:
        """Accept one document, which `filled` has yet to put into the file, and note the outcome.

        The `only` document of a source import that is refused is the source import's own failure.
        """
        source_import = self.row
        item = ImportedFile(source_import=source_import, position=position, name=name)

        def note(document: Document) -> None:
            self.keep()  # a source import that was cancelled meanwhile brings nothing more
            item.document = document
            item.save()

        try:
            filled()
            item.size = file.seek(0, 2)
            file.seek(0)
            accept_upload(
                File(file, name=name),
                source_import.given_by,
                access=source_import.access,
                origin=source_import.url,
                supersedes=source_import.supersedes if only else None,
                noted=note,
            )
        except UserError as error:
            if only and error.code != "duplicate":
                raise
            item.error_code, item.error_details = error.code, error.details
        if item.pk is None:
            item.save()

    # --- The ways to end ---

    def finish(self) -> None:
        name = self.row.file.name
        done = self.row.files.count()
        self.release(
            state=State.DONE, done=done, total=done, file="", error_code="", error_details={}
        )
        if name:
            default_storage.delete(name)

    def postpone(self, error: TransientError) -> None:
        """Try again later, each time later; give up when it has been tried often enough."""
        attempts = self.row.attempts
        if attempts >= MAX_ATTEMPTS:
            self.fail(error)
            return
        asked = float(error.details.get("retry_after") or 0)
        wait = dt.timedelta(seconds=max(asked, 5.0 * 4 ** (attempts - 1)))
        with suppress(LeaseLost):
            self.rows.postpone(
                self.row.pk,
                self.token,
                wait,
                state=State.WAITING,
                error_code=error.code,
                error_details=error.details,
            )
