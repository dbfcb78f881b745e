"""Select the passages that a writer gets for a section."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

from django.conf import settings
from django.db.models import Count, Max, Q

from ingestion.models import Chunk, Page
from ingestion.search.hybrid import embed_query
from ingestion.search.passage import Passage
from ingestion.search.retrieve import passage_nearness, retrieve_passages
from sheets.markdown.parse import heading_key
from sheets.markdown.sentences import is_heading
from sheets.schema.prompt import estimate_tokens
from sheets.schema.types import CitedPassage, Evidence, FieldBrief, SectionBrief, SectionDraft
from sheets.verification.citations import contains_quote
from sheets.writers.base import Writer
from sheets.writers.candidates import rank_passages
from wikico2.errors import UserError
from wikico2.text.normalize import stem_set

# Share of the stems of the longer of two passages, found in the shorter, that makes them equal.
SAME_WORDS = 0.9
MOST_RANKED, FOUND_FIRST = 2_000, 300
"""Passages of the sources up to which all are ranked, and how many are found by search beyond."""
FINISHED = (".", "!", "?", "…", "»", ")", "|")


def gather_evidence(
    title: str, section: SectionBrief, writer: Writer, document_ids: Sequence[int]
) -> Evidence:
    """Choose the passages for each field of the section, and label them S1, S2, …

    The best passage of every field comes before the second best of any, so that each field gets one
    within the limit of tokens. Near-duplicates are included once, a truncated passage with its
    continuation, and passages of at least two sources where several have any.
    """
    whole = section.role == "header" or section.key == "resume"
    opening = opening_passages(document_ids) if whole else []
    ranked = {
        f.key: named_first(opening, field_passages(title, f, document_ids)) for f in section.fields
    }
    chosen = choose_passages(ranked, writer)
    if other := best_of_another_source(ranked, chosen):
        chosen = choose_passages(ranked, writer, first=other)
    chosen = in_reading_order(with_continuations(chosen, writer.tokens_per_section))
    labels = {p.chunk_id: f"S{n}" for n, p in enumerate(chosen, 1)}
    by_field = {
        key: [labels[p.chunk_id] for p in passages if p.chunk_id in labels]
        for key, passages in ranked.items()
    }
    return Evidence({labels[p.chunk_id]: p for p in chosen}, by_field)


def field_passages(title: str, field: FieldBrief, document_ids: Sequence[int]) -> list[Passage]:
    """Return the passages of the sources by how likely they answer a field, best first.

    Those under a heading that contains the field's name come first. Of sources with more than
    `MOST_RANKED` passages, only those that search finds for the field are ranked. Raises
    TransientError while the service that computes vectors is down.
    """
    pool = source_passages(document_ids)
    question = field_question(field)
    if len(pool) > MOST_RANKED:
        found = retrieve_passages(
            question, k=FOUND_FIRST, document_ids=document_ids, about=title, for_writing=True
        )
        pool = tuple(passages_of(p.chunk_id for p in found).values())
    near = passage_nearness(question, document_ids, about=title)
    ranked = rank_passages(title, field, pool, near)
    return named_first(named_passages(field.heading, title, pool), ranked)


def field_question(field: FieldBrief) -> str:
    """Return the query that retrieves the passages of a field."""
    return f"{field.heading} : {field.question}"


def prepare_questions(sections: Iterable[SectionBrief], at_once: int) -> None:
    """Compute the vectors of all queries concurrently, if a service computes them."""
    if settings.EMBEDDING_BACKEND != "openai" or at_once < 2:
        return

    def prepare(text: str) -> None:
        with suppress(UserError):  # raised again when the vector is needed
            embed_query(text, in_queue=True)

    with ThreadPoolExecutor(at_once, "question") as pool:
        list(pool.map(prepare, [field_question(f) for s in sections for f in s.fields]))


# --- Choosing, pure -------------------------------------------------------------------------------


def choose_passages(
    ranked: Mapping[str, Sequence[Passage]], writer: Writer, first: Passage | None = None
) -> list[Passage]:
    """Return the passages to include, in turns by field, within the writer's limits."""
    chosen: list[Passage] = []
    known: set[int] = set()
    words: list[frozenset[str]] = []
    room = writer.tokens_per_section
    for passage in ([first] if first else []) + interleave_fields(
        ranked, writer.passages_per_field
    ):
        size = estimate_tokens(passage.text)
        if passage.chunk_id in known or size > room:
            continue
        known.add(passage.chunk_id)
        its = stem_set(passage.text)
        if not any(is_contained(its, other) for other in words):
            chosen.append(passage)
            words.append(its)
            room -= size
    return chosen


def interleave_fields(ranked: Mapping[str, Sequence[Passage]], per_field: int) -> list[Passage]:
    """Return the passages of all fields by rank: every best one before any second best."""
    return [
        passages[rank]
        for rank in range(per_field)
        for passages in ranked.values()
        if rank < len(passages)
    ]


def is_contained(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two passages share at least `SAME_WORDS` of the stems of the longer one."""
    small, large = sorted((one, other), key=len)
    return len(small & large) >= SAME_WORDS * len(large) > 0


def best_of_another_source(
    ranked: Mapping[str, Sequence[Passage]], chosen: Sequence[Passage]
) -> Passage | None:
    """Return the best passage of another source when all chosen ones are from a single source."""
    used = {p.document_id for p in chosen}
    if len(used) != 1:
        return None
    others = [
        (rank, passage)
        for passages in ranked.values()
        for rank, passage in enumerate(passages)
        if passage.document_id not in used
    ]
    return min(others, key=lambda found: found[0])[1] if others else None


# --- Passages from the database -------------------------------------------------------------------


def with_continuations(chosen: Sequence[Passage], tokens: int) -> list[Passage]:
    """Return the passages plus the continuations of truncated ones, within `tokens`."""
    room = tokens - sum(estimate_tokens(p.text) for p in chosen)
    known = {p.chunk_id for p in chosen}
    cut = {p.chunk_id: p for p in chosen if p.kind == "table" or is_cut(p.text)}
    positions = Chunk.objects.filter(pk__in=cut).values_list("document", "position")
    after = Q(pk__in=())
    for document, position in positions:
        after |= Q(document=document, position=position + 1)
    rest = passages_of(Chunk.objects.filter(after).values_list("pk", flat=True))
    tables = {(p.document_id, p.headings, table_columns(p.text)) for p in cut.values()}
    added = []
    for passage in rest.values():
        size = estimate_tokens(passage.text)
        same_table = (passage.document_id, passage.headings, table_columns(passage.text)) in tables
        wanted = same_table if passage.kind == "table" else passage.text[:1].islower()
        if wanted and passage.chunk_id not in known and size <= room:
            added.append(passage)
            room -= size
    return [*chosen, *added]


def is_cut(text: str) -> bool:
    return not text.rstrip().endswith(FINISHED)


def table_columns(text: str) -> str:
    """Return the header row of the first table in a text."""
    return next((line for line in text.splitlines() if line.startswith("|")), "")


def in_reading_order(chosen: Sequence[Passage]) -> list[Passage]:
    """Return the passages by source and position; the source of the best one first."""
    sources = list(dict.fromkeys(p.document_id for p in chosen))
    positions = dict(
        Chunk.objects.filter(pk__in=[p.chunk_id for p in chosen]).values_list("pk", "position")
    )
    return sorted(
        chosen, key=lambda p: (sources.index(p.document_id), positions.get(p.chunk_id, 0))
    )


NAMED_AT_MOST, NAMED_LOOKED_AT = 6, 200
OPENING = 3
HEADING_LENGTH = 100


def opening_passages(document_ids: Sequence[int]) -> list[Passage]:
    """Return the first passages of each source, which often hold a fact box and a summary."""
    first = Chunk.objects.filter(document__in=document_ids, position__lt=OPENING)
    return list(passages_of(first.values_list("pk", flat=True)).values())


def named_passages(heading: str, title: str, pool: Sequence[Passage]) -> list[Passage]:
    """Return the first passages under a heading that contains the field's name.

    A chapter « Retour sur investissement » answers that field, whatever else is weighed. If there
    are more than `NAMED_AT_MOST`, those that share most stems with the title are returned.
    """
    phrase = f" {heading_key(heading)} "
    passages = [p for p in pool if phrase in heading_names(p.headings, p.text)]
    passages = passages[:NAMED_LOOKED_AT]
    subject = stem_set(title)
    if len(passages) > NAMED_AT_MOST:
        passages.sort(key=lambda p: -len(subject & stem_set(f"{' '.join(p.headings)} {p.text}")))
    return passages[:NAMED_AT_MOST]


@functools.lru_cache(maxsize=4096)
def heading_names(trail: tuple[str, ...], text: str) -> str:
    """Return the headings of a passage as one key, with those in its text."""
    return f" {' | '.join(heading_key(h) for h in (*trail, *inner_headings(text)))} "


def source_passages(document_ids: Sequence[int]) -> tuple[Passage, ...]:
    """Return all quotable passages of the sources in reading order; cached."""
    stamp = Chunk.objects.filter(document__in=document_ids).aggregate(Count("pk"), Max("pk"))
    return _source_passages(tuple(sorted(document_ids)), tuple(stamp.values()))


@functools.lru_cache(maxsize=2)
def _source_passages(document_ids: tuple[int, ...], stamp: object) -> tuple[Passage, ...]:
    chunks = Chunk.objects.filter(document__in=document_ids).values_list("pk", flat=True)
    return tuple(passages_of(chunks).values())


def inner_headings(text: str) -> list[str]:
    """Return the lines of a passage that look like headings: short and followed by text."""
    lines = text.splitlines()
    return [
        line
        for line, following in pairwise(lines)
        if following.strip() and len(line) <= HEADING_LENGTH and line.strip() and is_heading(line)
    ]


def named_first(named: Sequence[Passage], ranked: Sequence[Passage]) -> list[Passage]:
    """Return the ranked passages after the named ones, each once."""
    return list({p.chunk_id: p for p in (*named, *ranked)}.values())


def passages_of(chunk_ids: Iterable[int]) -> dict[int, Passage]:
    """Return passages by chunk id, for those that still exist and may be quoted.

    They are in reading order: ids tell only in which order workers have cut the sources.
    """
    quotable = Chunk.objects.filter(pk__in=list(chunk_ids), doubt="")
    chunks = quotable.select_related("document").defer("search")
    chunks = chunks.order_by("document_id", "position")
    return {
        c.pk: Passage(
            chunk_id=c.pk,
            document_id=c.document_id,
            title=c.document.title,
            page_start=c.page_start,
            page_end=c.page_end,
            headings=tuple(c.headings),
            kind=c.kind,
            text=c.text,
            score=0.0,
        )
        for c in chunks
    }


def cited_in(draft: SectionDraft) -> set[CitedPassage]:
    """Return every citation of a section's draft."""
    return {
        cited
        for field in draft.fields
        for sources in (
            *(statement.sources for statement in field.statements),
            *(row.sources for row in field.rows),
        )
        for cited in sources
    } | {cited for one in draft.dropped for cited in one.sources}


def pages_of_quotes(
    draft: SectionDraft, passages: Mapping[str, Passage]
) -> dict[tuple[str, str], int]:
    """Return the page of each (label, quote) of a draft, for passages that span several pages."""
    return pages_of_citations(cited_in(draft), passages)


def pages_of_citations(
    citations: Iterable[CitedPassage], passages: Mapping[str, Passage]
) -> dict[tuple[str, str], int]:
    """Return the page of each (label, quote), for passages that span several pages."""
    spread = [
        (c, passages[c.label])
        for c in citations
        if passages[c.label].page_end > passages[c.label].page_start
    ]
    texts = {
        (p.document_id, p.number): p.text
        for p in Page.objects.filter(document__in={p.document_id for _, p in spread}).only(
            "document_id", "number", "text"
        )
        if any(
            p.document_id == passage.document_id
            and passage.page_start <= p.number <= passage.page_end
            for _, passage in spread
        )
    }
    found: dict[tuple[str, str], int] = {}
    for cited, passage in spread:
        for number in range(passage.page_start, passage.page_end + 1):
            if contains_quote(texts.get((passage.document_id, number), ""), cited.quote):
                found[cited.label, cited.quote] = number
                break
    return found
