"""Compose the written sections of a generation, save or propose them, keep what was dropped."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction

from ingestion.search.passage import Passage
from sheets.markdown.compose import SectionSources, compose_sheet
from sheets.markdown.version import Version
from sheets.models import DroppedStatement, Generation, SectionRun
from sheets.proposals.review import save_or_propose
from sheets.rendering.html import RenderedSheet
from sheets.rendering.preview import preview_version
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    DroppedDraft,
    FieldDraft,
    SectionDraft,
    SheetTemplate,
    TableRow,
)
from sheets.verification.citations import drop_unsupported
from sheets.writers.context import pages_of_quotes, passages_of
from sheets.writers.repeats import without_repeats


@dataclass(frozen=True)
class ComposedSheet:
    """The text of the sections that are written, and what was left out of them."""

    body: str
    header: dict[str, str]
    drafts: Mapping[str, SectionDraft]
    sources: Mapping[str, SectionSources]


def written_sections(generation: Generation) -> list[SectionRun]:
    """Return the sections of a generation that are written, in order."""
    return list(generation.sections.filter(state=SectionRun.State.DONE))


def compose_written(template: SheetTemplate, sections: Collection[SectionRun]) -> ComposedSheet:
    """Return the text of written sections: what is supported, and each statement once."""
    drafts = {s.key: draft_from_json(s.output) for s in sections}
    passages = passages_of(p["chunk"] for s in sections for p in s.passages)
    shown: dict[str, dict[str, Passage]] = {}
    for section in sections:
        shown[section.key] = {
            p["label"]: passages[p["chunk"]] for p in section.passages if p["chunk"] in passages
        }
        drafts[section.key] = drop_unsupported(
            drafts[section.key], shown[section.key], keep_broken=settings.KEEP_BROKEN_STATEMENTS
        )
    drafts = without_repeats(template, drafts)
    sources = {
        key: SectionSources(shown[key], pages_of_quotes(draft, shown[key]))
        for key, draft in drafts.items()
    }
    body, header = compose_sheet(template, drafts, sources, emoji=settings.SHEET_EMOJI)
    return ComposedSheet(body, header, drafts, sources)


def preview_written(generation: Generation, template: SheetTemplate) -> RenderedSheet | None:
    """Return the sections written so far, as a page shows them; None while there is none."""
    sections = written_sections(generation)
    if not sections:
        return None
    keys = {s.key for s in sections}
    begun = replace(template, sections=tuple(s for s in template.sections if s.key in keys))
    composed = compose_written(begun, sections)
    return preview_version(Version(composed.body, composed.header), begun)


@transaction.atomic
def publish_sections(
    generation: Generation, template: SheetTemplate, sections: Collection[SectionRun]
) -> None:
    """Save or propose the text of written sections, and store what was left out of them."""
    composed = compose_written(template, sections)
    keys = [s.key for s in sections]
    save_or_propose(generation, template, composed.body, composed.header, keys)
    save_dropped(generation, composed)


def is_published(generation: Generation, sections: Iterable[SectionRun]) -> bool:
    """Tell whether these sections of a generation are in the sheet's text already."""
    inputs = generation.sheet.written_from
    return all(inputs.get(s.key, {}).get("generation") == generation.pk for s in sections)


def save_dropped(generation: Generation, composed: ComposedSheet) -> None:
    """Store what was left out of the sections, in the place of what was left out of them before."""
    former = DroppedStatement.objects.filter(sheet=generation.sheet_id, section__in=composed.drafts)
    former.waiting().delete()
    DroppedStatement.objects.bulk_create(
        DroppedStatement(
            sheet_id=generation.sheet_id,
            generation=generation,
            section=key,
            field=one.field,
            order=order,
            text=one.text,
            reasons=[list(reason) for reason in one.reasons],
            sources=[source_as_json(c, composed.sources[key]) for c in one.sources],
        )
        for key, draft in composed.drafts.items()
        for order, one in enumerate(unique_dropped(draft))
    )


def unique_dropped(draft: SectionDraft) -> list[DroppedDraft]:
    """Return what was left out of a section, each text once a field."""
    return list({(one.field, one.text): one for one in draft.dropped}.values())


def source_as_json(cited: CitedPassage, sources: SectionSources) -> dict[str, Any]:
    """Return a citation of a dropped statement in the form stored in its row."""
    passage = sources.passages[cited.label]
    quote = cited.quote or passage.text
    return {"document": passage.document_id, "page": sources.page(cited), "quote": quote}


def draft_from_json(data: Mapping[str, Any]) -> SectionDraft:
    """Return the draft stored as JSON by `dataclasses.asdict`."""

    def cited(items: list[dict[str, str]]) -> tuple[CitedPassage, ...]:
        return tuple(CitedPassage(c["label"], c["quote"]) for c in items)

    fields = [
        FieldDraft(
            key=f["key"],
            statements=tuple(
                DraftStatement(s["text"], cited(s["sources"])) for s in f["statements"]
            ),
            columns=tuple(f["columns"]),
            rows=tuple(TableRow(tuple(r["cells"]), cited(r["sources"])) for r in f["rows"]),
        )
        for f in data.get("fields", [])
    ]
    dropped = tuple(
        DroppedDraft(
            d["field"], d["text"], tuple((r[0], r[1]) for r in d["reasons"]), cited(d["sources"])
        )
        for d in data.get("dropped", [])
    )
    return SectionDraft(str(data.get("key", "")), tuple(fields), dropped=dropped)
