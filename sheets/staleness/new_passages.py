"""Find new passages in the sources of a stale sheet."""

from django.db import transaction

from ingestion.models import Chunk
from sheets.models import Sheet
from sheets.models.schema_loader import load_template
from sheets.sources.passage_refs import with_resolved_inputs
from sheets.sources.versions import later_versions
from sheets.staleness.rules import OF_DOCUMENTS
from sheets.staleness.state import refresh_staleness
from sheets.writers.context import gather_evidence
from sheets.writers.registry import get_writer


def record_new_passages(sheet_id: int) -> None:
    """Retrieve the passages of each stale section, and record those that it was not written from.

    A section that only its sources made stale, and that has no new passage, is no longer stale.
    """
    sheet = Sheet.objects.select_related("sheet_type").filter(pk=sheet_id).first()
    if sheet is None or not sheet.stale_sections:
        return
    template = load_template(sheet.sheet_type)
    writer = get_writer(template)
    titles = {str(d.pk): d.title for d in sheet.documents.ready()}
    newer = later_versions(int(pk) for pk in titles)
    read = dict(newer.get(pk, (pk, title)) for pk, title in titles.items())
    documents = [int(pk) for pk in read]
    written_from, stale_sections = with_resolved_inputs(sheet.written_from), {}
    for section in template.written:
        if section.key not in sheet.stale_sections:
            continue
        codes = sheet.stale_sections[section.key]["codes"]
        known = written_from.get(section.key, {"passages": []})
        shown = gather_evidence(sheet.title, section, writer, documents).shown if documents else {}
        new = [p.chunk_id for p in shown.values() if p.chunk_id not in known["passages"]]
        existing = Chunk.objects.filter(pk__in=known["passages"], document__in=documents).count()
        missing = existing < len(known["passages"]) + len(known.get("awaited", ()))
        if new or missing or set(codes) - OF_DOCUMENTS:
            stale_sections[section.key] = {"codes": codes, "passages": new}
        else:
            written_from[section.key] = known | {"documents": titles | read}
    with transaction.atomic():
        locked = Sheet.objects.select_for_update(of=("self",)).get(pk=sheet_id)
        if (locked.stale_reasons, locked.written_from) != (sheet.stale_reasons, sheet.written_from):
            return  # it has changed meanwhile, and another lookup is queued
        locked.written_from, locked.stale_sections = written_from, stale_sections
        locked.save(update_fields=["written_from", "stale_sections"])
        refresh_staleness(Sheet.objects.filter(pk=sheet_id))


def new_passages(sheet: Sheet) -> dict[str, list[Chunk]]:
    """Return the new passages by section, best first."""
    ids = {k: v.get("passages") or [] for k, v in sheet.stale_sections.items()}
    rows = Chunk.objects.select_related("document").defer("search")
    chunks = rows.in_bulk({pk for found in ids.values() for pk in found})
    return {key: [chunks[pk] for pk in found if pk in chunks] for key, found in ids.items()}
