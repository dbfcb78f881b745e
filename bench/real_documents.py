"""Load real documents into a temporary wiki, for measuring: known by the hash of their file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.models import Document

GOLD = Path(__file__).parent.parent / "tests" / "gold" / "real"
BATCH = 500


def read_lines(*paths: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of the lines of some files."""
    return [
        json.loads(line)
        for path in paths
        for line in path.read_text("utf-8").splitlines()
        if line.strip()
    ]


def find_files(folder: Path, hashes: Collection[str]) -> dict[str, Path]:
    """Return the files below a folder that have one of these SHA-256 hashes, by hash."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest in hashes:
                found.setdefault(digest, path)
    return found


def load_documents(files: dict[str, Path]) -> dict[str, Document]:
    """Create a ready source with its passages for each file; return them by hash."""
    from django.db import connection

    from ingestion.intake.upload import title_from_name
    from ingestion.models import Chunk, Document
    from ingestion.search import postings, spelling
    from sheets.sources.file_passages import file_passages

    loaded: dict[str, Document] = {}
    for digest, path in files.items():
        drafts = file_passages(path)
        document = loaded[digest] = Document.objects.create(
            title=title_from_name(path.name),
            filename=path.name,
            sha256=digest,
            size=1,
            state="ready",
        )
        Chunk.objects.bulk_create(
            [
                Chunk(
                    document=document,
                    position=draft.position,
                    text=draft.text,
                    headings=list(draft.headings),
                    page_start=draft.page_start,
                    page_end=draft.page_end,
                    kind=draft.kind,
                    doubt=draft.doubt,
                    content_hash=draft.content_hash,
                )
                for draft in drafts
            ],
            batch_size=BATCH,
        )
        spelling.learn_words(draft.text for draft in drafts)
    postings.compact_tallies(Chunk._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return loaded


def holds(text: str, wanted: Iterable[str]) -> bool:
    """Tell whether a text has all of these short strings, up to accents and blanks."""
    from wikico2.text.normalize import fold_text

    folded = fold_text(text)
    return all(fold_text(one) in folded for one in wanted)
