"""File jobs: run PDFs, imports and exports in the queue, with progress for the page.

Each can be stopped at any point, and resumes where it was, or starts again without doing anything
twice.
"""

import datetime as dt
import logging
import shutil
import tempfile
import zipfile
from dataclasses import asdict
from typing import IO, Any, cast
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from sheets.models import FileJob, Sheet
from sheets.transfer.archive import open_archive
from sheets.transfer.exporter import ExportProgress, WikiExporter, state_of_wiki
from sheets.transfer.importer import ImportReport, WikiImporter
from sheets.transfer.pdf import SheetPdf, store_pdf
from wikico2.accounts.audit import record
from wikico2.errors import UserError
from wikico2.jobs.queue import restart_job, start_job, stop_job
from wikico2.jobs.runner import JobRun, LeaseLost
from wikico2.models import Job, User
from wikico2.sizes import MEGABYTE

JOB_RETENTION = dt.timedelta(days=30)
ARCHIVE_RETENTION = dt.timedelta(days=7)
"""Time after which the archive of an export is deleted."""
ARCHIVES = "archives"

logger = logging.getLogger(__name__)

Kind, State = FileJob.Kind, FileJob.State


# --- Requests -------------------------------------------------------------------------------------


def request_pdf(sheet: Sheet, pdf: SheetPdf, user: Any = None) -> None:
    """Queue the rendering of a PDF that is not stored yet; concurrent requests share one job."""
    with transaction.atomic():
        file_job, is_new = FileJob.objects.get_or_create(
            kind=Kind.PDF, name=pdf.name, defaults={"sheet": sheet, "page": pdf.page}
        )
        if is_new:
            start_job(Kind.PDF, file_job.pk, owner=getattr(user, "pk", None))
    if not is_new:
        restart_file_job(file_job)


def request_wiki_import(archive: File[Any], name: str, user: User) -> FileJob:
    """Queue the import of an archive; raises UserError not_an_archive."""
    with open_archive(cast("IO[bytes]", archive)) as found:
        total = WikiImporter(found, user).total
    archive.seek(0)
    language = translation.get_language() or ""
    file_job = FileJob(kind=Kind.IMPORT, name=name[:300], asked_by=user, language=language)
    file_job.file.save(f"{uuid4().hex}.zip", archive, save=False)
    try:
        with transaction.atomic():
            file_job.save()
            start_job(Kind.IMPORT, file_job.pk, owner=user, total=total)
            record("wiki.import", file_job, user)
    except BaseException:
        file_job.file.delete(save=False)
        raise
    return file_job


def request_wiki_export(user: User, *, files: bool = True) -> FileJob:
    """Queue an export of the wiki, or return the last one if nothing has changed since.

    Without `files` those of the sources are left out. Concurrent requests share one job.
    """
    exports = FileJob.objects.filter(kind=Kind.EXPORT, with_files=files)
    ready = exports.in_state(State.DONE).filter(fingerprint=state_of_wiki()).first()
    if ready and default_storage.exists(ready.file.name or ""):
        return ready
    with transaction.atomic():
        _lock_exports()
        if running := exports.in_progress().first():
            return running
        file_job = FileJob.objects.create(
            kind=Kind.EXPORT,
            name=_("wiki-%(date)s.zip") % {"date": timezone.localdate().isoformat()},
            with_files=files,
            asked_by=user,
            language=translation.get_language() or "",
        )
        start_job(Kind.EXPORT, file_job.pk, owner=user)
        record("wiki.export", file_job, user, files=files)
    return file_job


def restart_file_job(file_job: FileJob, user: Any = None) -> bool:
    """Queue a failed or cancelled file job again; tell whether it was one.

    An export starts from the beginning, since the wiki has changed; False if another one is in
    progress.
    """
    with transaction.atomic():
        if file_job.kind == Kind.EXPORT:
            _lock_exports()
            exports = FileJob.objects.filter(kind=Kind.EXPORT, with_files=file_job.with_files)
            if exports.in_progress().exists():
                return False
        return restart_job(file_job.job, user)


def stop_file_job(file_job: FileJob, user: Any = None) -> bool:
    """Cancel a file job, without undoing its work; tell whether it was in progress."""
    return stop_job(file_job.job, user)


def follow_export_job(job: Job) -> None:
    """Start an export that is restarted from the beginning."""
    if job.state == Job.State.WAITING:
        rows = FileJob.objects.filter(pk=job.row_id)
        rows.update(report={}, file="", created_at=timezone.now())
        Job.objects.filter(pk=job.pk).update(done=0)


def _lock_exports() -> None:
    """Let one request for an export at a time look whether one is in progress."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('wikico2 export'))")


def clear_file_jobs() -> None:
    """Delete file jobs that ended long ago, with their archives and those of deleted jobs."""
    now = timezone.now()
    exports = Q(kind=Kind.EXPORT, created_at__lt=now - ARCHIVE_RETENTION)
    old = FileJob.objects.filter(exports | Q(created_at__lt=now - JOB_RETENTION))
    for file_job in old.exclude(pk__in=old.in_progress().values("pk")):
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


def render_pdf_slice(run: JobRun) -> bool:
    """Render and store a PDF."""
    if file_job := FileJob.objects.filter(pk=run.row_id).first():
        with translation.override(settings.LANGUAGE_CODE):
            store_pdf(SheetPdf(file_job.name, file_job.page))
        with transaction.atomic():
            run.finish()
            file_job.delete()
    return True


def import_wiki_slice(run: JobRun) -> bool:
    """Import the remaining files of an archive; return whether none is left."""
    file_job = FileJob.objects.select_related("asked_by").filter(pk=run.row_id).first()
    if file_job is None or file_job.asked_by is None:
        return True
    try:
        stored = cast("IO[bytes]", file_job.file.open("rb"))
    except FileNotFoundError:
        raise UserError("file_missing") from None
    language = translation.override(file_job.language or settings.LANGUAGE_CODE)
    with language, stored, open_archive(stored) as archive:
        importer = WikiImporter(archive, file_job.asked_by, ImportReport(**file_job.report))
        for done in importer.steps(run.job.done):
            with transaction.atomic():
                run.advance(done=done, total=importer.total)
                _write(file_job, report=asdict(importer.report))
            if done < importer.total and run.enough():
                return False
    with transaction.atomic():
        run.finish()
        _write(file_job, file="")
    default_storage.delete(file_job.file.name or "")
    return True


def export_wiki_slice(run: JobRun) -> bool:
    """Export the wiki, resuming after the last time slice; return whether it is complete."""
    file_job = FileJob.objects.filter(pk=run.row_id).first()
    if file_job is None:
        return True
    with tempfile.TemporaryFile() as file:
        progress = load_archive(run, file_job, file)
        is_whole = True
        language = translation.override(file_job.language or settings.LANGUAGE_CODE)
        with language, zipfile.ZipFile(file, "a") as archive:
            packer = WikiExporter(archive, sources=file_job.with_files, progress=progress)
            for done in packer.steps():
                run.progress(done, packer.total)
                if done < packer.total and run.enough():
                    is_whole = False
                    break
        store_archive(run, file_job, file, progress, packer.total)
    return is_whole


def load_archive(run: JobRun, file_job: FileJob, file: IO[bytes]) -> ExportProgress:
    """Copy the stored archive into `file` and return its progress; start if there is none."""
    if file_job.file:
        try:
            with file_job.file.open("rb") as stored:
                shutil.copyfileobj(stored, file, MEGABYTE)
            return ExportProgress(**file_job.report)
        except FileNotFoundError:
            logger.warning("File job %d: %s is gone.", file_job.pk, file_job.file.name)
    with transaction.atomic():
        run.keep()
        _write(file_job, fingerprint=state_of_wiki())
    return ExportProgress()


def store_archive(
    run: JobRun, file_job: FileJob, file: IO[bytes], progress: ExportProgress, total: int
) -> None:
    """Store the export's archive, replacing the one stored before."""
    pk = file_job.pk
    file.seek(0)
    name = default_storage.save(f"{ARCHIVES}/{pk}/{uuid4().hex}.zip", File(file))
    try:
        with transaction.atomic():
            run.advance(done=progress.done, total=total)
            _write(file_job, file=name, report=asdict(progress))
    except LeaseLost:
        default_storage.delete(name)
        raise
    delete_archives(pk, but=name)


def _write(file_job: FileJob, **values: Any) -> None:
    FileJob.objects.filter(pk=file_job.pk).update(**values)
