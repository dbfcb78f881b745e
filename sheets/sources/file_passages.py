"""Read the passages of a file without storing it, cut as those of a source are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from ingestion.intake.upload import read_limits
from ingestion.pipeline.chunk import ChunkDraft, chunk_pages
from ingestion.readers import PageText
from ingestion.readers.api import read_document
from ingestion.readers.media_type import identify_path
from sheets.verification.citations import contains_quote

MAX_FILES = 10_000
"""Files of a folder that are looked through for a document."""


@lru_cache(maxsize=32)
def file_passages(path: Path) -> tuple[ChunkDraft, ...]:
    """Return the passages of a file; raises ReadError."""
    answers = read_document(path, identify_path(path), read_limits())
    pages = [answer for answer in answers if isinstance(answer, PageText)]
    return tuple(chunk_pages(pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP))


def passages_with(path: Path, quote: str) -> Iterator[ChunkDraft]:
    """Yield the passages of a file that contain a quote."""
    return (passage for passage in file_passages(path) if contains_quote(passage.text, quote))


def find_file(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the first file of that name below the folders, or None."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
        for count, path in enumerate(folder.rglob("*")):
            if path.name == name and path.is_file():
                return path
            if count >= MAX_FILES:
                break
    return None
