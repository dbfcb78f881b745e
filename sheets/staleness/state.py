"""Store what sections were generated from, and which sections are stale since.

Each generation records for every section its inputs: documents, template, model, prompt and
passages (`Sheet.written_from`). They are compared with today's in the transaction of each change;
new passages are looked up by a worker afterwards, since retrieval may call a service.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from django.db import transaction

from ingestion.models import Document
from sheets.models import Generation, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.models.sheet import SheetQuerySet
from sheets.queueing import queue_passage_lookup
from sheets.schema.types import SectionBrief, SheetTemplate
from sheets.sources.versions import later_versions
from sheets.staleness.rules import OF_DOCUMENTS, CurrentInputs, StalenessReport, compare_inputs
from sheets.writers.registry import get_writer

# --- Comparing, pure ------------------------------------------------------------------------------


def template_fingerprint(section: SectionBrief) -> str:
    """Return a hash of a section's template, 16 hexadecimal digits."""
    content = json.dumps(asdict(section), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2s(content.encode(), digest_size=8).hexdigest()


# --- Inputs of a generation -----------------------------------------------------------------------


def generation_inputs(
    generation: Generation, template: SheetTemplate, sections: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return the inputs of a generation's sections, in the form of `Sheet.written_from`."""
    generation.refresh_from_db(fields=["backend", "model", "prompt_version"])
    documents = {str(d.pk): d.title for d in generation.documents.ready()}
    shown = {run.key: run.passages for run in generation.sections.all()}
    return {
        s.key: {
            "generation": generation.pk,
            "model": writer_name(generation.backend, generation.model),
            "prompt": generation.prompt_version,
            "template": template_fingerprint(s),
            "documents": documents,
            "passages": sorted(p["chunk"] for p in shown.get(s.key, ())),
        }
        for s in template.written
        if s.key in sections
    }


def save_generation_inputs(sheet: Sheet, written_from: Mapping[str, Any]) -> None:
    """Store the inputs of some sections of the sheet, and refresh its staleness."""
    if not written_from:
        return
    known = Sheet.objects.values_list("written_from", flat=True).get(pk=sheet.pk)
    Sheet.objects.filter(pk=sheet.pk).update(written_from=known | dict(written_from))
    refresh_staleness(Sheet.objects.filter(pk=sheet.pk))
    sheet.refresh_from_db(fields=["written_from", "stale_reasons", "stale_sections"])


def writer_name(backend: str, model: str) -> str:
    """Return the name under which a writer is recorded and compared."""
    return model if backend == "openai" else backend


# --- Comparison with today's inputs ---------------------------------------------------------------


def refresh_staleness(sheets: SheetQuerySet) -> int:
    """Recompute the staleness of sheets; return how many changed.

    Queues the lookup of new passages where sources changed.
    """
    written = sheets.exclude(written_from={})
    # A template changes row by row, mostly before it has sheets.
    return _refresh(written) if written.exists() else 0


@transaction.atomic
def _refresh(sheets: SheetQuerySet) -> int:
    writings: dict[int, CurrentWriter] = {}
    changed: list[Sheet] = []
    rows = sheets.select_related("sheet_type").order_by("pk")
    for batch in batch_rows(rows.only(*COLUMNS).iterator(chunk_size=BATCH), BATCH):
        documents = documents_of(batch)
        newer = later_versions(pk for known in documents.values() for pk in known)
        for sheet in batch:
            kind = sheet.sheet_type
            if kind.pk not in writings:
                writings[kind.pk] = CurrentWriter.of(kind)
            known = documents.get(sheet.pk, {})
            ready = {str(pk): title for pk, (title, is_ready) in known.items() if is_ready}
            now = CurrentInputs(
                documents=ready,
                attached={str(pk) for pk in known},
                newer=newer,
                template=writings[kind.pk].template,
                model=writings[kind.pk].model,
                prompt=writings[kind.pk].prompt,
            )
            if apply_report(sheet, compare_inputs(sheet.written_from, now)):
                changed.append(sheet)
    Sheet.objects.bulk_update(changed, ["stale_reasons", "stale_sections"], batch_size=BATCH)
    for sheet in changed:
        if has_unchecked_passages(sheet):
            queue_passage_lookup(sheet.pk)
    return len(changed)


COLUMNS = ("written_from", "stale_reasons", "stale_sections", "sheet_type")
BATCH = 500


def apply_report(sheet: Sheet, verdict: StalenessReport) -> bool:
    """Set the report on the sheet, unsaved; tell whether anything changed.

    The passages that a worker has found are kept while the reasons about sources are the same.
    """
    same_sources = of_documents(sheet.stale_reasons) == of_documents(verdict.reasons)
    sections = {
        key: known
        if same_sources and (known := sheet.stale_sections.get(key)) and known["codes"] == codes
        else {"codes": codes, "passages": None}
        for key, codes in verdict.sections.items()
    }
    if (sheet.stale_reasons, sheet.stale_sections) == (verdict.reasons, sections):
        return False
    sheet.stale_reasons, sheet.stale_sections = verdict.reasons, sections
    return True


def of_documents(reasons: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [r for r in reasons if r["code"] in OF_DOCUMENTS]


def has_unchecked_passages(sheet: Sheet) -> bool:
    """Tell whether the lookup of new passages is still to be done for a section."""
    return any(
        v["passages"] is None and OF_DOCUMENTS & set(v["codes"])
        for v in sheet.stale_sections.values()
    )


def batch_rows(rows: Iterable[Sheet], size: int) -> Iterable[list[Sheet]]:
    """Yield the rows in lists of at most `size`."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def documents_of(sheets: Collection[Sheet]) -> dict[int, dict[int, tuple[str, bool]]]:
    """Return the sources of each sheet by id: (title, whether it is ready)."""
    rows = (
        Sheet.documents.through.objects.filter(sheet__in=[s.pk for s in sheets])
        .order_by("document_id")
        .values_list("sheet_id", "document_id", "document__title", "document__state")
    )
    found: dict[int, dict[int, tuple[str, bool]]] = {}
    for sheet, document, title, state in rows:
        found.setdefault(sheet, {})[document] = (title, state == Document.State.READY)
    return found


@dataclass(frozen=True)
class CurrentWriter:
    """The template, model and prompt that a sheet type would be generated with today."""

    template: Mapping[str, str]
    model: str
    prompt: str

    @classmethod
    def of(cls, kind: SheetType) -> "CurrentWriter":
        template = load_template(kind)
        writer = get_writer(template)
        return cls(
            {s.key: template_fingerprint(s) for s in template.written},
            writer_name(writer.backend, writer.model),
            writer.prompt_version,
        )
