"""Extract the text of a document's pages from its file, then run OCR on pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import cast

from ingestion.intake.upload import read_limits
from ingestion.models import Document, Page
from ingestion.ocr.recognise import recognise_document
from ingestion.readers import DocumentInfo, PageText, Remark
from ingestion.readers.api import read_document
from wikico2.llm.client import RetryPolicy

PAGES_AT_ONCE = 50

Progress = Callable[[int, int], None]


def read_pages(
    document: Document, path: Path, *, on_progress: Progress, on_batch: Callable[[], None]
) -> DocumentInfo:
    """Save the text of each page, replacing that of an earlier extraction.

    Returns the document's metadata and number of pages. Raises ReadError.
    """
    results = read_document(path, document.media_type, read_limits(), progress=on_progress)
    info = cast(DocumentInfo, next(results))
    pages = (result for result in results if isinstance(result, PageText))
    last = 0
    while batch := list(islice(pages, PAGES_AT_ONCE)):
        save_pages(document, batch)
        last = batch[-1].number
        on_batch()
    document.pages.filter(number__gt=last).delete()
    return info


def add_remarks(document: Document, remarks: Sequence[Remark]) -> None:
    """Add remarks to the first page of a document, where the attachments of a mail are named."""
    first = document.pages.order_by("number").first()
    if first is not None and remarks:
        first.remarks = [*first.remarks, *map(asdict, remarks)]
        first.save(update_fields=["remarks"])


def recognise_pictures(
    document: Document, path: Path, *, on_progress: Progress, patience: RetryPolicy
) -> None:
    """Run OCR on the pages without text and the figures; see `ocr.recognise`."""
    recognise_document(document, path, read_limits(), patience, on_progress)


def save_pages(document: Document, batch: Sequence[PageText]) -> None:
    """Save pages as read, replacing those of the same numbers."""
    Page.objects.bulk_create(
        [
            Page(
                document=document,
                number=page.number,
                text=page.text,
                width=page.width,
                height=page.height,
                blocks=[block.fields() for block in page.blocks],
                doubt=page.doubt,
                remarks=[asdict(remark) for remark in page.remarks],
            )
            for page in batch
        ],
        update_conflicts=True,
        unique_fields=["document", "number"],
        update_fields=[
            "text",
            "width",
            "height",
            "blocks",
            "doubt",
            "remarks",
            "words",
            "read_by",
            "unread",
        ],
    )
