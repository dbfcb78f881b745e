"""Accept: a file that somebody gives becomes a document in the queue, or a clear refusal."""

import hashlib
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File
from django.db import connection, transaction

from ingestion.models import Document
from ingestion.readers import DocumentInfo, Limits, ReadError
from ingestion.readers.api import check_document
from ingestion.readers.media_type import OLE, identify_path
from ingestion.readers.registry import EXTENSIONS, FORMATS
from wikico2.errors import UserError
from wikico2.jobs.queue import enqueue
from wikico2.sizes import MEGABYTE

ADVANCE = "ingestion.tasks.advance_document"

# Titles that programs write by themselves.
_MEANINGLESS_TITLE = re.compile(
    r"^(microsoft \w+ - |untitled|sans[ _-]titre|document\s?\d*$|présentation\s?\d*$|slide 1)"
    r"|\.(docx?|pptx?|xlsx?|odt|indd|pdf|qxd|tex|dvi)$",
    re.IGNORECASE,
)


def accept_upload(
    upload: File[Any],
    user: Any,
    *,
    title: str = "",
    access: str = Document.Access.OPEN,
    origin: str = "",
    supersedes: Document | None = None,
    again: bool = False,
    noted: Callable[[Document], None] = lambda document: None,
) -> Document:
    """Keep the file and queue its reading; return the document that stands for it.

    The file is judged by what is in it, never by its name. `origin` is the web address that it
    comes from, `supersedes` the source of which it is a new version. A content that is among the
    sources is taken only `again`, on purpose. `noted` is called in the transaction in which the
    document appears.

    Raises UserError: empty_file, too_large, unknown_format, old_office, duplicate (details:
    document, title, url), or what the reader says of it (encrypted, truncated, no_pages,
    unreadable…). Nothing is kept of a refused file.
    """
    limit = settings.MAX_UPLOAD_MB * MEGABYTE
    if (upload.size or 0) > limit:
        raise _upload_too_large(upload.size)
    with _on_disk(upload, limit) as (path, content):
        if not content.size:
            raise UserError("empty_file")
        media_type = identify_path(path)
        if media_type not in FORMATS:
            raise UserError("old_office" if media_type == OLE else "unknown_format")
        if known := None if again else _of_content(content.sha256):
            return _refuse_known(known, upload)
        info = _check_content(path, media_type)
        name = clean_name(upload.name or "")
        document = Document(
            title=(title.strip() or stated_title(info) or title_from_name(name))[:300],
            filename=name,
            sha256=content.sha256,
            size=content.size,
            media_type=media_type,
            author=info.author[:300],
            language=info.language[:8],
            page_count=info.page_count,
            access=access,
            origin=origin,
            supersedes=supersedes,
            by_hand=["title"] if title.strip() else [],
            uploaded_by=user if user is not None and user.is_authenticated else None,
        )
        _keep_file(document, upload)
        return _store_document(document, again, noted)


def read_limits() -> Limits:
    """Return what reading one document may use."""
    return Limits(
        memory_mb=settings.READ_MEMORY_MB,
        cpu_seconds=settings.READ_SECONDS,
        wall_seconds=settings.READ_SECONDS,
        pages=settings.READ_MAX_PAGES,
        characters=settings.READ_MAX_CHARACTERS,
    )


def explain_read_error(error: ReadError) -> UserError:
    """Return a reader's error as the one that its sentence is made of."""
    limit = {"too_slow": settings.READ_SECONDS, "too_many_pages": settings.READ_MAX_PAGES}
    return UserError(error.code, **{"limit": limit.get(error.code), **error.details})


def find_duplicate(details: Mapping[str, Any]) -> Document | None:
    """Return the source whose content a file has that was refused with these details, if any."""
    known = details.get("document")
    return Document.objects.filter(pk=int(known)).first() if known else None


def clean_name(name: str) -> str:
    """Return the last part of a path, in printable characters, as the file is shown to people."""
    last = PurePosixPath(name.replace("\\", "/")).name
    # A lone surrogate stands for a byte that was not UTF-8, as file systems have them.
    text = last.encode("utf-8", "replace").decode()
    text = "".join(c for c in unicodedata.normalize("NFC", text) if c.isprintable()).strip()
    return text[-255:] or "document"


def stated_title(info: DocumentInfo) -> str:
    """Return the title that the file states, if a person wrote it."""
    stated = " ".join(info.title.split())
    return "" if len(stated) < 4 or _MEANINGLESS_TITLE.search(stated) else stated


def title_from_name(name: str) -> str:
    """Return the title that a file's name amounts to."""
    path = PurePosixPath(name)
    stem = path.stem if path.suffix.lower() in EXTENSIONS else name
    return " ".join(stem.replace("_", " ").split()) or name


# --- From upload to row -------------------------------------------------------------------------


class _Content(NamedTuple):
    sha256: str
    size: int


@contextmanager
def _on_disk(upload: File[Any], limit: int) -> Iterator[tuple[Path, _Content]]:
    """Give a path of the upload's content and what is known of it after one pass."""
    existing = getattr(upload, "temporary_file_path", None)
    if existing is not None:
        yield Path(existing()), _hash_upload(upload, None, limit)
        return
    with tempfile.NamedTemporaryFile() as copy:
        content = _hash_upload(upload, copy, limit)
        copy.flush()
        yield Path(copy.name), content


def _hash_upload(upload: File[Any], copy: IO[bytes] | None, limit: int) -> _Content:
    """Read the upload once, into `copy` where one is wanted."""
    digest = hashlib.sha256()
    size = 0
    for data in upload.chunks(MEGABYTE):
        size += len(data)
        if size > limit:
            raise _upload_too_large(max(size, upload.size or 0))
        digest.update(data)
        if copy is not None:
            copy.write(data)
    return _Content(digest.hexdigest(), size)


def _check_content(path: Path, media_type: str) -> DocumentInfo:
    """Refuse at the door what cannot be opened; what takes time is left to the worker to judge."""
    try:
        return check_document(path, media_type, read_limits())
    except ReadError as error:
        if error.code == "too_slow":
            return DocumentInfo(page_count=0)
        raise explain_read_error(error) from error


def _keep_file(document: Document, upload: File[Any]) -> None:
    """Put the file into the storage under a name of our own."""
    upload.seek(0)
    extension = FORMATS[document.media_type].extension
    document.file.save(f"{uuid4().hex}{extension}", upload, save=False)


def _store_document(document: Document, again: bool, noted: Callable[[Document], None]) -> Document:
    """Write the row and its task together; without the row the file goes too."""
    try:
        with transaction.atomic():
            if not again and (twin := _of_content(document.sha256, alone=True)):
                raise _duplicate_error(twin)  # somebody else gave the same file at the same time
            document.save()
            noted(document)
            enqueue(ADVANCE, document.pk)
    except BaseException:
        document.file.delete(save=False)
        raise
    return document


def _of_content(sha256: str, *, alone: bool = False) -> Document | None:
    """Return the first document with this content.

    `alone` lets nobody else ask for the same until the transaction ends.
    """
    if alone:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [sha256])
    return Document.objects.filter(sha256=sha256).order_by("pk").first()


def _refuse_known(document: Document, upload: File[Any]) -> Document:
    """Refuse a file that is among the sources, unless the storage has lost it: then put it back."""
    if document.error_code != "file_missing":
        raise _duplicate_error(document)
    _keep_file(document, upload)
    with transaction.atomic():
        document.save(update_fields=["file"])
        document.restart()
        enqueue(ADVANCE, document.pk)
    return document


def _duplicate_error(document: Document) -> UserError:
    return UserError(
        "duplicate",
        document=document.pk,
        title=document.title,
        url=document.get_absolute_url(),
    )


def _upload_too_large(size: int) -> UserError:
    return UserError("too_large", size=-(-size // MEGABYTE), limit=settings.MAX_UPLOAD_MB)
