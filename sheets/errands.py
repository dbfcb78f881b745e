"""Errands: long work that a page asks for is done in the queue, and the page tells how far it is.

A worker holds an errand by a lease and can be cut short anywhere. Each kind of errand goes on where
it was, or begins anew without doing anything twice.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone, translation

from sheets.models import Errand, Sheet
from sheets.pdf import Pdf, keep_pdf
from sheets.unpack import Importer, Report, opened
from wikico2.errors import WorkError
from wikico2.leases import LeaseLost, kept_alive
from wikico2.models import User
from wikico2.queue import enqueue

RUN = "sheets.tasks.run_errand"
MAX_ATTEMPTS = 3
"""How often an errand is taken up without any progress before it counts as failed."""
FORGOTTEN = dt.timedelta(days=30)

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


def restart(errand: Errand) -> bool:
    """Put a failed or stopped errand back to work; tell whether it was one."""
    stopped = Errand.objects.filter(pk=errand.pk, state__in=(State.FAILED, State.CANCELLED))
    with transaction.atomic():
        restarted = stopped.update(
            state=State.WAITING,
            attempts=0,
            error_code="",
            error_details={},
            lease_token=None,
            lease_until=None,
        )
        if restarted:
            enqueue(RUN, errand.pk)
    return bool(restarted)


def stop(errand: Errand) -> bool:
    """Stop an errand; what it has done stays. Tell whether it was under way."""
    working = Errand.objects.in_progress().filter(pk=errand.pk)
    return bool(working.update(state=State.CANCELLED, lease_token=None, lease_until=None))


def clear() -> None:
    """Forget the errands that ended long ago, with the archives of those that were stopped."""
    ended = Errand.objects.exclude(state__in=Errand.WORKING)
    for errand in ended.filter(created_at__lt=timezone.now() - FORGOTTEN):
        if errand.file.name:
            default_storage.delete(errand.file.name)
        errand.delete()


# --- What workers do ------------------------------------------------------------------------------


def run(errand_id: int) -> None:
    """Take an errand as far as one time slice allows; do nothing if it is not ours to take."""
    token = Errand.objects.in_progress().claim(errand_id)
    if token is None:
        return
    errand = Errand.objects.select_related("asked_by").get(pk=errand_id)
    work = _Work(errand, token)
    try:
        with kept_alive(Errand.objects.all(), errand_id, token):
            work.run()
    except LeaseLost:
        logger.info("Errand %d was taken out of our hands.", errand_id)
    except WorkError as error:
        work.fail(error)
    except Exception as error:
        logger.exception("Errand %d, %s:", errand_id, errand.kind)
        work.fail(WorkError("internal", reason=type(error).__name__))


class _Work:
    """An errand in the hands of this worker, for one time slice."""

    def __init__(self, errand: Errand, token: UUID) -> None:
        self.errand = errand
        self.token = token
        self.deadline = time.monotonic() + settings.TASK_SLICE_SECONDS

    def run(self) -> None:
        if self.errand.attempts > MAX_ATTEMPTS:
            raise WorkError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
        self.keep(state=State.RUNNING)
        kinds: dict[str, Callable[[], None]] = {
            Kind.PDF: self.make_pdf,
            Kind.IMPORT: self.take_in,
        }
        with translation.override(self.errand.language or settings.LANGUAGE_CODE):
            kinds[self.errand.kind]()

    def make_pdf(self) -> None:
        keep_pdf(Pdf(self.errand.name, self.errand.page))
        Errand.objects.filter(pk=self.errand.pk, lease_token=self.token).delete()

    def take_in(self) -> None:
        """Take in the files of the archive that have not been yet."""
        errand = self.errand
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

    # --- Holding and ending ---

    def keep(self, **values: Any) -> None:
        """Renew the lease and write `values`; raises LeaseLost."""
        Errand.objects.hold(self.errand.pk, self.token, **values)

    def release(self, **values: Any) -> None:
        Errand.objects.release(self.errand.pk, self.token, **values)

    def pass_on(self) -> None:
        """Let others have their turn; ours goes to the end of the queue."""
        with transaction.atomic():
            self.release(attempts=0)
            enqueue(RUN, self.errand.pk)

    def fail(self, error: WorkError) -> None:
        logger.warning("Errand %d: %s", self.errand.pk, error)
        with suppress(LeaseLost):
            self.release(state=State.FAILED, error_code=error.code, error_details=error.details)
