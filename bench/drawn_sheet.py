"""Write a sheet without saving it, for measuring what reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.models import Document
    from ingestion.search.passage import Passage
    from sheets.schema.types import CitedPassage, FieldDraft, SheetTemplate
    from sheets.writers.base import Writer

FieldName = tuple[str, str]
"""The keys of a section and of its field."""


@dataclass(frozen=True)
class PlacedText:
    """A statement or row, with the pages that it is cited from, as (document id, page)."""

    text: str
    pages: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class DrawnSheet:
    """The passages shown by section, and what was written by field."""

    shown: Mapping[str, Sequence[Passage]]
    fields: Mapping[FieldName, Sequence[PlacedText]]

    def shown_text(self, section: str) -> str:
        return "\n\n".join(p.text for p in self.shown[section])

    def field_text(self, section: str, field: str) -> str:
        return "\n\n".join(one.text for one in self.fields.get((section, field), ()))

    def section_text(self, section: str) -> str:
        return "\n\n".join(self.field_text(*name) for name in self.fields if name[0] == section)

    @property
    def text(self) -> str:
        return "\n\n".join(self.field_text(*name) for name in self.fields)


def draw_sheet(
    title: str,
    sheet_type: str,
    documents: Sequence[Document],
    make_writer: Callable[[SheetTemplate], Writer],
    *,
    write: bool = True,
) -> DrawnSheet:
    """Write a sheet without saving it; with `write` off only retrieve its passages."""
    from sheets.models import SheetType
    from sheets.models.schema_loader import load_template
    from sheets.verification.citations import drop_unsupported
    from sheets.writers.context import gather_evidence
    from wikico2.llm.client import RetryPolicy

    template = load_template(SheetType.objects.get(key=sheet_type))
    writer = make_writer(template)
    shown: dict[str, Sequence[Passage]] = {}
    written: dict[FieldName, list[PlacedText]] = {}
    for section in template.written:
        evidence = gather_evidence(title, section, writer, [d.pk for d in documents])
        shown[section.key] = list(evidence.shown.values())
        if write:
            draft = writer.write(title, section, evidence, RetryPolicy.from_settings())
            for field in drop_unsupported(draft, evidence.shown).fields:
                written[section.key, field.key] = list(placed_texts(field, evidence.shown))
    return DrawnSheet(shown, written)


def placed_texts(field: FieldDraft, shown: Mapping[str, Passage]) -> Iterator[PlacedText]:
    """Yield the statements and rows of a field."""
    for statement in field.statements:
        yield PlacedText(statement.text, pages_cited(statement.sources, shown))
    for row in field.rows:
        yield PlacedText(" | ".join(row.cells), pages_cited(row.sources, shown))


def pages_cited(
    sources: Sequence[CitedPassage], shown: Mapping[str, Passage]
) -> frozenset[tuple[int, int]]:
    """Return the pages of the passages that are cited."""
    return frozenset(
        (passage.document_id, page)
        for passage in (shown[cited.label] for cited in sources)
        for page in range(passage.page_start, passage.page_end + 1)
    )
