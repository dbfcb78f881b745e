"""File jobs: long work that a page asks for is done in the queue, and the page tells how far it is.

A worker holds a file job by a lease and can be stopped at any point. Each kind of file job goes on
where it was, or begins again without doing anything twice.
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
"""How often a file job is taken up without any progress before it counts as failed."""
PROGRESS_SECONDS = 0.5
"""After how many seconds a page is told anew how far an export is."""
KEEP_ENDED_FOR = dt.timedelta(days=30)
KEPT = dt.timedelta(days=7)
"""How long the archive of an export is there to be downloaded."""
ARCHIVES = "archives"

logger = logging.getLogger(__name__)

Kind, State = FileJob.Kind, FileJob.State


# --- What people do -------------------------------------------------------------------------------


def request_pdf(sheet: Sheet, pdf: SheetPdf) -> None:
    """Have a PDF made that is not kept yet; it is made once, however many ask for it."""
    with transaction.atomic():
        file_job, is_new = FileJob.objects.get_or_create(
            kind=Kind.PDF, name=pdf.name, defaults={"sheet": sheet, "page": pdf.page}
        )
        if is_new:
            enqueue(RUN_FILE_JOB, file_job.pk)
    if not is_new:
        restart_file_job(file_job)


def request_wiki_import(archive: File[Any], name: str, user: User) -> FileJob:
    """Have an archive taken in; raises UserError not_an_archive for what is none."""
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
    """Have the wiki packed; the archive that is there counts where nothing has changed since.

    Without `files` those of the sources stay out. It is made once, however many ask for it.
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
    """Put a failed or stopped file job back to work; tell whether it was one.

    An export begins anew: the wiki has gone on. It is not begun where another is under way.
    """
    anew = {"done": 0, "report": {}, "file": "", "created_at": timezone.now()}
    values = anew if file_job.kind == Kind.EXPORT else {}
    try:
        return requeue_job(FileJob.objects.all(), file_job.pk, RUN_FILE_JOB, **values)
    except IntegrityError:
        return False


def stop_file_job(file_job: FileJob) -> bool:
    """Stop a file job; what it has done stays. Tell whether it was under way."""
    return stop_job(FileJob.objects.in_progress(), file_job.pk)


def clear_file_jobs() -> None:
    """Forget the file jobs that ended long ago, with the archives that are still there of them."""
    now = timezone.now()
    exports = Q(kind=Kind.EXPORT, created_at__lt=now - KEPT)
    for file_job in FileJob.objects.exclude(state__in=FileJob.WORKING).filter(
        exports | Q(created_at__lt=now - KEEP_ENDED_FOR)
    ):
        if file_job.file.name:
            default_storage.delete(file_job.file.name)
        file_job.delete()
    known = {str(pk) for pk in FileJob.objects.values_list("pk", flat=True)}
    for pk in set(list_storage(ARCHIVES)[0]) - known:
        delete_archives(pk)
        default_storage.delete(f"{ARCHIVES}/{pk}")


def delete_archives(file_job: int | str, *, but: str = "") -> None:
    """Delete what is kept of an export, all but one file."""
    for file in list_storage(f"{ARCHIVES}/{file_job}")[1]:
        if (name := f"{ARCHIVES}/{file_job}/{file}") != but:
            default_storage.delete(name)


def list_storage(place: str) -> tuple[list[str], list[str]]:
    """Return the directories and the files of a place in the storage, none where it is not."""
    try:
        return default_storage.listdir(place)
    except FileNotFoundError:
        return [], []


# --- What workers do ------------------------------------------------------------------------------


def run_file_job_slice(file_job_id: int) -> None:
    """Take a file job as far as one time slice allows; do nothing if it is not ours to take."""
    token = FileJob.objects.in_progress().claim(file_job_id)
    if token is None:
        return
    file_job = FileJob.objects.select_related("asked_by").get(pk=file_job_id)
    ours = FileJobRun(file_job, token)
    try:
        with keep_lease_alive(FileJob.objects.all(), file_job_id, token):
            ours.run()
    except LeaseLost:
        logger.info("File job %d was taken out of our hands.", file_job_id)
    except UserError as error:
        ours.fail(error)
    except Exception as error:
        logger.exception("File job %d, %s:", file_job_id, file_job.kind)
        ours.fail(UserError("internal", reason=type(error).__name__))


class FileJobRun(JobRun[FileJob]):
    """An file job in the hands of this worker, for one time slice."""

    rows = FileJob.objects.all()
    task = RUN_FILE_JOB

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            raise UserError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
        self.keep(state=State.RUNNING)
        kinds: dict[str, Callable[[], None]] = {
            Kind.PDF: self.make_pdf,
            Kind.IMPORT: self.take_in,
            Kind.EXPORT: self.give_out,
        }
        with translation.override(self.row.language or settings.LANGUAGE_CODE):
            kinds[self.row.kind]()

    def make_pdf(self) -> None:
        store_pdf(SheetPdf(self.row.name, self.row.page))
        FileJob.objects.filter(pk=self.row.pk, lease_token=self.token).delete()

    def take_in(self) -> None:
        """Take in the files of the archive that have not been yet."""
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

    def give_out(self) -> None:
        """Pack the wiki, from where the archive of the last slice of time ends."""
        with tempfile.TemporaryFile() as file:
            progress = self.begun(file)
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
            self.keep_archive(file, progress, packer.total)
        if is_whole:
            self.release(state=State.DONE, error_code="", error_details={})
        else:
            self.pass_on()

    def begun(self, file: IO[bytes]) -> ExportProgress:
        """Copy what there is of an export's archive; where there is none, begin."""
        file_job = self.row
        if file_job.file:
            try:
                with file_job.file.open("rb") as kept:
                    shutil.copyfileobj(kept, file, MEGABYTE)
                return ExportProgress(**file_job.report)
            except FileNotFoundError:
                logger.warning("File job %d: %s is gone.", file_job.pk, file_job.file.name)
        self.keep(page=state_of_wiki())
        return ExportProgress()

    def keep_archive(self, file: IO[bytes], progress: ExportProgress, total: int) -> None:
        """Keep an export's archive as it is now, in the place of what was kept before."""
        pk = self.row.pk
        file.seek(0)
        name = default_storage.save(f"{ARCHIVES}/{pk}/{uuid4().hex}.zip", File(file))
        try:
            self.keep(file=name, report=asdict(progress), done=progress.done, total=total)
        except LeaseLost:
            default_storage.delete(name)
            raise
        delete_archives(pk, but=name)
