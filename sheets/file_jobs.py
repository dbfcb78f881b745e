"""File jobs: run PDFs, imports and exports in the queue, with progress for the page.

A worker claims a file job by a lease and can be stopped at any point. Each kind of file job resumes
where it was, or starts again without doing anything twice.
"""

import datetime as dt
import logging
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Any, cast
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone, translation

from sheets.models import FileJob, Sheet
from sheets.transfer.archive import open_archive
from sheets.transfer.exporter import ExportProgress, WikiExporter, state_of_wiki
from sheets.transfer.importer import ImportReport, WikiImporter
from sheets.transfer.pdf import SheetPdf, store_pdf
from wikico2.errors import UserError
from wikico2.jobs.leases import LeaseLost, keep_lease_alive
from wikico2.jobs.queue import enqueue
from wikico2.jobs.worker import JobRun, requeue_job, stop_job
from wikico2.models import User
from wikico2.sizes import MEGABYTE

RUN_FILE_JOB = "sheets.tasks.run_file_job"
MAX_ATTEMPTS = 3
"""Attempts without progress after which a file job fails."""
PROGRESS_SECONDS = 0.5
"""Seconds between progress updates of an export."""
JOB_RETENTION = dt.timedelta(days=30)
ARCHIVE_RETENTION = dt.timedelta(days=7)
"""Time after which the archive of an export is deleted."""
ARCHIVES = "archives"

logger = logging.getLogger(__name__)

Kind, State = FileJob.Kind, FileJob.State


# --- Requests -------------------------------------------------------------------------------------


def request_pdf(sheet: Sheet, pdf: SheetPdf) -> None:
    """Queue the rendering of a PDF that is not stored yet; concurrent requests share one job."""
    with transaction.atomic():
        file_job, is_new = FileJob.objects.get_or_create(
            kind=Kind.PDF, name=pdf.name, defaults={"sheet": sheet, "page": pdf.page}
        )
        if is_new:
            enqueue(RUN_FILE_JOB, file_job.pk)
    if not is_new:
        restart_file_job(file_job)


def request_wiki_import(archive: File[Any], name: str, user: User) -> FileJob:
    """Queue the import of an archive; raises UserError not_an_archive."""
    with open_archive(cast("IO[bytes]", archive)) as found:
        total = WikiImporter(found, user).total
    archive.seek(0)
    file_job = FileJob(
        kind=Kind.IMPORT,
        name=name[:300],
        asked_by=user,
        language=translation.get_language() or "",
        total=total,
    )
    file_job.file.save(f"{uuid4().hex}.zip", archive, save=False)
    try:
        with transaction.atomic():
            file_job.save()
            enqueue(RUN_FILE_JOB, file_job.pk)
    except BaseException:
        file_job.file.delete(save=False)
        raise
    return file_job


def request_wiki_export(user: User, *, files: bool = True) -> FileJob:
    """Queue an export of the wiki, or return the last one if nothing has changed since.

    Without `files` those of the sources are left out. Concurrent requests share one job.
    """
    name = FileJob.WHOLE if files else FileJob.WITHOUT_FILES
    exports = FileJob.objects.filter(kind=Kind.EXPORT, name=name)
    ready = exports.filter(state=State.DONE, page=state_of_wiki()).first()
    if ready and default_storage.exists(ready.file.name or ""):
        return ready
    with transaction.atomic():
        file_job, is_new = FileJob.objects.get_or_create(
            kind=Kind.EXPORT,
            name=name,
            state__in=FileJob.WORKING,
            defaults={"asked_by": user, "language": translation.get_language() or ""},
        )
        if is_new:
            enqueue(RUN_FILE_JOB, file_job.pk)
    return file_job


def restart_file_job(file_job: FileJob) -> bool:
    """Queue a failed or cancelled file job again; tell whether it was one.

    An export starts from the beginning, since the wiki has changed; False if another one is in
    progress.
    """
    reset = {"done": 0, "report": {}, "file": "", "created_at": timezone.now()}
    values = reset if file_job.kind == Kind.EXPORT else {}
    try:
        return requeue_job(FileJob.objects.all(), file_job.pk, RUN_FILE_JOB, **values)
    except IntegrityError:
        return False


def stop_file_job(file_job: FileJob) -> bool:
    """Cancel a file job, without undoing its work; tell whether it was in progress."""
    return stop_job(FileJob.objects.in_progress(), file_job.pk)


def clear_file_jobs() -> None:
    """Delete file jobs that ended long ago, with their archives and those of deleted jobs."""
    now = timezone.now()
    exports = Q(kind=Kind.EXPORT, created_at__lt=now - ARCHIVE_RETENTION)
    for file_job in FileJob.objects.exclude(state__in=FileJob.WORKING).filter(
        exports | Q(created_at__lt=now - JOB_RETENTION)
    ):
        if file_job.file.name:
            default_storage.delete(file_job.file.name)
        file_job.delete()
    known = {str(pk) for pk in FileJob.objects.values_list("pk", flat=True)}
    for pk in set(list_storage(ARCHIVES)[0]) - known:
        delete_archives(pk)
        default_storage.delete(f"{ARCHIVES}/{pk}")


def delete_archives(file_job: int | str, *, but: str = "") -> None:
    """Delete the stored archives of an export, except the file `but`."""
    for file in list_storage(f"{ARCHIVES}/{file_job}")[1]:
        if (name := f"{ARCHIVES}/{file_job}/{file}") != but:
            default_storage.delete(name)


def list_storage(folder: str) -> tuple[list[str], list[str]]:
    """Return the directories and the files of a folder in the storage; empty if it is missing."""
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []


# --- Workers --------------------------------------------------------------------------------------


def run_file_job_slice(file_job_id: int) -> None:
    """Run a file job for one time slice, if it can be claimed."""
    token = FileJob.objects.in_progress().claim(file_job_id)
    if token is None:
        return
    file_job = FileJob.objects.select_related("asked_by").get(pk=file_job_id)
    run = FileJobRun(file_job, token)
    try:
        with keep_lease_alive(FileJob.objects.all(), file_job_id, token):
            run.run()
    except LeaseLost:
        logger.info("File job %d was cancelled or taken over.", file_job_id)
    except UserError as error:
        run.fail(error)
    except Exception as error:
        logger.exception("File job %d, %s:", file_job_id, file_job.kind)
        run.fail(UserError("internal", reason=type(error).__name__))


class FileJobRun(JobRun[FileJob]):
    """A file job claimed by this worker, for one time slice."""

    rows = FileJob.objects.all()
    task = RUN_FILE_JOB

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            raise UserError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
        self.keep(state=State.RUNNING)
        kinds: dict[str, Callable[[], None]] = {
            Kind.PDF: self.make_pdf,
            Kind.IMPORT: self.run_import,
            Kind.EXPORT: self.run_export,
        }
        with translation.override(self.row.language or settings.LANGUAGE_CODE):
            kinds[self.row.kind]()

    def make_pdf(self) -> None:
        store_pdf(SheetPdf(self.row.name, self.row.page))
        FileJob.objects.filter(pk=self.row.pk, lease_token=self.token).delete()

    def run_import(self) -> None:
        """Import the remaining files of the archive."""
        file_job = self.row
        assert file_job.asked_by is not None
        try:
            stored = cast("IO[bytes]", file_job.file.open("rb"))
        except FileNotFoundError:
            raise UserError("file_missing") from None
        with stored, open_archive(stored) as archive:
            importer = WikiImporter(archive, file_job.asked_by, ImportReport(**file_job.report))
            for done in importer.steps(file_job.done):
                self.keep(
                    done=done, total=importer.total, report=asdict(importer.report), attempts=0
                )
                if done < importer.total and time.monotonic() >= self.deadline:
                    self.pass_on()
                    return
        name = file_job.file.name
        self.release(state=State.DONE, file="", error_code="", error_details={})
        default_storage.delete(name or "")

    def run_export(self) -> None:
        """Export the wiki, resuming after the last time slice."""
        with tempfile.TemporaryFile() as file:
            progress = self.load_archive(file)
            deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
            with zipfile.ZipFile(file, "a") as archive:
                whole = self.row.with_files
                packer = WikiExporter(archive, sources=whole, progress=progress)
                is_whole = True
                for done in packer.steps():
                    if (now := time.monotonic()) - self.written_at > PROGRESS_SECONDS:
                        self.keep(done=done, total=packer.total)
                    if now >= deadline and done < packer.total:
                        is_whole = False
                        break
            self.store_archive(file, progress, packer.total)
        if is_whole:
            self.release(state=State.DONE, error_code="", error_details={})
        else:
            self.pass_on()

    def load_archive(self, file: IO[bytes]) -> ExportProgress:
        """Copy the stored archive into `file` and return its progress; start if there is none."""
        file_job = self.row
        if file_job.file:
            try:
                with file_job.file.open("rb") as stored:
                    shutil.copyfileobj(stored, file, MEGABYTE)
                return ExportProgress(**file_job.report)
            except FileNotFoundError:
                logger.warning("File job %d: %s is gone.", file_job.pk, file_job.file.name)
        self.keep(page=state_of_wiki())
        return ExportProgress()

    def store_archive(self, file: IO[bytes], progress: ExportProgress, total: int) -> None:
        """Store the export's archive, replacing the one stored before."""
        pk = self.row.pk
        file.seek(0)
        name = default_storage.save(f"{ARCHIVES}/{pk}/{uuid4().hex}.zip", File(file))
        try:
            self.keep(file=name, report=asdict(progress), done=progress.done, total=total)
        except LeaseLost:
            default_storage.delete(name)
            raise
        delete_archives(pk, but=name)
