"""Read OpenDocument texts."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.readers import DocumentInfo, Limits, PageText, Progress
from ingestion.readers.office.guard import unread
from ingestion.readers.office.odf import TEXT, OdfFile
from ingestion.readers.office.odf_text import OdfWalk
from ingestion.readers.office.pictures import draw, picture
from ingestion.readers.text.pagination import NumberedItem, build_pages

__all__ = ["check", "draw", "picture", "read"]


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open the document and return the metadata it states."""
    return OdfFile.open(file, limits).summary().info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the text on the pages recorded in the file, else in parts of equal length."""
    opened = OdfFile.open(file, limits)
    body = opened.body("text")
    walk = OdfWalk(opened)
    items: list[NumberedItem] = [(1, unread(name)) for name in opened.unread]
    items += walk.inside(body)
    recorded = next(body.iter(TEXT + "soft-page-break"), None) is not None
    yield from opened.summary().document(
        build_pages(items, opened.page_layout(is_recorded=recorded))
    )
