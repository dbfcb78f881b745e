"""Shared by the readers of office documents: opening, metadata and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ingestion.readers import Limits, PageImage, ReadError
from ingestion.readers.office.zip_check import check_office_archive
from ingestion.readers.pictures import displayable_picture, read_member
from ingestion.readers.text.pagination import DocumentSummary

Opened = TypeVar("Opened")


def open_office_file(
    file: str, limits: Limits, library: Callable[[str], Opened], *errors: type[Exception]
) -> Opened:
    """Open a document with its library; raise `ReadError` if it is too large or invalid.

    `errors` are the exceptions that the library raises for an invalid file.
    """
    check_office_archive(file, limits)
    all_errors: tuple[type[Exception], ...] = (*errors, KeyError, ValueError)
    try:
        return library(file)
    except all_errors as error:
        raise ReadError("unreadable", {"reason": str(error)[:200]}) from error


def office_info(properties: Any, author: str | None) -> DocumentSummary:
    """Return the metadata stated in the properties of a document."""
    created = properties.created
    return DocumentSummary(
        title=properties.title or "",
        author=author or "",
        language=properties.language or "",
        created=created.date().isoformat() if created else "",
    )


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Raise "not_drawn": only the program that wrote the document can lay out its pages."""
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture by its name in the archive."""
    return displayable_picture(read_member(file, reference), max_width)
