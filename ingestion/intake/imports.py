"""Deliver: what is given and is no document yet becomes documents, in the queue.

A web address is fetched, an archive is opened, and each document found is accepted like any other;
what is refused keeps its sentence. A worker holds the delivery by a lease and can be cut short
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

from ingestion.intake.fetch import checked_url, fetch
from ingestion.intake.upload import accept, clean_name
from ingestion.intake.zip_archive import Archive, is_archive
from ingestion.models import Delivery, Document, Item
from wikico2.errors import TransientError, WorkError
from wikico2.jobs import worker as work
from wikico2.jobs.leases import LeaseLost, kept_alive
from wikico2.jobs.queue import enqueue

DELIVER = "ingestion.tasks.deliver"
MAX_ATTEMPTS = 3
"""How often an address is tried without any progress before it counts as failed."""

logger = logging.getLogger(__name__)

State = Delivery.State


# --- What people do -------------------------------------------------------------------------------


def receive(
    upload: File[Any],
    user: Any,
    *,
    noted: Callable[[Document | None], None] | None = None,
    **kept: Any,
) -> Document | Delivery:
    """Take in a file: a document at once, an archive of documents in the queue.

    `kept` is what `accept` keeps of it: access, supersedes. `noted` is called in the transaction in
    which the document appears, or without one when a delivery does. Raises WorkError like `accept`,
    and archive_version, archive_damaged, archive_empty, archive_too_many, archive_too_large.
    """
    if noted is not None:
        kept["noted"] = noted
    content = cast("IO[bytes]", upload)
    refused = not upload.size or upload.size > settings.MAX_UPLOAD_MB * 1024 * 1024
    if refused or not is_archive(content):
        return accept(upload, user, **kept)
    if kept.get("supersedes"):
        raise WorkError("archive_version")
    with Archive(content) as archive:
        count = len(archive.members)
    upload.seek(0)
    delivery = Delivery(name=clean_name(upload.name or ""), size=upload.size, total=count)
    delivery.file.save(f"{uuid4().hex}.zip", upload, save=False)
    try:
        return _queued(delivery, user, **kept)
    except BaseException:
        delivery.file.delete(save=False)
        raise


def receive_address(url: str, user: Any, **kept: Any) -> Delivery:
    """Have a web address fetched; raises WorkError("address_invalid")."""
    url = checked_url(url)
    return _queued(Delivery(name=url[:300], url=url), user, **kept)


def retry(delivery: Delivery) -> bool:
    """Put a failed or cancelled delivery back to work; tell whether it was one."""
    return work.restart(Delivery.objects.all(), delivery.pk, DELIVER)


def cancel(delivery: Delivery) -> bool:
    """Stop a delivery; what has been taken in stays. Tell whether it was under way."""
    return work.stop(Delivery.objects.in_progress(), delivery.pk)


def forget(delivery: Delivery) -> None:
    """Delete the record of a delivery, and its archive; the sources that it brought stay."""
    name = delivery.file.name
    delivery.delete()
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))


def _queued(
    delivery: Delivery,
    user: Any,
    *,
    access: str = Document.Access.OPEN,
    supersedes: Document | None = None,
    noted: Callable[[None], None] = lambda document: None,
) -> Delivery:
    delivery.access = access
    delivery.supersedes = supersedes
    delivery.given_by = user if user is not None and user.is_authenticated else None
    with transaction.atomic():
        delivery.save()
        noted(None)
        enqueue(DELIVER, delivery.pk)
    return delivery


# --- What workers do ------------------------------------------------------------------------------


def deliver(delivery_id: int) -> None:
    """Take a delivery as far as one time slice allows; do nothing if it is not ours to take."""
    token = Delivery.objects.in_progress().claim(delivery_id)
    if token is None:
        return
    delivery = Delivery.objects.select_related("given_by", "supersedes").get(pk=delivery_id)
    ours = _Work(delivery, token)
    try:
        with kept_alive(Delivery.objects.all(), delivery_id, token):
            ours.run()
    except LeaseLost:
        logger.info("Delivery %d was taken out of our hands.", delivery_id)
    except TransientError as error:
        ours.postpone(error)
    except WorkError as error:
        ours.fail(error)
    except Exception as error:
        logger.exception("Delivery %d, %s:", delivery_id, delivery.state)
        ours.postpone(TransientError("internal", reason=type(error).__name__))


class _Work(work.Work[Delivery]):
    """A delivery in the hands of this worker, for one time slice."""

    rows = Delivery.objects.all()
    task = DELIVER

    def run(self) -> None:
        if self.row.attempts > MAX_ATTEMPTS:
            reason = f"worker stopped {MAX_ATTEMPTS} times"
            raise WorkError("internal", reason=reason)
        if not self.row.file:
            if self.row.items.exists():  # only the end was missing
                self.finish()
                return
            self.fetch()
        if self.row.file:
            self.open()

    def progress(self, done: int, total: int) -> None:
        if time.monotonic() - self.told >= 0.3:
            self.keep(done=done, total=total)

    # --- The two steps ---

    def fetch(self) -> None:
        """Fetch the address: a document is taken in at once, an archive is kept to be opened."""
        delivery = self.row
        self.keep(state=State.FETCHING, done=0, total=0)
        with tempfile.NamedTemporaryFile() as kept:
            found = fetch(delivery.url, kept, progress=self.progress)
            size = kept.tell()
            self.keep(size=size, name=found.name[:300])
            if not is_archive(kept):
                self.take(1, found.name, kept, only=True)
                self.finish()
                return
            if delivery.supersedes:
                raise WorkError("archive_version")
            with Archive(kept) as archive:
                count = len(archive.members)
            kept.seek(0)
            delivery.file.save(f"{uuid4().hex}.zip", File(kept), save=False)
            self.keep(file=delivery.file.name, done=0, total=count, attempts=0)

    def open(self) -> None:
        """Take in the documents of the archive that have not been yet."""
        delivery = self.row
        self.keep(state=State.OPENING)
        done = delivery.items.aggregate(last=Max("position"))["last"] or 0
        try:
            stored = cast("IO[bytes]", delivery.file.open("rb"))
        except FileNotFoundError:
            raise WorkError("file_missing") from None
        with stored, Archive(stored) as archive:
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

        The `only` document of a delivery that is refused is the delivery's own failure.
        """
        delivery = self.row
        item = Item(delivery=delivery, position=position, name=name)

        def note(document: Document) -> None:
            self.keep()  # a delivery that was cancelled meanwhile brings nothing more
            item.document = document
            item.save()

        try:
            filled()
            item.size = file.seek(0, 2)
            file.seek(0)
            accept(
                File(file, name=name),
                delivery.given_by,
                access=delivery.access,
                origin=delivery.url,
                supersedes=delivery.supersedes if only else None,
                noted=note,
            )
        except WorkError as error:
            if only and error.code != "duplicate":
                raise
            item.error_code, item.error_details = error.code, error.details
        if item.pk is None:
            item.save()

    # --- The ways to end ---

    def finish(self) -> None:
        name = self.row.file.name
        done = self.row.items.count()
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
