"""Extract: the file of a document becomes the text of its pages, then pictures are looked at."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import cast

from ingestion.intake.upload import read_limits
from ingestion.models import Document, Page
from ingestion.ocr.recognise import recognise_document
from ingestion.readers import DocumentInfo, PageText
from ingestion.readers.api import read_document
from wikico2.llm.client import RetryPolicy

PAGES_AT_ONCE = 50

Progress = Callable[[int, int], None]


def read_pages(
    document: Document, path: Path, *, on_progress: Progress, on_batch: Callable[[], None]
) -> DocumentInfo:
    """Write the text of each page, in place of what an earlier reading has written.

    Returns what the document is, with the number of pages that were found. Raises ReadError.
    """
    answers = read_document(path, document.media_type, read_limits(), progress=on_progress)
    info = cast(DocumentInfo, next(answers))
    pages = (answer for answer in answers if isinstance(answer, PageText))
    last = 0
    while batch := list(islice(pages, PAGES_AT_ONCE)):
        _write(document, batch)
        last = batch[-1].number
        on_batch()
    document.pages.filter(number__gt=last).delete()
    return info


def recognise_pictures(
    document: Document, path: Path, *, on_progress: Progress, patience: RetryPolicy
) -> None:
    """Have a machine read the pages without text and the figures; see `sight.look`."""
    recognise_document(document, path, read_limits(), patience, on_progress)


def _write(document: Document, batch: list[PageText]) -> None:
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
            )
            for page in batch
        ],
        update_conflicts=True,
        unique_fields=["document", "number"],
        update_fields=["text", "width", "height", "blocks", "doubt", "words", "read_by", "unread"],
    )
