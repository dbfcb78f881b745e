"""Accept an uploaded file: create its document and queue its reading, or refuse it."""

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

from ingestion.kinds import DOCUMENT
from ingestion.models import Document
from ingestion.readers import DocumentInfo, Limits, ReadError
from ingestion.readers.api import check_document
from ingestion.readers.media_type import identify_path
from ingestion.readers.registry import EXTENSIONS, FORMATS, refusal_code
from ingestion.readers.repair.headings import names_matter
from wikico2.accounts.audit import record
from wikico2.errors import UserError
from wikico2.jobs.queue import restart_job, start_job
from wikico2.sizes import MEGABYTE

# Default titles written by programs.
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
    allow_duplicate: bool = False,
    on_created: Callable[[Document], None] = lambda document: None,
) -> Document:
    """Store the file and queue its reading; return its document.

    The format is identified by the content, never by the name. `origin` is the web address that
    the file comes from, `supersedes` the source of which it is a new version. Content that a source
    has already is refused unless `allow_duplicate`. `on_created` is called in the transaction that
    creates the document.

    Raises UserError: empty_file, too_large, unknown_format, data_file, mail_box, old_office,
    duplicate (details: document, title, url), or an error of the reader (encrypted, truncated,
    no_pages, unreadable…).
    Nothing of a refused file is stored.
    """
    limit = settings.MAX_UPLOAD_MB * MEGABYTE
    if (upload.size or 0) > limit:
        raise _upload_too_large(upload.size)
    with _local_upload(upload, limit) as (path, content):
        if not content.size:
            raise UserError("empty_file")
        media_type = identify_path(path)
        if media_type not in FORMATS:
            raise UserError(refusal_code(media_type))
        if known := None if allow_duplicate else _find_by_hash(content.sha256):
            return _refuse_duplicate(known, upload)
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
        _store_file(document, upload)
        return _store_document(document, allow_duplicate, on_created)


def read_limits() -> Limits:
    """Return the resource limits of reading one document."""
    return Limits(
        memory_mb=settings.READ_MEMORY_MB,
        cpu_seconds=settings.READ_SECONDS,
        wall_seconds=settings.READ_SECONDS,
        pages=settings.READ_MAX_PAGES,
        characters=settings.READ_MAX_CHARACTERS,
    )


def explain_read_error(error: ReadError) -> UserError:
    """Return a reader's error as a UserError, with the details that its message needs."""
    limit = {"too_slow": settings.READ_SECONDS, "too_many_pages": settings.READ_MAX_PAGES}
    return UserError(error.code, **{"limit": limit.get(error.code), **error.details})


def find_duplicate(details: Mapping[str, Any]) -> Document | None:
    """Return the source that a refused file duplicates, from the error's details, if any."""
    known = details.get("document")
    return Document.objects.filter(pk=int(known)).first() if known else None


def clean_name(name: str) -> str:
    """Return the last part of a path in printable characters, 255 at most, for display."""
    last = PurePosixPath(name.replace("\\", "/")).name
    # A lone surrogate stands for a byte that was not UTF-8, as file systems have them.
    text = last.encode("utf-8", "replace").decode()
    text = "".join(c for c in unicodedata.normalize("NFC", text) if c.isprintable()).strip()
    return text[-255:] or "document"


def stated_title(info: DocumentInfo) -> str:
    """Return the title in the file's metadata; `""` for a program's default or a bare « Guide »."""
    stated = " ".join(info.title.split())
    is_default = len(stated) < 4 or _MEANINGLESS_TITLE.search(stated)
    return "" if is_default or not names_matter(stated) else stated


def title_from_name(name: str) -> str:
    """Return a title made from a file name: without extension, underscores as spaces."""
    path = PurePosixPath(name)
    stem = path.stem if path.suffix.lower() in EXTENSIONS else name
    return " ".join(stem.replace("_", " ").split()) or name


# --- From upload to row -------------------------------------------------------------------------


class _Content(NamedTuple):
    sha256: str
    size: int


@contextmanager
def _local_upload(upload: File[Any], limit: int) -> Iterator[tuple[Path, _Content]]:
    """Yield a local path of the upload, with its hash and size."""
    existing = getattr(upload, "temporary_file_path", None)
    if existing is not None:
        yield Path(existing()), _hash_upload(upload, None, limit)
        return
    with tempfile.NamedTemporaryFile() as copy:
        content = _hash_upload(upload, copy, limit)
        copy.flush()
        yield Path(copy.name), content


def _hash_upload(upload: File[Any], copy: IO[bytes] | None, limit: int) -> _Content:
    """Return the hash and size of an upload, written to `copy` where given, in one pass."""
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
    """Refuse a file that cannot be opened; one that is too slow to check is left to the worker."""
    try:
        return check_document(path, media_type, read_limits())
    except ReadError as error:
        if error.code == "too_slow":
            return DocumentInfo(page_count=0)
        raise explain_read_error(error) from error


def _store_file(document: Document, upload: File[Any]) -> None:
    """Save the file to the storage under a random name."""
    upload.seek(0)
    extension = FORMATS[document.media_type].extension
    document.file.save(f"{uuid4().hex}{extension}", upload, save=False)


def _store_document(
    document: Document, allow_duplicate: bool, on_created: Callable[[Document], None]
) -> Document:
    """Save the row and queue its task in one transaction; if that fails, delete the file."""
    try:
        with transaction.atomic():
            if not allow_duplicate and (twin := _find_by_hash(document.sha256, lock=True)):
                raise _duplicate_error(twin)  # the same file was uploaded at the same time
            document.save()
            on_created(document)
            start_job(DOCUMENT, document.pk, owner=document.uploaded_by_id)
            record("source.add", document, document.uploaded_by, access=document.access)
    except BaseException:
        document.file.delete(save=False)
        raise
    return document


def _find_by_hash(sha256: str, *, lock: bool = False) -> Document | None:
    """Return the first document with this content.

    `lock` takes an advisory lock on the content until the transaction ends.
    """
    if lock:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [sha256])
    return Document.objects.filter(sha256=sha256).order_by("pk").first()


def _refuse_duplicate(document: Document, upload: File[Any]) -> Document:
    """Refuse a file that a source has already; if the storage has lost that one, restore it."""
    if document.error_code != "file_missing":
        raise _duplicate_error(document)
    _store_file(document, upload)
    with transaction.atomic():
        document.save(update_fields=["file"])
        restart_job(document.job)
    return document


def _duplicate_error(document: Document) -> UserError:
    return UserError(
        "duplicate",
        document=document.pk,
        title=document.title,
        url=document.get_absolute_url(),
    )


def _upload_too_large(size: int) -> UserError:
    limit = settings.MAX_UPLOAD_MB
    shown = round(size / MEGABYTE, 1)  # as `format_size` shows it, but never the limit itself
    return UserError("too_large", size=shown if shown > limit else limit + 0.1, limit=limit)
