"""Check the citations of a body against the passages and pages that they name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db.models.expressions import RawSQL

from ingestion.models import Chunk, Document, Page
from sheets.markdown.parse import BodyStatement, Note
from sheets.verification.citations import contains_quote
from sheets.verification.entailment import (
    BROKEN,
    VERIFIED,
    WEAK,
    Verdict,
    passage_for_verify,
    verify_statement,
)

NAMED_DOCUMENTS = "unnest(%s::bigint[], %s::integer[]) AS named (document, page)"

NAMED_PAGES = f"""
    SELECT p.id FROM {NAMED_DOCUMENTS} JOIN ingestion_page p
        ON p.document_id = named.document AND p.number = named.page
"""  # noqa: S608 (no words but ours)

NAMED_CHUNKS = f"""
    SELECT c.id FROM {NAMED_DOCUMENTS} JOIN ingestion_chunk c
        ON c.document_id = named.document AND named.page BETWEEN c.page_start AND c.page_end
"""  # noqa: S608 (no words but ours)

OF_A_CHUNK = ("document", "position", "page_start", "page_end", "headings", "text")

SEVERITY = {VERIFIED: 0, WEAK: 1, BROKEN: 2}


@dataclass(frozen=True)
class CheckedCitation:
    """A citation and what came of checking it."""

    note: Note
    document: Document | None
    chunk_id: int | None
    verdict: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CitationSources:
    """What the citations of one body rest on."""

    documents: Mapping[int, Document]
    chunks: Mapping[tuple[int, int], Sequence[Chunk]]


def load_citation_sources(notes: Sequence[Note]) -> CitationSources:
    """Load the documents and passages that the citations name."""
    if not notes:
        return CitationSources({}, {})
    given = named_sources(notes)
    documents = Document.objects.only("title").in_bulk(given[0])
    chunks: dict[tuple[int, int], list[Chunk]] = {}
    passages = Chunk.objects.filter(pk__in=RawSQL(NAMED_CHUNKS, given))  # noqa: S611 (ours)
    for chunk in passages.only(*OF_A_CHUNK).order_by("document", "position"):
        for page in range(chunk.page_start, chunk.page_end + 1):
            chunks.setdefault((chunk.document_id, page), []).append(chunk)
    return CitationSources(documents, chunks)


def load_pages(notes: Sequence[Note]) -> dict[tuple[int, int], str]:
    """Load the texts of the pages that the citations name, by document and number."""
    if not notes:
        return {}
    texts = Page.objects.filter(pk__in=RawSQL(NAMED_PAGES, named_sources(notes)))  # noqa: S611 (ours)
    return {
        (document, page): text
        for document, page, text in texts.values_list("document", "number", "text")
    }


def named_sources(notes: Iterable[Note]) -> tuple[list[int], list[int]]:
    """Return the documents and, beside them, the pages that citations name, each pair once."""
    places = sorted({cited_page(note) for note in notes})
    return [document for document, _ in places], [page for _, page in places]


def check_citations(
    notes: Mapping[str, Note], said: Iterable[BodyStatement]
) -> list[CheckedCitation]:
    """Check each citation of a body: the quote stands on its page, and bears its statements.

    A marker that serves several statements gets the worst of their verdicts.
    """
    cited = {m: n for m, n in notes.items() if n.is_citation}
    ground = load_citation_sources(list(cited.values()))
    found = {m: find_cited_passage(n, ground) for m, n in cited.items()}
    # Only what stands in no passage, as between two of them, is looked up on its page.
    pages = load_pages([n for m, n in cited.items() if found[m] is None])
    stands = {
        m: bool(found[m]) or contains_quote(pages.get(cited_page(n), ""), n.quote)
        for m, n in cited.items()
    }
    worst: dict[str, Verdict] = {}
    for statement in said:
        grounded = [m for m in statement.markers if m in found]
        if not grounded:
            continue
        passages = [supporting_text(cited[m], found[m], ground) for m in grounded if stands[m]]
        verdict = judge_statement(statement.text, tuple(passages))
        for marker in grounded:
            known = worst.get(marker)
            if known is None or SEVERITY[verdict.verdict] > SEVERITY[known.verdict]:
                worst[marker] = verdict
    return [
        make_checked(note, found[marker], stands[marker], worst.get(marker), ground)
        for marker, note in cited.items()
    ]


@lru_cache(maxsize=4096)  # what has not changed since the last save of a sheet
def judge_statement(statement: str, passages: tuple[str, ...]) -> Verdict:
    """Return the verdict on a statement and the passages that it cites."""
    return verify_statement(statement, passages)


def find_cited_passage(note: Note, ground: CitationSources) -> Chunk | None:
    """Return the passage that holds the quote, if one does."""
    passages = ground.chunks.get(cited_page(note), ())
    return next((chunk for chunk in passages if contains_quote(chunk.text, note.quote)), None)


def cited_page(note: Note) -> tuple[int, int]:
    """Return the document and the page that a citation names."""
    assert note.document_id is not None
    assert note.page is not None
    return note.document_id, note.page


def supporting_text(note: Note, chunk: Chunk | None, ground: CitationSources) -> str:
    """Return the text that may bear a statement: the whole passage, or else the quote alone."""
    document = ground.documents.get(note.document_id or 0)
    title = document.title if document else ""
    if chunk is None:
        return passage_for_verify(title, (), note.quote)
    return passage_for_verify(title, chunk.headings, chunk.text)


def make_checked(
    note: Note, chunk: Chunk | None, stands: bool, verdict: Verdict | None, ground: CitationSources
) -> CheckedCitation:
    """Return the citation with its verdict; broken when its page or its quote is not there."""
    document = ground.documents.get(note.document_id or 0)
    if document is None:
        return CheckedCitation(note, None, None, BROKEN, (("source_missing", ""),))
    if not stands:
        return CheckedCitation(note, document, None, BROKEN, (("quote_not_found", ""),))
    chunk_id = chunk.pk if chunk else None
    if verdict is None:
        return CheckedCitation(note, document, chunk_id, VERIFIED, ())
    return CheckedCitation(note, document, chunk_id, verdict.verdict, verdict.reasons)
