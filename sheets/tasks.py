"""The sheets' tasks: each takes an id, tolerates that its row is gone, and calls one function."""

from sheets import jobs as errands
from sheets.generation import run as generate
from sheets.links.related import relate
from sheets.models import Citation, Revision, Sheet
from sheets.notifications import digest
from sheets.queueing import DIGEST, INDEX, WRITE
from sheets.rendering import page_cache as kept
from sheets.revisions.save import recheck
from sheets.search import indexing as index
from sheets.sources import passage_refs as places
from sheets.staleness import new_passages
from wikico2.errors import WorkError
from wikico2.jobs.queue import enqueue, enqueue_later, resumable

DAILY = {"sheets.tasks.send_digests": "send digests", "sheets.tasks.clear_pages": "clear pages"}
INDEX_TRIES = 10
INDEX_PAUSE = 60.0
resumable("sheets.Generation", WRITE)
resumable("sheets.Errand", errands.RUN)


def write_sheet(generation_id: int) -> None:
    """Write a sheet, or the next slice of it."""
    generate.write(generation_id)


def look_for_passages(sheet_id: int) -> None:
    """Find what new passages the stale sections of a sheet have."""
    new_passages.look_for_passages(sheet_id)


def recheck_citations(document_id: int) -> None:
    """Check again what cites a source and was not borne out: its pages may be there only now."""
    cited = Citation.objects.filter(document=document_id, verdict=Citation.Verdict.BROKEN)
    for pk in cited.values_list("revision", flat=True).distinct().order_by("revision"):
        recheck(Revision.objects.get(pk=pk))


def find_awaited(document_id: int) -> None:
    """Find the passages that what was imported rests on in a source."""
    places.find_awaited(document_id)


def index_sheet(sheet_id: int, attempt: int = 1) -> None:
    """Give a sheet's sections their vectors; take those of a removed sheet away."""
    sheet = Sheet.objects.filter(pk=sheet_id).first()
    try:
        if sheet is None:
            index.forget(sheet_id)
            return
        index.ensure_words(sheet)
        relate(sheet)
        index.learn_words(sheet)
        index.index_meaning(sheet)
    except WorkError:
        if attempt >= INDEX_TRIES:
            raise
        enqueue_later(INDEX, sheet_id, attempt + 1, seconds=INDEX_PAUSE)


def send_digests() -> None:
    """Queue a digest for each person who is due one."""
    for pk in digest.due():
        enqueue(DIGEST, pk)


def send_digest(user_id: int) -> None:
    """Send one person's digest."""
    digest.send(user_id)


def clear_pages() -> None:
    """Throw away the pages that were kept longest, and forget errands that ended long ago."""
    kept.clear()
    errands.clear()


def run_errand(errand_id: int) -> None:
    """Take an errand one time slice further."""
    errands.run(errand_id)
