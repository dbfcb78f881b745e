"""Import documents from web addresses and archives, in the queue.

An address is fetched, an archive is opened, and each document goes through `accept_upload`; the
reason of each refusal is stored. A worker holds the source import by a lease and can be killed at
any time: each document is created in one transaction with its `ImportedFile`.
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

from ingestion.intake.fetch import checked_url, fetch_file, is_without_scheme
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
"""Attempts without progress after which an import counts as failed."""

logger = logging.getLogger(__name__)

State = SourceImport.State


# --- Actions of people ----------------------------------------------------------------------------


def receive_upload(
    upload: File[Any],
    user: Any,
    *,
    on_created: Callable[[Document | None], None] | None = None,
    **options: Any,
) -> Document | SourceImport:
    """Accept a file: create its document, or queue the import of an archive of documents.

    `options` are passed to `accept_upload`: access, supersedes. `on_created` is called with the
    document in the transaction that creates it, or with None in the one that creates a source
    import. Raises UserError like `accept_upload`, and archive_version, archive_damaged,
    archive_empty, archive_too_many, archive_too_large.
    """
    if on_created is not None:
        options["on_created"] = on_created
    content = cast("IO[bytes]", upload)
    refused = not upload.size or upload.size > settings.MAX_UPLOAD_MB * MEGABYTE
    if refused or not is_archive(content):
        return accept_upload(upload, user, **options)
    if options.get("supersedes"):
        raise UserError("archive_version")
    with ZipArchive(content) as archive:
        count = len(archive.members)
    upload.seek(0)
    source_import = SourceImport(name=clean_name(upload.name or ""), size=upload.size, total=count)
    source_import.file.save(f"{uuid4().hex}.zip", upload, save=False)
    try:
        return _queue_import(source_import, user, **options)
    except BaseException:
        source_import.file.delete(save=False)
        raise


def receive_url(url: str, user: Any, **options: Any) -> SourceImport:
    """Queue the import of a web address; raises UserError("address_invalid")."""
    return _queue_import(SourceImport(name=url[:300], url=checked_url(url)), user, **options)


def retry_import(source_import: SourceImport) -> bool:
    """Queue a failed or cancelled source import again; return whether it was one."""
    return requeue_job(SourceImport.objects.all(), source_import.pk, RUN_IMPORT)


def cancel_import(source_import: SourceImport) -> bool:
    """Cancel a source import, keeping what it has imported; return whether it was in progress."""
    return stop_job(SourceImport.objects.in_progress(), source_import.pk)


def delete_import(source_import: SourceImport) -> None:
    """Delete a source import and its archive; the sources that it has imported stay."""
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
    on_created: Callable[[None], None] = lambda document: None,
) -> SourceImport:
    source_import.access = access
    source_import.supersedes = supersedes
    source_import.given_by = user if user is not None and user.is_authenticated else None
    with transaction.atomic():
        source_import.save()
        on_created(None)
        enqueue(RUN_IMPORT, source_import.pk)
    return source_import


# --- Actions of workers ---------------------------------------------------------------------------


def run_import_slice(source_import_id: int) -> None:
    """Work on a source import for one time slice, unless another worker holds it."""
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
        logger.info("Source import %d: the lease was lost.", source_import_id)
    except TransientError as error:
        ours.postpone(error)
    except UserError as error:
        ours.fail(error)
    except Exception as error:
        logger.exception("Source import %d, %s:", source_import_id, source_import.state)
        ours.postpone(TransientError("internal", reason=type(error).__name__))


class ImportRun(JobRun[SourceImport]):
    """A source import that this worker holds, for one time slice."""

    rows = SourceImport.objects.all()
    task = RUN_IMPORT

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            reason = f"worker stopped {MAX_ATTEMPTS} times"
            raise UserError("internal", reason=reason)
        if not self.row.file:
            if self.row.files.exists():  # imported already, only not yet marked as done
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
        """Fetch the address: import a document at once, store an archive for `open`."""
        source_import = self.row
        self.keep(state=State.FETCHING, done=0, total=0)
        with tempfile.NamedTemporaryFile() as copy:
            fetched = fetch_file(
                source_import.url,
                copy,
                progress=self.progress,
                or_http=is_without_scheme(source_import.name),
            )
            size = copy.tell()
            self.keep(size=size, name=fetched.name[:300])
            if not is_archive(copy):
                self.import_file(1, fetched.name, copy, only=True)
                self.finish()
                return
            if source_import.supersedes:
                raise UserError("archive_version")
            with ZipArchive(copy) as archive:
                count = len(archive.members)
            copy.seek(0)
            source_import.file.save(f"{uuid4().hex}.zip", File(copy), save=False)
            self.keep(file=source_import.file.name, done=0, total=count, attempts=0)

    def open(self) -> None:
        """Import the documents of the archive that have not been imported yet."""
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
                with tempfile.NamedTemporaryFile() as copy:
                    fill = partial(archive.copy, member, copy.file)
                    self.import_file(position, member.name, copy, fill)
                self.keep(done=position, total=len(archive.members), attempts=0)
        self.finish()

    def import_file(
        self,
        position: int,
        name: str,
        file: IO[bytes],
        fill: Callable[[], None] = lambda: None,
        *,
        only: bool = False,
    ) -> None:
        """Accept one document, written into the file by `fill`, and store the outcome.

        If the `only` document of a source import is refused, the source import itself fails.
        """
        source_import = self.row
        item = ImportedFile(source_import=source_import, position=position, name=name)

        def save_item(document: Document) -> None:
            self.keep()  # raises LeaseLost if the source import was cancelled meanwhile
            item.document = document
            item.save()

        try:
            fill()
            item.size = file.seek(0, 2)
            file.seek(0)
            accept_upload(
                File(file, name=name),
                source_import.given_by,
                access=source_import.access,
                origin=source_import.url,
                supersedes=source_import.supersedes if only else None,
                on_created=save_item,
            )
        except UserError as error:
            if only and error.code != "duplicate":
                raise
            item.error_code, item.error_details = error.code, error.details
        if item.pk is None:
            item.save()

    # --- How the slice ends ---

    def finish(self) -> None:
        name = self.row.file.name
        done = self.row.files.count()
        self.release(
            state=State.DONE, done=done, total=done, file="", error_code="", error_details={}
        )
        if name:
            default_storage.delete(name)

    def postpone(self, error: TransientError) -> None:
        """Retry with exponential back-off; fail after `MAX_ATTEMPTS`."""
        attempts = self.row.attempts
        if attempts >= MAX_ATTEMPTS:
            self.fail(error)
            return
        retry_after = float(error.details.get("retry_after") or 0)
        wait = dt.timedelta(seconds=max(retry_after, 5.0 * 4 ** (attempts - 1)))
        with suppress(LeaseLost):
            self.rows.postpone(
                self.row.pk,
                self.token,
                wait,
                state=State.WAITING,
                error_code=error.code,
                error_details=error.details,
            )
