"""Assemble drafts into the Markdown of a sheet, with numbered footnotes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ingestion.search.passage import Passage
from sheets.markdown.parse import escape_markdown, write_note
from sheets.schema.types import (
    CitedPassage,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
)


@dataclass
class Footnotes:
    """The numbered footnotes of a sheet; one number for each quote on a page of a document."""

    numbers: dict[tuple[int, int, str], int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def marker(self, passage: Passage, quote: str, page: int) -> str:
        """Return the marker for a quote, adding its definition the first time."""
        key = (passage.document_id, page, " ".join(quote.split()))
        if key not in self.numbers:
            self.numbers[key] = len(self.numbers) + 1
            self.lines.append(
                write_note(str(self.numbers[key]), passage.title, passage.document_id, page, quote)
            )
        return f"[^{self.numbers[key]}]"


@dataclass(frozen=True)
class SectionSources:
    """The sources of one section: passages by label, pages by (label, quote)."""

    passages: Mapping[str, Passage]
    pages: Mapping[tuple[str, str], int]

    def page(self, cited: CitedPassage) -> int:
        passage = self.passages[cited.label]
        return self.pages.get((cited.label, cited.quote), passage.page_start)


def compose_sheet(
    template: SheetTemplate,
    drafts: Mapping[str, SectionDraft],
    sources: Mapping[str, SectionSources],
    *,
    emoji: bool = True,
) -> tuple[str, dict[str, str]]:
    """Return (body, header data) for the drafts of a sheet's sections.

    `drafts` and `sources` are keyed by section. A field without statements keeps its heading:
    readers see the gap, editors where to write.
    """
    notes = Footnotes()
    header: dict[str, str] = {}
    parts: list[str] = []
    for section in template.written:
        draft = drafts.get(section.key, SectionDraft(section.key, ()))
        known = sources.get(section.key, SectionSources({}, {}))
        if section.role == "header":
            header.update(header_values(draft, known, notes))
        else:
            parts.append(section_text(section, draft, known, notes, emoji))
    return "\n\n".join([*parts, "\n".join(notes.lines)]).rstrip() + "\n", header


def header_values(draft: SectionDraft, known: SectionSources, notes: Footnotes) -> dict[str, str]:
    """Return the header data: one line for each filled field, with its marker."""
    return {
        f.key: " ; ".join(
            escape_markdown(s.text) + statement_markers(s.sources, known, notes)
            for s in f.statements
        )
        for f in draft.fields
        if f.statements
    }


def section_text(
    section: SectionBrief, draft: SectionDraft, known: SectionSources, notes: Footnotes, emoji: bool
) -> str:
    """Return the Markdown of one section: its heading, and its fields with theirs."""
    title = f"{section.emoji} {section.heading}" if emoji and section.emoji else section.heading
    parts = [f"## {title}"]
    filled = {f.key: f for f in draft.fields}
    for brief in section.fields:
        if len(section.fields) > 1:
            parts.append(f"### {brief.heading}")
        parts.extend(
            field_blocks(brief, filled.get(brief.key, FieldDraft(brief.key)), known, notes)
        )
    return "\n\n".join(parts)


def field_blocks(
    brief: FieldBrief, draft: FieldDraft, known: SectionSources, notes: Footnotes
) -> Iterable[str]:
    """Yield the Markdown blocks of a field."""
    lines = [
        escape_markdown(s.text) + statement_markers(s.sources, known, notes)
        for s in draft.statements
    ]
    if lines and brief.shape == "text":
        yield " ".join(lines)
    elif lines and brief.shape == "steps":
        yield "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))
    elif lines:
        yield "\n".join(f"- {line}" for line in lines)
    if draft.rows:
        yield table_markdown(draft, known, notes)


def table_markdown(draft: FieldDraft, known: SectionSources, notes: Footnotes) -> str:
    """Return a Markdown table, each row with its marker in its last filled cell."""
    lines = [
        "| " + " | ".join(escape_markdown(c) for c in draft.columns) + " |",
        "|" + " --- |" * len(draft.columns),
    ]
    for row in draft.rows:
        shown = [escape_markdown(c) for c in row.cells]
        last = max((i for i, c in enumerate(shown) if c), default=0)
        shown[last] += statement_markers(row.sources, known, notes)
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def statement_markers(
    sources: Iterable[CitedPassage], known: SectionSources, notes: Footnotes
) -> str:
    """Return the footnote markers of a statement."""
    return "".join(
        notes.marker(
            known.passages[c.label], c.quote or known.passages[c.label].text, known.page(c)
        )
        for c in sources
    )
