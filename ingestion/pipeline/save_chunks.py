"""Cut a document's stored pages into passages and save them; an unchanged passage keeps its row."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F

from ingestion.intake.near_duplicates import save_signature
from ingestion.models import Chunk, Document, Page
from ingestion.pipeline.chunk import ChunkDraft, chunk_pages
from ingestion.readers import Block, PageText
from ingestion.search import postings, spelling
from wikico2.errors import UserError

CHUNK_BATCH = 500
APART = 1_000_000_000
"""Added to the positions of passages while they move, since two cannot have the same one."""

WRITTEN = ["position", "text", "page_start", "page_end", "headings", "kind", "doubt"]


@dataclass(frozen=True)
class ChunkChanges:
    """What saving the passages changed: how many stayed and are new, the ids of those deleted."""

    kept: int
    new: int
    gone: tuple[int, ...]

    @property
    def total(self) -> int:
        return self.kept + self.new


def save_chunks(
    document: Document, on_saved: Callable[[ChunkChanges], None] = lambda changes: None
) -> ChunkChanges:
    """Save the passages of the pages in one transaction, in which `on_saved` is called.

    A passage whose text and headings are as before keeps its row, and so its vectors and citations,
    even if it has moved. Raises UserError("no_text").
    """
    pages = [
        stored_page_text(page)
        for page in document.pages.exclude(doubt="nonsense", read_by="").order_by("number")
    ]
    drafts = chunk_pages(pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP)
    if not drafts:
        raise UserError("no_text")
    with transaction.atomic():
        # The lock makes a change of the title wait, so that it updates these passages too.
        document.title = (
            Document.objects.select_for_update().only("title").get(pk=document.pk).title
        )
        existing = list(document.chunks.defer("search").select_for_update().order_by("position"))
        rows = match_chunks(document, drafts, existing)
        changes = _write_rows(document, rows, existing)
        on_saved(changes)
    save_signature(document.pk, (page.text for page in pages))
    spelling.learn_words([document.title, *(draft.text for draft in drafts)])
    postings.compact_tallies(Chunk._meta.db_table)
    return changes


def stored_page_text(page: Page) -> PageText:
    """Return a stored page as its reader returned it."""
    return PageText(
        number=page.number,
        text=page.text,
        width=page.width,
        height=page.height,
        blocks=tuple(Block(**block) for block in page.blocks),
    )


def match_chunks(
    document: Document, drafts: Iterable[ChunkDraft], existing: Iterable[Chunk]
) -> list[Chunk]:
    """Return the rows of the drafts, with the ids of the existing rows that have their text.

    Of several with the same text, the one at the same position is taken, else the first.
    """
    drafts = list(drafts)
    free: dict[str, dict[int, int]] = defaultdict(dict)  # ids by position, by hash
    for chunk in existing:
        free[chunk.content_hash][chunk.position] = chunk.pk
    rows = [
        Chunk(
            pk=free[draft.content_hash].pop(draft.position, None),
            document=document,
            position=draft.position,
            text=draft.text,
            page_start=draft.page_start,
            page_end=draft.page_end,
            headings=list(draft.headings),
            kind=draft.kind,
            doubt=draft.doubt,
            content_hash=draft.content_hash,
        )
        for draft in drafts
    ]
    for row in rows:
        if row.pk is None and (left := free[row.content_hash]):
            row.pk = left.pop(next(iter(left)))
    return rows


def _write_rows(
    document: Document, rows: Sequence[Chunk], existing: Sequence[Chunk]
) -> ChunkChanges:
    """Delete the rows without text, move and update those that stay, create the others."""
    kept = [row for row in rows if row.pk is not None]
    new = [row for row in rows if row.pk is None]
    gone = tuple({chunk.pk for chunk in existing} - {row.pk for row in kept})
    Chunk.objects.filter(pk__in=gone).delete()
    before = {chunk.pk: chunk.position for chunk in existing}
    if any(before[row.pk] != row.position for row in kept):
        document.chunks.update(position=F("position") + APART)
    Chunk.objects.bulk_update(kept, WRITTEN, batch_size=CHUNK_BATCH)
    Chunk.objects.bulk_create(new, batch_size=CHUNK_BATCH)
    return ChunkChanges(len(kept), len(new), gone)
