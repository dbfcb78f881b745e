"""Sources that were read, as rows without a file."""

from typing import Any

from ingestion.models import Chunk, Document, Page


def read_source(title: str, text: str, page: int = 1, **values: Any) -> Document:
    """Return a source that is ready, with one text and one passage, both on that page."""
    document = Document.objects.create(
        title=title,
        filename="guide.pdf",
        file="guide.pdf",
        sha256="a" * 64,
        size=1,
        state=Document.State.READY,
        **{"page_count": page, **values},
    )
    Page.objects.create(document=document, number=page, text=text)
    Chunk.objects.create(
        document=document,
        position=0,
        text=text,
        page_start=page,
        page_end=page,
        content_hash="h",
    )
    return document
