"""Check the citations of a body against the passages and pages that they cite."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
"""  # noqa: S608 (constant text)

NAMED_CHUNKS = f"""
    SELECT c.id FROM {NAMED_DOCUMENTS} JOIN ingestion_chunk c
        ON c.document_id = named.document AND named.page BETWEEN c.page_start AND c.page_end
"""  # noqa: S608 (constant text)

CHUNK_FIELDS = ("document", "position", "page_start", "page_end", "headings", "text", "doubt")

MAX_COMPARED_SOURCES = 8
"""Sources of one statement that are compared with it."""

MAX_COMPARED_QUOTE = 4_000
"""Characters of a quote that are compared with a statement."""

MAX_SEARCHED_PASSAGES = 5_000
"""Passages of a source in which a quote is looked for that is not on its page."""

SEVERITY = {VERIFIED: 0, WEAK: 1, BROKEN: 2}


@dataclass(frozen=True)
class CheckedCitation:
    """A citation with its document, its passage and its verdict."""

    note: Note
    document: Document | None
    chunk_id: int | None
    verdict: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CitationSources:
    """The documents by id, and the passages by (document, page), that citations name."""

    documents: Mapping[int, Document]
    chunks: Mapping[tuple[int, int], Sequence[Chunk]]


def load_citation_sources(notes: Sequence[Note]) -> CitationSources:
    """Load the documents and passages that the citations name, with two queries."""
    if not notes:
        return CitationSources({}, {})
    given = named_sources(notes)
    documents = Document.objects.only("title").in_bulk(given[0])
    chunks: dict[tuple[int, int], list[Chunk]] = {}
    passages = Chunk.objects.filter(pk__in=RawSQL(NAMED_CHUNKS, given))  # noqa: S611 (ours)
    for chunk in passages.only(*CHUNK_FIELDS).order_by("document", "position"):
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
    """Return two parallel lists, documents and pages, of the distinct pages that citations name."""
    pairs = sorted({cited_page(note) for note in notes})
    return [document for document, _ in pairs], [page for _, page in pairs]


def check_citations(
    notes: Mapping[str, Note], statements: Iterable[BodyStatement], *, moved: bool = False
) -> list[CheckedCitation]:
    """Check each citation of a body: the quote is on its page, and supports its statements.

    A marker of several statements gets the worst of their verdicts. With `moved`, a quote that is
    not on its page is looked for on the other pages of its source.
    """
    cited = {m: n for m, n in notes.items() if n.is_citation}
    sources = load_citation_sources(list(cited.values()))
    found = {m: find_cited_passage(n, sources) for m, n in cited.items()}
    # A quote that is in no passage, for example across two of them, is searched on its page.
    pages = load_pages([n for m, n in cited.items() if found[m] is None])
    has_quote = {
        m: bool(found[m]) or contains_quote(pages.get(cited_page(n), ""), n.quote)
        for m, n in cited.items()
    }
    if moved:
        elsewhere = find_moved_quotes({m: n for m, n in cited.items() if not has_quote[m]})
        found |= elsewhere
        has_quote |= dict.fromkeys(elsewhere, True)
    worst: dict[str, Verdict] = {}
    for statement in statements:
        markers = [m for m in statement.markers if m in found]
        if not markers:
            continue
        quoted = [m for m in dict.fromkeys(markers) if has_quote[m]][:MAX_COMPARED_SOURCES]
        passages = [supporting_text(cited[m], found[m], sources) for m in quoted]
        verdict = judge_statement(statement.text, tuple(passages))
        for marker in markers:
            known = worst.get(marker)
            if known is None or SEVERITY[verdict.verdict] > SEVERITY[known.verdict]:
                worst[marker] = verdict
    return [
        make_checked(note, found[marker], has_quote[marker], worst.get(marker), sources)
        for marker, note in cited.items()
    ]


@lru_cache(maxsize=4096)  # most statements are unchanged since the last save of a sheet
def judge_statement(statement: str, passages: tuple[str, ...]) -> Verdict:
    """Return the verdict on a statement by the passages that it cites."""
    return verify_statement(statement, passages)


def find_cited_passage(note: Note, sources: CitationSources) -> Chunk | None:
    """Return the passage that contains the quote, or None."""
    passages = sources.chunks.get(cited_page(note), ())
    return next((chunk for chunk in passages if contains_quote(chunk.text, note.quote)), None)


def find_moved_quotes(notes: Mapping[str, Note]) -> dict[str, Chunk]:
    """Return the passage of each quote, by its marker, on whatever page of its source it stands.

    Sources of more than `MAX_SEARCHED_PASSAGES` passages are not searched.
    """
    found: dict[str, Chunk] = {}
    for document in {note.document_id for note in notes.values()}:
        chunks = Chunk.objects.filter(document=document).only(*CHUNK_FIELDS).order_by("position")
        passages = list(chunks[: MAX_SEARCHED_PASSAGES + 1])
        if len(passages) > MAX_SEARCHED_PASSAGES:
            continue
        for marker, note in notes.items():
            if note.document_id == document:
                here = (chunk for chunk in passages if contains_quote(chunk.text, note.quote))
                if chunk := next(here, None):
                    found[marker] = chunk
    return found


def cited_page(note: Note) -> tuple[int, int]:
    """Return the document and the page that a citation names."""
    assert note.document_id is not None
    assert note.page is not None
    return note.document_id, note.page


def supporting_text(note: Note, chunk: Chunk | None, sources: CitationSources) -> str:
    """Return the text to verify a statement with: the whole passage, or else the quote."""
    document = sources.documents.get(note.document_id or 0)
    title = document.title if document else ""
    if chunk is None:
        return passage_for_verify(title, (), note.quote[:MAX_COMPARED_QUOTE])
    return passage_for_verify(title, chunk.headings, chunk.text)


def make_checked(
    note: Note,
    chunk: Chunk | None,
    has_quote: bool,
    verdict: Verdict | None,
    sources: CitationSources,
) -> CheckedCitation:
    """Return the citation with its verdict; broken when its source or its quote is missing."""
    document = sources.documents.get(note.document_id or 0)
    if document is None:
        return CheckedCitation(note, None, None, BROKEN, (("source_missing", ""),))
    if not has_quote:
        return CheckedCitation(note, document, None, BROKEN, (("quote_not_found", ""),))
    code, reasons = (verdict.verdict, verdict.reasons) if verdict else (VERIFIED, ())
    if chunk is None:
        return CheckedCitation(note, document, None, code, reasons)
    reasons = (*reasons, *passage_reasons(note, chunk))
    if code == VERIFIED and reasons:
        code = WEAK
    return CheckedCitation(note, document, chunk.pk, code, reasons)


def passage_reasons(note: Note, chunk: Chunk) -> Iterator[tuple[str, str]]:
    """Yield why a passage supports nothing with certainty: it is doubtful, or on another page."""
    if chunk.doubt:
        yield "doubtful_passage", ""
    if note.page is not None and not chunk.page_start <= note.page <= chunk.page_end:
        yield "quote_moved", str(chunk.page_start)
