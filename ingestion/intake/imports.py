"""Import documents from web addresses and archives, in the queue.

An address is fetched, an archive is opened, and each document goes through `accept_upload`; the
reason of each refusal is stored. A worker holds the source import by a lease and can be killed at
any time: each document is created in one transaction with its `ImportedFile`.
"""

import tempfile
from collections.abc import Callable
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
from ingestion.kinds import SOURCE_IMPORT
from ingestion.models import Document, ImportedFile, SourceImport
from wikico2.accounts.audit import record
from wikico2.errors import UserError
from wikico2.jobs.queue import restart_job, start_job, stop_job
from wikico2.jobs.runner import JobRun
from wikico2.sizes import MEGABYTE

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
    source_import = SourceImport(name=clean_name(upload.name or ""), size=upload.size)
    source_import.file.save(f"{uuid4().hex}.zip", upload, save=False)
    try:
        return _queue_import(source_import, user, total=count, **options)
    except BaseException:
        source_import.file.delete(save=False)
        raise


def receive_url(url: str, user: Any, **options: Any) -> SourceImport:
    """Queue the import of a web address; raises UserError("address_invalid")."""
    return _queue_import(SourceImport(name=url[:300], url=checked_url(url)), user, **options)


def retry_import(source_import: SourceImport, user: Any = None) -> bool:
    """Queue a failed or cancelled source import again; return whether it was one."""
    return restart_job(source_import.job, user)


def cancel_import(source_import: SourceImport, user: Any = None) -> bool:
    """Cancel a source import, keeping what it has imported; return whether it was in progress."""
    return stop_job(source_import.job, user)


def delete_import(source_import: SourceImport) -> None:
    """Delete a source import and its archive; the sources that it has imported stay."""
    name = source_import.file.name
    record("import.remove", source_import)
    source_import.delete()
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))


def _queue_import(
    source_import: SourceImport,
    user: Any,
    *,
    total: int = 0,
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
        start_job(SOURCE_IMPORT, source_import.pk, owner=source_import.given_by_id, total=total)
    return source_import


# --- Actions of workers ---------------------------------------------------------------------------


def import_slice(run: JobRun) -> bool:
    """Work on a source import for one time slice."""
    rows = SourceImport.objects.select_related("given_by", "supersedes")
    source_import = rows.filter(pk=run.row_id).first()
    return source_import is None or ImportRun(run, source_import).run()


class ImportRun:
    """One time slice of a source import."""

    def __init__(self, job_run: JobRun, source_import: SourceImport) -> None:
        self.slice = job_run
        self.row = source_import

    def run(self) -> bool:
        """Fetch the address, then open the archive; return whether all is imported."""
        if not self.row.file and not self.row.files.exists():
            self.fetch()
        return not self.row.file or self.open()

    # --- The two steps ---

    def fetch(self) -> None:
        """Fetch the address: import a document at once, store an archive for `open`."""
        source_import = self.row
        self.slice.keep(done=0, total=0)
        with tempfile.NamedTemporaryFile() as copy:
            fetched = fetch_file(
                source_import.url,
                copy,
                progress=self.slice.progress_or_pause,
                or_http=is_without_scheme(source_import.name),
            )
            size = copy.tell()
            self.write(size=size, name=fetched.name[:300])
            if not is_archive(copy):
                self.import_file(1, fetched.name, copy, only=True)
                return
            if source_import.supersedes:
                raise UserError("archive_version")
            with ZipArchive(copy) as archive:
                count = len(archive.members)
            copy.seek(0)
            source_import.file.save(f"{uuid4().hex}.zip", File(copy), save=False)
            self.write(file=source_import.file.name)
            self.slice.advance(done=0, total=count)

    def open(self) -> bool:
        """Import the documents of the archive that are missing; return whether none is left."""
        source_import = self.row
        done = source_import.files.aggregate(last=Max("position"))["last"] or 0
        try:
            stored = cast("IO[bytes]", source_import.file.open("rb"))
        except FileNotFoundError:
            raise UserError("file_missing") from None
        with stored, ZipArchive(stored) as archive:
            for position, member in enumerate(archive.members[done:], start=done + 1):
                if self.slice.enough():
                    return False
                with tempfile.NamedTemporaryFile() as copy:
                    fill = partial(archive.copy, member, copy.file)
                    self.import_file(position, member.name, copy, fill)
                self.slice.advance(done=position, total=len(archive.members))
        with transaction.atomic():
            name = source_import.file.name
            self.write(file="")
            self.slice.finish()
        default_storage.delete(name or "")
        return True

    def write(self, **values: Any) -> None:
        """Write to the source import while its job is ours; raises LeaseLost."""
        with transaction.atomic():
            self.slice.keep()
            SourceImport.objects.filter(pk=self.row.pk).update(**values)

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
            self.slice.keep()  # raises LeaseLost if the source import was cancelled meanwhile
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
