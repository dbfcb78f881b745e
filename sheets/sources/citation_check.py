"""Check the citations of a body against the passages and pages that they cite."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from django.db.models.expressions import RawSQL

from ingestion.models import Chunk, Document, Page
from sheets.markdown.parse import BodyStatement, Note
from sheets.sources.confirmations import (
    Keys,
    Said,
    apply_confirmation,
    confirmation_key,
    statement_judgements,
)
from sheets.verification.citations import contains_quote
from sheets.verification.levels import (
    JUDGED_LEVELS,
    LEVELS,
    NOT_FOUND,
    UNSOURCED,
    VERBATIM,
    Finding,
    at_best_fragile,
    check_statement,
    passage_for_check,
)

LABEL_REMARK = re.compile(r"\s*\([^()]*\)$")
"""A parenthesis at the end of a label: « Coût typique (ordre de grandeur) »."""

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


@dataclass(frozen=True)
class CheckedCitation:
    """A citation with its document, its passage and the worst level of its statements."""

    note: Note
    document: Document | None
    chunk_id: int | None
    level: str
    reasons: tuple[tuple[str, str], ...]
    unborne: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckedStatement:
    """A statement with its level by all that it cites."""

    statement: BodyStatement
    finding: Finding
    keys: Keys = ("", "")
    """What a confirmation of it belongs to; empty without a passage."""
    passages: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckedBody:
    """The citations and the statements of a body, checked."""

    citations: list[CheckedCitation]
    statements: list[CheckedStatement]


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


def check_body(
    notes: Mapping[str, Note],
    statements: Sequence[BodyStatement],
    said: Mapping[Keys, Said] | None = None,
    *,
    moved: bool = False,
) -> CheckedBody:
    """Check each statement of a body against what it cites, and each citation.

    A citation has the worst level of the statements that have its marker. One that no statement
    has is a quote that is, or is not, on its page. `said` are the confirmations of the sheet,
    which count before the answers of a model. With `moved`, a quote that is not on its page is
    looked for on the other pages of its source.
    """
    cited = {m: n for m, n in notes.items() if n.is_citation}
    sources = load_citation_sources(list(cited.values()))
    found = {m: find_cited_passage(n, sources) for m, n in cited.items()}
    # A quote that is in no passage, for example across two of them, is searched on its page.
    pages = load_pages([n for m, n in cited.items() if found[m] is None])
    flaws = {
        m: flaw
        for m, n in cited.items()
        if (flaw := _citation_flaw(n, found[m], sources, pages)) is not None
    }
    if moved:
        lost = {m: n for m, n in cited.items() if m in flaws and n.document_id in sources.documents}
        elsewhere = find_moved_quotes(lost)
        found |= elsewhere
        flaws = {m: flaw for m, flaw in flaws.items() if m not in elsewhere}
    checked = [_check_one(s, cited, found, flaws, sources) for s in statements]
    unsure = [one.keys for one in checked if one.finding.level in JUDGED_LEVELS]
    answers = {**(statement_judgements(unsure) if unsure else {}), **(said or {})}
    checked = [
        replace(one, finding=apply_confirmation(one.finding, one.keys, answers)) for one in checked
    ]
    worst: dict[str, Finding] = {}
    for one in checked:
        for marker in one.statement.markers:
            known = worst.get(marker)
            if known is None or is_lower(one.finding.level, known.level):
                worst[marker] = one.finding
    return CheckedBody(
        [
            make_checked(note, found[m], flaws.get(m) or worst.get(m, Finding(VERBATIM)), sources)
            for m, note in cited.items()
        ],
        checked,
    )


def _check_one(
    statement: BodyStatement,
    cited: Mapping[str, Note],
    found: Mapping[str, Chunk | None],
    flaws: Mapping[str, Finding],
    sources: CitationSources,
) -> CheckedStatement:
    """Return one statement with its level by the passages that it cites."""
    markers = [m for m in dict.fromkeys(statement.markers) if m in found]
    quoted = [m for m in markers if m not in flaws][:MAX_COMPARED_SOURCES]
    if not quoted:
        flaw = next((flaws[m] for m in markers), Finding(UNSOURCED))
        return CheckedStatement(statement, flaw)
    passages = tuple(supporting_text(cited[m], found[m], sources) for m in quoted)
    finding = find_level(statement.text, passages, statement.label)
    keys = confirmation_key(statement.text, passages)
    return CheckedStatement(statement, finding, keys, passages)


def check_citations(
    notes: Mapping[str, Note], statements: Sequence[BodyStatement]
) -> list[CheckedCitation]:
    """Check each citation of a body; see `check_body`."""
    return check_body(notes, statements).citations


def is_lower(level: str, other: str) -> bool:
    """Tell whether a level is below another one."""
    return LEVELS.index(level) > LEVELS.index(other)


def _citation_flaw(
    note: Note,
    passage: Chunk | None,
    sources: CitationSources,
    pages: Mapping[tuple[int, int], str],
) -> Finding | None:
    """Return why a citation bears nothing: its source or its quote is missing; None if it may."""
    if note.document_id not in sources.documents:
        return Finding(NOT_FOUND, (("source_missing", ""),))
    if passage or contains_quote(pages.get(cited_page(note), ""), note.quote):
        return None
    return Finding(NOT_FOUND, (("quote_not_found", ""),))


@lru_cache(maxsize=4096)  # most statements are unchanged since the last save of a sheet
def find_level(statement: str, passages: tuple[str, ...], label: str = "") -> Finding:
    """Return the level of a statement by the passages that it cites.

    A value beside its label is also word for word if the source has both: "Type: technique".
    """
    finding = check_statement(statement, passages)
    if label and finding.level != VERBATIM:
        bare = LABEL_REMARK.sub("", label)
        if any(
            check_statement(f"{name} : {statement}", passages).level == VERBATIM
            for name in dict.fromkeys((label, bare))
        ):
            return Finding(VERBATIM)
    return finding


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
        return passage_for_check(title, (), note.quote[:MAX_COMPARED_QUOTE])
    return passage_for_check(title, chunk.headings, chunk.text)


def make_checked(
    note: Note, chunk: Chunk | None, finding: Finding, sources: CitationSources
) -> CheckedCitation:
    """Return the citation with its level."""
    document = sources.documents.get(note.document_id or 0)
    chunk_id = chunk.pk if chunk and document else None
    level, reasons = finding.level, finding.reasons
    if chunk is not None and level != NOT_FOUND:
        doubts = tuple(passage_reasons(note, chunk))
        reasons = (*reasons, *doubts)
        level = at_best_fragile(level) if doubts else level
    return CheckedCitation(note, document, chunk_id, level, reasons, finding.unborne)


def passage_reasons(note: Note, chunk: Chunk) -> Iterator[tuple[str, str]]:
    """Yield why a passage supports nothing with certainty: it is doubtful, or on another page."""
    if chunk.doubt:
        yield "doubtful_passage", ""
    if note.page is not None and not chunk.page_start <= note.page <= chunk.page_end:
        yield "quote_moved", str(chunk.page_start)
