"""Check what is cited: the drafts of a writer before they are used, the footnotes of a body."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from django.db.models.expressions import RawSQL

from ingestion.models import Chunk, Document, Page
from ingestion.search.retrieve import Passage
from sheets.markdown.parse import Note, Said
from sheets.schema.types import Row, SectionDraft, Statement
from sheets.verification.entailment import BROKEN, VERIFIED, WEAK, Verdict, bearing_text, verify
from wikico2.text.normalize import words

NAMED = "unnest(%s::bigint[], %s::integer[]) AS named (document, page)"
NAMED_PAGES = f"""
    SELECT p.id FROM {NAMED} JOIN ingestion_page p
        ON p.document_id = named.document AND p.number = named.page
"""  # noqa: S608 (no words but ours)
NAMED_CHUNKS = f"""
    SELECT c.id FROM {NAMED} JOIN ingestion_chunk c
        ON c.document_id = named.document AND named.page BETWEEN c.page_start AND c.page_end
"""  # noqa: S608 (no words but ours)
OF_A_CHUNK = ("document", "position", "page_start", "page_end", "headings", "text")
SEVERITY = {VERIFIED: 0, WEAK: 1, BROKEN: 2}


@dataclass(frozen=True)
class Checked:
    """A citation and what came of checking it."""

    note: Note
    document: Document | None
    chunk_id: int | None
    verdict: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ground:
    """What the citations of one body rest on."""

    documents: Mapping[int, Document]
    chunks: Mapping[tuple[int, int], Sequence[Chunk]]


def grounded(draft: SectionDraft, passages: Mapping[str, Passage]) -> SectionDraft:
    """Return the draft without what the passages do not bear.

    Sources that are gone are dropped. A broken statement is left out, unless
    `KEEP_BROKEN_STATEMENTS` has it kept and marked.
    """
    texts = {label: bearing_text(p.title, p.headings, p.text) for label, p in passages.items()}

    def bears(said: Statement | Row) -> bool:
        held = [c.label for c in said.sources if c.label in texts]
        if not held or settings.KEEP_BROKEN_STATEMENTS:
            return bool(held)
        text = said.text if isinstance(said, Statement) else " | ".join(said.cells)
        return verify(text, texts, held).verdict != BROKEN

    fields = [
        replace(
            f,
            statements=tuple(still_cited(s, texts) for s in f.statements if bears(s)),
            rows=tuple(still_cited(r, texts) for r in f.rows if bears(r)),
        )
        for f in draft.fields
    ]
    return replace(draft, fields=tuple(fields))


SaidOrRow = TypeVar("SaidOrRow", Statement, Row)


def still_cited(said: SaidOrRow, known: Container[str]) -> SaidOrRow:
    """Return a statement with the sources that are still there."""
    return replace(said, sources=tuple(c for c in said.sources if c.label in known))


def load_ground(notes: Sequence[Note]) -> Ground:
    """Load the documents and passages that the citations name."""
    if not notes:
        return Ground({}, {})
    given = named(notes)
    documents = Document.objects.only("title").in_bulk(given[0])
    chunks: dict[tuple[int, int], list[Chunk]] = {}
    passages = Chunk.objects.filter(pk__in=RawSQL(NAMED_CHUNKS, given))  # noqa: S611 (ours)
    for chunk in passages.only(*OF_A_CHUNK).order_by("document", "position"):
        for page in range(chunk.page_start, chunk.page_end + 1):
            chunks.setdefault((chunk.document_id, page), []).append(chunk)
    return Ground(documents, chunks)


def load_pages(notes: Sequence[Note]) -> dict[tuple[int, int], str]:
    """Load the texts of the pages that the citations name, by document and number."""
    if not notes:
        return {}
    texts = Page.objects.filter(pk__in=RawSQL(NAMED_PAGES, named(notes)))  # noqa: S611 (ours)
    return {
        (document, page): text
        for document, page, text in texts.values_list("document", "number", "text")
    }


def named(notes: Iterable[Note]) -> tuple[list[int], list[int]]:
    """Return the documents and, beside them, the pages that citations name, each pair once."""
    places = sorted({place_of(note) for note in notes})
    return [document for document, _ in places], [page for _, page in places]


def check(notes: Mapping[str, Note], said: Iterable[Said]) -> list[Checked]:
    """Check each citation of a body: the quote stands on its page, and bears its statements.

    A marker that serves several statements gets the worst of their verdicts.
    """
    cited = {m: n for m, n in notes.items() if n.is_citation}
    ground = load_ground(list(cited.values()))
    found = {m: find(n, ground) for m, n in cited.items()}
    # Only what stands in no passage, as between two of them, is looked up on its page.
    pages = load_pages([n for m, n in cited.items() if found[m] is None])
    stands = {
        m: bool(found[m]) or contains(pages.get(place_of(n), ""), n.quote) for m, n in cited.items()
    }
    worst: dict[str, Verdict] = {}
    for statement in said:
        grounded = [m for m in statement.markers if m in found]
        if not grounded:
            continue
        passages = [borne(cited[m], found[m], ground) for m in grounded if stands[m]]
        verdict = judged(statement.text, tuple(passages))
        for marker in grounded:
            known = worst.get(marker)
            if known is None or SEVERITY[verdict.verdict] > SEVERITY[known.verdict]:
                worst[marker] = verdict
    return [
        checked(note, found[marker], stands[marker], worst.get(marker), ground)
        for marker, note in cited.items()
    ]


@lru_cache(maxsize=4096)  # what has not changed since the last save of a sheet
def judged(statement: str, passages: tuple[str, ...]) -> Verdict:
    """Return the verdict on a statement and the passages that it cites."""
    return verify(statement, passages)


def find(note: Note, ground: Ground) -> Chunk | None:
    """Return the passage that holds the quote, if one does."""
    passages = ground.chunks.get(place_of(note), ())
    return next((chunk for chunk in passages if contains(chunk.text, note.quote)), None)


def place_of(note: Note) -> tuple[int, int]:
    """Return the document and the page that a citation names."""
    assert note.document_id is not None
    assert note.page is not None
    return note.document_id, note.page


def contains(text: str, quote: str) -> bool:
    """Tell whether the words of the quote stand in the text in one run, whatever the layout."""
    wanted = words(quote)
    return bool(wanted) and f" {' '.join(wanted)} " in flat_words(text)


@lru_cache(maxsize=1024)  # the same pages and passages at each save of a sheet
def flat_words(text: str) -> str:
    """Return the words of a text in one line."""
    return f" {' '.join(words(text))} "


def borne(note: Note, chunk: Chunk | None, ground: Ground) -> str:
    """Return the text that may bear a statement: the whole passage, or else the quote alone."""
    document = ground.documents.get(note.document_id or 0)
    title = document.title if document else ""
    if chunk is None:
        return bearing_text(title, (), note.quote)
    return bearing_text(title, chunk.headings, chunk.text)


def checked(
    note: Note, chunk: Chunk | None, stands: bool, verdict: Verdict | None, ground: Ground
) -> Checked:
    """Return the citation with its verdict; broken when its page or its quote is not there."""
    document = ground.documents.get(note.document_id or 0)
    if document is None:
        return Checked(note, None, None, BROKEN, (("source_missing", ""),))
    if not stands:
        return Checked(note, document, None, BROKEN, (("quote_not_found", ""),))
    chunk_id = chunk.pk if chunk else None
    if verdict is None:
        return Checked(note, document, chunk_id, VERIFIED, ())
    return Checked(note, document, chunk_id, verdict.verdict, verdict.reasons)
