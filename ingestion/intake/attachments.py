"""Take the files attached to a mail in as documents of their own, linked to the mail."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File

from ingestion.intake.upload import accept_upload, clean_name, read_limits
from ingestion.models import Document
from ingestion.readers import ReadError, Remark
from ingestion.readers.api import read_attachments
from ingestion.readers.registry import FORMATS
from wikico2.errors import UserError
from wikico2.sizes import MEGABYTE

MAX_DEPTH = 3
"""Mails inside mails whose attachments are taken in."""


def accept_attachments(document: Document, path: Path) -> list[Remark]:
    """Accept each attached file that is not a source yet; return a remark for each refused one.

    A file that was accepted before a kill is found again by its content. Attachments beyond the
    bounds of an archive are refused.
    """
    form = FORMATS.get(document.media_type)
    if form is None or not form.attaches or _depth(document) >= MAX_DEPTH:
        return []
    remarks: list[Remark] = []
    bytes_left = settings.MAX_ARCHIVE_MB * MEGABYTE
    for number, (name, content) in enumerate(_attachments(document, path, remarks), 1):
        bytes_left -= content.seek(0, 2)
        content.seek(0)
        if number > settings.MAX_ARCHIVE_FILES or bytes_left < 0:
            remarks.append(Remark("attachment_unread", detail=clean_name(name)))
            continue
        if not _accept(document, name, content):
            remarks.append(Remark("attachment_unread", detail=clean_name(name)))
    return remarks


def _attachments(
    document: Document, path: Path, remarks: list[Remark]
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the attached files that can be read; add a remark if the mail cannot be read on."""
    try:
        yield from read_attachments(path, document.media_type, read_limits())
    except ReadError:
        remarks.append(Remark("attachment_unread", detail="…"))


def _accept(document: Document, name: str, content: IO[bytes]) -> bool:
    """Create the document of an attached file; return whether it is a source now."""

    def link(attached: Document) -> None:
        attached.attached_to = document
        attached.save(update_fields=["attached_to"])

    try:
        accept_upload(
            File(content, name=name),
            document.uploaded_by,
            access=document.access,
            origin=document.origin,
            on_created=link,
        )
    except UserError as error:
        return error.code == "duplicate"
    return True


def _depth(document: Document) -> int:
    """Return how many mails the document is inside of, `MAX_DEPTH` at most."""
    depth, inner = 0, document
    while inner.attached_to is not None and depth < MAX_DEPTH:
        depth, inner = depth + 1, inner.attached_to
    return depth
