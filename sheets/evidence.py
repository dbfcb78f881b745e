"""Find the passages that a section's writer is shown."""

from collections.abc import Iterable, Mapping, Sequence

from ingestion.models import Chunk, Page
from ingestion.retrieve import Passage, retrieve
from sheets.body import heading_key
from sheets.cite import contains
from sheets.drafts import Cited, Evidence, SectionBrief, SectionDraft, Writer


def gather_evidence(section: SectionBrief, writer: Writer, document_ids: Sequence[int]) -> Evidence:
    """Retrieve the passages for each field of the section, and label them S1, S2, …

    The best passage of every field comes before the second best of any, so that a section with
    many fields shows something for each within its limit.
    """
    opening = opening_passages(document_ids) if section.role == "header" else []
    ranked = {
        f.key: first_named(
            [*opening, *named_passages(f.heading, document_ids)],
            retrieve(
                f"{f.heading} : {f.question}",
                k=writer.passages_per_field,
                document_ids=document_ids,
            ),
        )[: writer.passages_per_field]
        for f in section.fields
    }
    shown: dict[str, Passage] = {}
    labels: dict[int, str] = {}
    for rank in range(writer.passages_per_field):
        for passages in ranked.values():
            if rank < len(passages) and len(shown) < writer.passages_per_section:
                passage = passages[rank]
                if passage.chunk_id not in labels:
                    labels[passage.chunk_id] = f"S{len(shown) + 1}"
                    shown[labels[passage.chunk_id]] = passage
    by_field = {
        key: [labels[p.chunk_id] for p in passages if p.chunk_id in labels]
        for key, passages in ranked.items()
    }
    return Evidence(shown, by_field)


NAMED_AT_MOST = 6
OPENING = 3


def opening_passages(document_ids: Sequence[int]) -> list[Passage]:
    """Return the first passages of each source, where a fact box usually stands."""
    first = Chunk.objects.filter(document__in=document_ids, position__lt=OPENING)
    found = passages_of(first.values_list("pk", flat=True))
    return sorted(found.values(), key=lambda p: p.chunk_id)


def named_passages(heading: str, document_ids: Sequence[int]) -> list[Passage]:
    """Return the first passages that stand under a heading with the field's own name.

    A source that has a chapter « Retour sur investissement » answers that field there, whatever
    the vectors say.
    """
    phrase = heading_key(heading)
    trails = (
        Chunk.objects.filter(document__in=document_ids)
        .exclude(headings=[])
        .order_by("document", "position")
        .values_list("pk", "headings")
    )
    named = [pk for pk, trail in trails if f" {phrase} " in f" {heading_key(' '.join(trail))} "]
    found = passages_of(named[:NAMED_AT_MOST])
    return [found[pk] for pk in named[:NAMED_AT_MOST] if pk in found]


def first_named(named: Sequence[Passage], ranked: Sequence[Passage]) -> list[Passage]:
    """Return the ranked passages after the named ones, each once."""
    return list({p.chunk_id: p for p in (*named, *ranked)}.values())


def passages_of(chunk_ids: Iterable[int]) -> dict[int, Passage]:
    """Return passages by chunk id, for those that still exist."""
    chunks = Chunk.objects.filter(pk__in=list(chunk_ids)).select_related("document").defer("search")
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


def cited_in(draft: SectionDraft) -> set[Cited]:
    """Return every citation of a section's draft."""
    return {
        cited
        for field in draft.fields
        for sources in (
            *(statement.sources for statement in field.statements),
            *(row.sources for row in field.rows),
        )
        for cited in sources
    }


def pages_of_quotes(
    draft: SectionDraft, passages: Mapping[str, Passage]
) -> dict[tuple[str, str], int]:
    """Return the page on which each quote stands, for passages that span several."""
    spread = [
        (c, passages[c.label])
        for c in cited_in(draft)
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
            if contains(texts.get((passage.document_id, number), ""), cited.quote):
                found[cited.label, cited.quote] = number
                break
    return found
