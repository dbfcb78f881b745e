"""Read sources again whose reader has changed since, in the background, before nothing else.

A re-read source stays as it is if its text has not changed. Otherwise its pages and passages are
replaced in one transaction: a passage that has not changed keeps its row, its vectors and its
citations. Then the document goes through embedding and indexing again, for its new passages. If the
file cannot be read now, what was read before stays.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from ingestion.intake.files import local_copy
from ingestion.intake.upload import read_limits
from ingestion.kinds import DOCUMENT, SOURCE_REREAD
from ingestion.models import Document, Page
from ingestion.models.documents import DocumentQuerySet
from ingestion.pipeline.extract import save_pages
from ingestion.pipeline.save_chunks import ChunkChanges, save_chunks, stored_page_text
from ingestion.readers import Block, PageText, ReadError, Remark
from ingestion.readers.api import read_document
from ingestion.readers.registry import FORMATS, reader_version
from ingestion.signals import passages_replaced
from wikico2.errors import UserError
from wikico2.jobs.log import record_event
from wikico2.jobs.queue import start_job
from wikico2.jobs.runner import JobRun

logger = logging.getLogger(__name__)


def outdated_documents() -> DocumentQuerySet:
    """Return the ready sources that an older version of their reader has read."""
    older = Q(pk__in=())
    for media_type in FORMATS:
        older |= Q(media_type=media_type, reader_version__lt=reader_version(media_type))
    return Document.objects.ready().filter(older)


@transaction.atomic
def request_rereading(documents: DocumentQuerySet | QuerySet[Document]) -> int:
    """Queue the reading of these sources anew, of those that are ready; return how many are."""
    known = {"media_type__in": FORMATS, "state": Document.State.READY}
    count = Document.objects.filter(pk__in=documents.order_by().values("pk"), **known).update(
        reader_version=0
    )
    if count:
        start_job(SOURCE_REREAD)
    return count


def reread_outdated(run: JobRun) -> bool:
    """Read outdated sources again, one by one, for a time slice; tell whether none is left.

    Killed anywhere, it continues with the same source.
    """
    while not run.enough():
        document = outdated_documents().order_by("pk").first()
        if document is None:
            return True
        reread_document(document)
        run.advance()
    return not outdated_documents().exists()


def reread_document(document: Document) -> bool:
    """Read a ready source again; return whether its text has changed.

    Does nothing if it was removed, or restarted, meanwhile.
    """
    version = reader_version(document.media_type)
    try:
        with local_copy(document) as path:
            results = read_document(path, document.media_type, read_limits())
            pages = [result for result in results if isinstance(result, PageText)]
    except (ReadError, FileNotFoundError) as error:
        logger.warning("Document %d cannot be read again: %s", document.pk, error)
        _keep_as_read(document, version, error)
        return False
    stored = {page.number: page for page in document.pages.all()}
    pages = [_with_kept(page, stored.get(page.number)) for page in pages]
    if _is_same(pages, stored):
        _still_ready(document).update(reader_version=version)
        return False
    try:
        return _replace_text(document, pages, version)
    except UserError as error:
        _keep_as_read(document, version, error)
    except (DatabaseError, ValueError, TypeError, LookupError) as error:  # it blocks no other
        logger.exception("Document %d cannot be read again:", document.pk)
        _keep_as_read(document, version, error)
    return False


def _keep_as_read(document: Document, version: int, error: Exception) -> None:
    """Count a source as read by this version, although it could not be, and log why."""
    code = error.code if isinstance(error, (ReadError, UserError)) else type(error).__name__
    with transaction.atomic():
        if _still_ready(document).update(reader_version=version):
            record_event(document.job, "reread_failed", cause=code)


def _still_ready(document: Document) -> DocumentQuerySet:
    """Return the document as long as it is ready, and its file has not been replaced."""
    return Document.objects.ready().filter(pk=document.pk, file=document.file.name)


def _with_kept(page: PageText, stored: Page | None) -> PageText:
    """Return a page with what the pipeline added to the stored one: text of pictures, remarks."""
    if stored is None:
        return page
    added = (Remark(**one) for one in stored.remarks if one["code"] == "attachment_unread")
    return _with_recognised_text(replace(page, remarks=(*page.remarks, *added)), stored)


def _with_recognised_text(page: PageText, stored: Page) -> PageText:
    """Return a page with what was recognised on its pictures, which costs nothing again."""
    if stored.read_by and page.doubt:
        before = stored_page_text(stored)
        return replace(page, text=before.text, blocks=before.blocks)
    described = {
        block["digest"]: block for block in stored.blocks if block.get("by") and block.get("digest")
    }
    if not described:
        return page
    blocks = tuple(_described(block, described) for block in page.blocks)
    return replace(page, blocks=blocks, text="\n\n".join(block.text for block in blocks))


def _described(block: Block, described: dict[str, dict[str, Any]]) -> Block:
    known = described.get(block.digest) if block.digest else None
    return replace(block, text=str(known["text"]), by=str(known["by"])) if known else block


def _is_same(pages: Sequence[PageText], stored: dict[int, Page]) -> bool:
    """Tell whether all pages were read as they are stored."""
    if {page.number for page in pages} != set(stored):
        return False
    return all(_page_facts(page) == _stored_facts(stored[page.number]) for page in pages)


def _page_facts(page: PageText) -> tuple[Any, ...]:
    blocks = [block.fields() for block in page.blocks]
    remarks = [(one.code, one.count, one.detail) for one in page.remarks]
    return page.text, blocks, page.doubt, remarks


def _stored_facts(page: Page) -> tuple[Any, ...]:
    remarks = [(one["code"], one["count"], one["detail"]) for one in page.remarks]
    return page.text, page.blocks, page.doubt, remarks


def _replace_text(document: Document, pages: Sequence[PageText], version: int) -> bool:
    """Replace pages and passages, and queue what is left to do; return whether it was done."""
    with transaction.atomic():
        locked = _still_ready(document).select_for_update().first()
        if locked is None:
            return False
        recognised = {page.number: page for page in document.pages.exclude(doubt="")}
        save_pages(document, pages)
        for page in pages:
            if page.doubt and (known := recognised.get(page.number)):
                document.pages.filter(number=page.number).update(
                    read_by=known.read_by, words=known.words, unread=known.unread
                )
        document.pages.exclude(number__in=[page.number for page in pages]).delete()
        changes = save_chunks(document)
        Document.objects.filter(pk=document.pk).update(
            reader_version=version, page_count=len(pages), read_at=Now()
        )
        record_event(
            document.job, "reread", kept=changes.kept, new=changes.new, gone=len(changes.gone)
        )
        if changes.new or changes.gone:
            _queue_indexing(locked, changes)
    return True


def _queue_indexing(document: Document, changes: ChunkChanges) -> None:
    """Send the document through embedding and indexing, and tell who cites it."""
    document.restart_indexing()
    start_job(DOCUMENT, document.pk, owner=document.uploaded_by_id)
    passages_replaced.send(Document, document_id=document.pk, gone=changes.gone)
