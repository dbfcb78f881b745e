"""Errands: long work that a page asks for is done in the queue, and the page tells how far it is.

A worker holds an errand by a lease and can be cut short anywhere. Each kind of errand goes on where
it was, or begins anew without doing anything twice.
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

from sheets.models import Errand, Sheet
from sheets.transfer.archive import opened
from sheets.transfer.exporter import Packer, Progress, state_of_wiki
from sheets.transfer.importer import Importer, Report
from sheets.transfer.pdf import Pdf, keep_pdf
from wikico2.errors import WorkError
from wikico2.jobs import worker as work
from wikico2.jobs.leases import LeaseLost, kept_alive
from wikico2.jobs.queue import enqueue
from wikico2.models import User

RUN = "sheets.tasks.run_errand"
MAX_ATTEMPTS = 3
"""How often an errand is taken up without any progress before it counts as failed."""
TOLD_EACH = 0.5
"""After how many seconds a page is told anew how far an export is."""
FORGOTTEN = dt.timedelta(days=30)
KEPT = dt.timedelta(days=7)
"""How long the archive of an export is there to be downloaded."""
ARCHIVES = "archives"

logger = logging.getLogger(__name__)

Kind, State = Errand.Kind, Errand.State


# --- What people do -------------------------------------------------------------------------------


def ask_for_pdf(sheet: Sheet, pdf: Pdf) -> None:
    """Have a PDF made that is not kept yet; it is made once, however many ask for it."""
    with transaction.atomic():
        errand, is_new = Errand.objects.get_or_create(
            kind=Kind.PDF, name=pdf.name, defaults={"sheet": sheet, "page": pdf.page}
        )
        if is_new:
            enqueue(RUN, errand.pk)
    if not is_new:
        restart(errand)


def ask_for_import(archive: File[Any], name: str, user: User) -> Errand:
    """Have an archive taken in; raises WorkError not_an_archive for what is none."""
    with opened(cast("IO[bytes]", archive)) as found:
        total = Importer(found, user).total
    archive.seek(0)
    errand = Errand(
        kind=Kind.IMPORT,
        name=name[:300],
        asked_by=user,
        language=translation.get_language() or "",
        total=total,
    )
    errand.file.save(f"{uuid4().hex}.zip", archive, save=False)
    try:
        with transaction.atomic():
            errand.save()
            enqueue(RUN, errand.pk)
    except BaseException:
        errand.file.delete(save=False)
        raise
    return errand


def ask_for_export(user: User, *, files: bool = True) -> Errand:
    """Have the wiki packed; the archive that is there counts where nothing has changed since.

    Without `files` those of the sources stay out. It is made once, however many ask for it.
    """
    name = Errand.WHOLE if files else Errand.WITHOUT_FILES
    exports = Errand.objects.filter(kind=Kind.EXPORT, name=name)
    ready = exports.filter(state=State.DONE, page=state_of_wiki()).first()
    if ready and default_storage.exists(ready.file.name or ""):
        return ready
    with transaction.atomic():
        errand, is_new = Errand.objects.get_or_create(
            kind=Kind.EXPORT,
            name=name,
            state__in=Errand.WORKING,
            defaults={"asked_by": user, "language": translation.get_language() or ""},
        )
        if is_new:
            enqueue(RUN, errand.pk)
    return errand


def restart(errand: Errand) -> bool:
    """Put a failed or stopped errand back to work; tell whether it was one.

    An export begins anew: the wiki has gone on. It is not begun where another is under way.
    """
    anew = {"done": 0, "report": {}, "file": "", "created_at": timezone.now()}
    values = anew if errand.kind == Kind.EXPORT else {}
    try:
        return work.restart(Errand.objects.all(), errand.pk, RUN, **values)
    except IntegrityError:
        return False


def stop(errand: Errand) -> bool:
    """Stop an errand; what it has done stays. Tell whether it was under way."""
    return work.stop(Errand.objects.in_progress(), errand.pk)


def clear() -> None:
    """Forget the errands that ended long ago, with the archives that are still there of them."""
    now = timezone.now()
    exports = Q(kind=Kind.EXPORT, created_at__lt=now - KEPT)
    for errand in Errand.objects.exclude(state__in=Errand.WORKING).filter(
        exports | Q(created_at__lt=now - FORGOTTEN)
    ):
        if errand.file.name:
            default_storage.delete(errand.file.name)
        errand.delete()
    known = {str(pk) for pk in Errand.objects.values_list("pk", flat=True)}
    for pk in set(listed(ARCHIVES)[0]) - known:
        drop_archives(pk)
        default_storage.delete(f"{ARCHIVES}/{pk}")


def drop_archives(errand: int | str, *, but: str = "") -> None:
    """Delete what is kept of an export, all but one file."""
    for file in listed(f"{ARCHIVES}/{errand}")[1]:
        if (name := f"{ARCHIVES}/{errand}/{file}") != but:
            default_storage.delete(name)


def listed(place: str) -> tuple[list[str], list[str]]:
    """Return the directories and the files of a place in the storage, none where it is not."""
    try:
        return default_storage.listdir(place)
    except FileNotFoundError:
        return [], []


# --- What workers do ------------------------------------------------------------------------------


def run(errand_id: int) -> None:
    """Take an errand as far as one time slice allows; do nothing if it is not ours to take."""
    token = Errand.objects.in_progress().claim(errand_id)
    if token is None:
        return
    errand = Errand.objects.select_related("asked_by").get(pk=errand_id)
    ours = _Work(errand, token)
    try:
        with kept_alive(Errand.objects.all(), errand_id, token):
            ours.run()
    except LeaseLost:
        logger.info("Errand %d was taken out of our hands.", errand_id)
    except WorkError as error:
        ours.fail(error)
    except Exception as error:
        logger.exception("Errand %d, %s:", errand_id, errand.kind)
        ours.fail(WorkError("internal", reason=type(error).__name__))


class _Work(work.Work[Errand]):
    """An errand in the hands of this worker, for one time slice."""

    rows = Errand.objects.all()
    task = RUN

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            raise WorkError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
        self.keep(state=State.RUNNING)
        kinds: dict[str, Callable[[], None]] = {
            Kind.PDF: self.make_pdf,
            Kind.IMPORT: self.take_in,
            Kind.EXPORT: self.give_out,
        }
        with translation.override(self.row.language or settings.LANGUAGE_CODE):
            kinds[self.row.kind]()

    def make_pdf(self) -> None:
        keep_pdf(Pdf(self.row.name, self.row.page))
        Errand.objects.filter(pk=self.row.pk, lease_token=self.token).delete()

    def take_in(self) -> None:
        """Take in the files of the archive that have not been yet."""
        errand = self.row
        assert errand.asked_by is not None
        try:
            stored = cast("IO[bytes]", errand.file.open("rb"))
        except FileNotFoundError:
            raise WorkError("file_missing") from None
        with stored, opened(stored) as archive:
            importer = Importer(archive, errand.asked_by, Report(**errand.report))
            for done in importer.steps(errand.done):
                self.keep(
                    done=done, total=importer.total, report=asdict(importer.report), attempts=0
                )
                if done < importer.total and time.monotonic() >= self.deadline:
                    self.pass_on()
                    return
        name = errand.file.name
        self.release(state=State.DONE, file="", error_code="", error_details={})
        default_storage.delete(name or "")

    def give_out(self) -> None:
        """Pack the wiki, from where the archive of the last slice of time ends."""
        with tempfile.TemporaryFile() as file:
            progress = self.begun(file)
            deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
            with zipfile.ZipFile(file, "a") as archive:
                whole = self.row.with_files
                packer = Packer(archive, sources=whole, progress=progress)
                is_whole = True
                for done in packer.steps():
                    if (now := time.monotonic()) - self.told > TOLD_EACH:
                        self.keep(done=done, total=packer.total)
                    if now >= deadline and done < packer.total:
                        is_whole = False
                        break
            self.keep_archive(file, progress, packer.total)
        if is_whole:
            self.release(state=State.DONE, error_code="", error_details={})
        else:
            self.pass_on()

    def begun(self, file: IO[bytes]) -> Progress:
        """Copy what there is of an export's archive; where there is none, begin."""
        errand = self.row
        if errand.file:
            try:
                with errand.file.open("rb") as kept:
                    shutil.copyfileobj(kept, file, 1024 * 1024)
                return Progress(**errand.report)
            except FileNotFoundError:
                logger.warning("Errand %d: %s is gone.", errand.pk, errand.file.name)
        self.keep(page=state_of_wiki())
        return Progress()

    def keep_archive(self, file: IO[bytes], progress: Progress, total: int) -> None:
        """Keep an export's archive as it is now, in the place of what was kept before."""
        pk = self.row.pk
        file.seek(0)
        name = default_storage.save(f"{ARCHIVES}/{pk}/{uuid4().hex}.zip", File(file))
        try:
            self.keep(file=name, report=asdict(progress), done=progress.done, total=total)
        except LeaseLost:
            default_storage.delete(name)
            raise
        drop_archives(pk, but=name)
