"""Stale: why a sheet is no longer fresh, section by section.

Each writing leaves, for every section, what it rested on: documents, template, model, prompt and
passages (`Sheet.written_from`). What stands against that today is compared in the transaction of
each change; the passages are looked up by a worker afterwards, since that may call a service.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from django.apps import apps as django_apps
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import receiver

from ingestion.models import Chunk, Document
from ingestion.signals import document_settled, version_changed
from sheets.models import Field, Generation, Prompt, Section, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.models.sheet import SheetQuerySet
from sheets.schema.types import SectionBrief, Template
from sheets.sources.passage_refs import with_known
from sheets.writers import get_writer
from sheets.writers.context import gather_evidence

ADDED, REPLACED, REMOVED = "document_added", "document_replaced", "document_removed"
MODEL, PROMPT, TYPE = "model_changed", "prompt_changed", "type_changed"
OF_DOCUMENTS = {ADDED, REPLACED, REMOVED}

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Present:
    """What a section would be written from today.

    `documents` are the titles by id of the sources that are ready, `attached` the ids of all,
    `newer` the ready later versions (id, title) by the id of what they replace; `template` the
    fingerprint of each section that a writer fills.
    """

    documents: Mapping[str, str]
    attached: Collection[str]
    newer: Mapping[str, tuple[str, str]]
    template: Mapping[str, str]
    model: str
    prompt: str


@dataclass
class Verdict:
    """Why a sheet is stale: reasons with their details, and the codes for each section."""

    reasons: list[dict[str, str]] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)

    def add(self, section: str, code: str, **details: str) -> None:
        reason = {"code": code, **details}
        if reason not in self.reasons:
            self.reasons.append(reason)
        codes = self.sections.setdefault(section, [])
        if code not in codes:
            codes.append(code)


# --- Comparing, pure ------------------------------------------------------------------------------


def compare(written_from: Mapping[str, Facts], now: Present) -> Verdict:
    """Return why the sections that were written are no longer fresh."""
    verdict = Verdict()
    if not written_from:
        return verdict
    for section in now.template:
        facts = written_from.get(section)
        if facts is None:
            verdict.add(section, TYPE)
            continue
        known: Mapping[str, str] = facts.get("documents", {})
        for pk, title in now.documents.items():
            if pk not in known:
                verdict.add(section, ADDED, document=pk, title=title)
            elif pk in now.newer and now.newer[pk][0] not in known:
                by, new_title = now.newer[pk]
                verdict.add(section, REPLACED, document=pk, title=title, by=by, new_title=new_title)
        for pk, title in known.items():
            if pk not in now.attached:
                verdict.add(section, REMOVED, document=pk, title=title)
        if facts.get("template") != now.template[section]:
            verdict.add(section, TYPE)
        if facts.get("model") != now.model:
            verdict.add(section, MODEL, old=facts.get("model", ""), new=now.model)
        elif facts.get("prompt") != now.prompt:
            verdict.add(section, PROMPT, old=facts.get("prompt", ""), new=now.prompt)
    return verdict


def fingerprint(section: SectionBrief) -> str:
    """Return a short name of what the template asks of a section."""
    said = json.dumps(asdict(section), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2s(said.encode(), digest_size=8).hexdigest()


# --- What a writing rested on ---------------------------------------------------------------------


def facts(
    generation: Generation, template: Template, sections: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return what a run's sections rest on, as `Sheet.written_from` keeps it."""
    generation.refresh_from_db(fields=["backend", "model", "prompt_version"])
    documents = {str(d.pk): d.title for d in generation.documents.ready()}
    shown = {run.key: run.passages for run in generation.sections.all()}
    return {
        s.key: {
            "generation": generation.pk,
            "model": writer_name(generation.backend, generation.model),
            "prompt": generation.prompt_version,
            "template": fingerprint(s),
            "documents": documents,
            "passages": sorted(p["chunk"] for p in shown.get(s.key, ())),
        }
        for s in template.written
        if s.key in sections
    }


def keep_facts(sheet: Sheet, written_from: Mapping[str, Any]) -> None:
    """Note what sections of the sheet now rest on, and what that makes of its freshness."""
    if not written_from:
        return
    known = Sheet.objects.values_list("written_from", flat=True).get(pk=sheet.pk)
    Sheet.objects.filter(pk=sheet.pk).update(written_from=known | dict(written_from))
    refresh(Sheet.objects.filter(pk=sheet.pk))
    sheet.refresh_from_db(fields=["written_from", "stale_reasons", "stale_sections"])


def writer_name(backend: str, model: str) -> str:
    """Return what distinguishes one writer from another."""
    return model if backend == "openai" else backend


# --- What stands against it today -----------------------------------------------------------------


@transaction.atomic
def refresh(sheets: SheetQuerySet) -> int:
    """Compare sheets with what they would be written from today; return how many changed."""
    from sheets.tasks import queue_look

    writings: dict[int, Writing] = {}
    changed: list[Sheet] = []
    rows = sheets.exclude(written_from={}).select_related("sheet_type").order_by("pk")
    for batch in batched(rows.only(*COLUMNS).iterator(chunk_size=BATCH), BATCH):
        documents = documents_of(batch)
        newer = later_versions(pk for known in documents.values() for pk in known)
        for sheet in batch:
            kind = sheet.sheet_type
            if kind.pk not in writings:
                writings[kind.pk] = Writing.of(kind)
            known = documents.get(sheet.pk, {})
            ready = {str(pk): title for pk, (title, is_ready) in known.items() if is_ready}
            now = Present(
                documents=ready,
                attached={str(pk) for pk in known},
                newer=newer,
                template=writings[kind.pk].template,
                model=writings[kind.pk].model,
                prompt=writings[kind.pk].prompt,
            )
            if judge(sheet, compare(sheet.written_from, now)):
                changed.append(sheet)
    Sheet.objects.bulk_update(changed, ["stale_reasons", "stale_sections"], batch_size=BATCH)
    for sheet in changed:
        if unseen(sheet):
            queue_look(sheet.pk)
    return len(changed)


COLUMNS = ("written_from", "stale_reasons", "stale_sections", "sheet_type")
BATCH = 500


def judge(sheet: Sheet, verdict: Verdict) -> bool:
    """Put the verdict on the sheet; tell whether it changes anything.

    Passages that a worker has found are kept where nothing new has happened to the sources.
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


def unseen(sheet: Sheet) -> bool:
    """Tell whether a worker has still to look what new passages the sheet's sources have."""
    return any(
        v["passages"] is None and OF_DOCUMENTS & set(v["codes"])
        for v in sheet.stale_sections.values()
    )


def batched(rows: Iterable[Sheet], size: int) -> Iterable[list[Sheet]]:
    """Yield the rows in lists of that size."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def documents_of(sheets: Collection[Sheet]) -> dict[int, dict[int, tuple[str, bool]]]:
    """Return the sources of each sheet by id: title, and whether it is ready."""
    rows = (
        Sheet.documents.through.objects.filter(sheet__in=[s.pk for s in sheets])
        .order_by("document_id")
        .values_list("sheet_id", "document_id", "document__title", "document__state")
    )
    found: dict[int, dict[int, tuple[str, bool]]] = {}
    for sheet, document, title, state in rows:
        found.setdefault(sheet, {})[document] = (title, state == Document.State.READY)
    return found


def later_versions(documents: Iterable[int]) -> dict[str, tuple[str, str]]:
    """Return the ready version (id, title) that replaces each document, where there is one."""
    newer = Document.objects.ready().filter(supersedes__in=set(documents)).order_by("pk")
    return {str(d.supersedes_id): (str(d.pk), d.title) for d in newer.only("supersedes", "title")}


@dataclass(frozen=True)
class Writing:
    """How a kind of sheet would be written today."""

    template: Mapping[str, str]
    model: str
    prompt: str

    @classmethod
    def of(cls, kind: SheetType) -> "Writing":
        template = load_template(kind)
        writer = get_writer(template)
        return cls(
            {s.key: fingerprint(s) for s in template.written},
            writer_name(writer.backend, writer.model),
            writer.prompt_version,
        )


# --- What new passages there are, for a worker ----------------------------------------------------


def look_for_passages(sheet_id: int) -> None:
    """Look up what each stale section would be shown today, and note what it was not shown then.

    A section that only its sources made stale, and that would be shown nothing new, is fresh.
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
    written_from, stale_sections = with_known(sheet.written_from), {}
    for section in template.written:
        if section.key not in sheet.stale_sections:
            continue
        codes = sheet.stale_sections[section.key]["codes"]
        known = written_from.get(section.key, {"passages": []})
        shown = gather_evidence(sheet.title, section, writer, documents).shown if documents else {}
        new = [p.chunk_id for p in shown.values() if p.chunk_id not in known["passages"]]
        there = Chunk.objects.filter(pk__in=known["passages"], document__in=documents).count()
        gone = there < len(known["passages"]) + len(known.get("awaited", ()))
        if new or gone or set(codes) - OF_DOCUMENTS:
            stale_sections[section.key] = {"codes": codes, "passages": new}
        else:
            written_from[section.key] = known | {"documents": titles | read}
    with transaction.atomic():
        held = Sheet.objects.select_for_update(of=("self",)).get(pk=sheet_id)
        if (held.stale_reasons, held.written_from) != (sheet.stale_reasons, sheet.written_from):
            return  # it has changed meanwhile, and another look is queued
        held.written_from, held.stale_sections = written_from, stale_sections
        held.save(update_fields=["written_from", "stale_sections"])
        refresh(Sheet.objects.filter(pk=sheet_id))


def take_later_versions(sheet: Sheet) -> None:
    """Let a sheet draw on the ready versions that replace its sources."""
    newer = later_versions(sheet.documents.values_list("pk", flat=True))
    if newer:
        sheet.documents.add(*(int(pk) for pk, _title in newer.values()))
        sheet.documents.remove(*(int(pk) for pk in newer))


def new_passages(sheet: Sheet) -> dict[str, list[Chunk]]:
    """Return the passages by section that the sheet was not written from, best known first."""
    ids = {k: v.get("passages") or [] for k, v in sheet.stale_sections.items()}
    rows = Chunk.objects.select_related("document").defer("search")
    chunks = rows.in_bulk({pk for found in ids.values() for pk in found})
    return {key: [chunks[pk] for pk in found if pk in chunks] for key, found in ids.items()}


# --- Noticing, in the transaction of the change ---------------------------------------------------


@receiver(m2m_changed, sender=Sheet.documents.through)
def sources_changed(
    sender: object,
    instance: Sheet | Document,
    action: str,
    pk_set: set[int] | None,
    **kwargs: object,
) -> None:
    """Compare the sheets whose list of sources was changed."""
    if not action.startswith("post_"):
        return
    if isinstance(instance, Sheet):
        refresh(Sheet.objects.filter(pk=instance.pk))
    elif pk_set:
        refresh(Sheet.objects.filter(pk__in=pk_set))
    else:
        refresh(Sheet.objects.all())


@receiver(version_changed)
@receiver(document_settled)
def source_settled(sender: object, document_id: int, **kwargs: object) -> None:
    """Compare the sheets that draw on a source that was just read, or on what it replaces.

    The same where a source is replaced no longer.
    """
    replaced = Document.objects.filter(pk=document_id).values("supersedes")
    refresh(Sheet.objects.filter(documents=document_id))
    refresh(Sheet.objects.filter(documents__in=replaced))


@receiver(post_save, sender=Document)
def source_saved(sender: object, instance: Document, raw: bool = False, **kwargs: object) -> None:
    """Compare the sheets whose source a document is said to replace."""
    if not raw and instance.supersedes_id and instance.is_ready:
        refresh(Sheet.objects.filter(documents=instance.supersedes_id))


@receiver(pre_delete, sender=Document)
def source_goes(sender: object, instance: Document, **kwargs: object) -> None:
    """Note which sheets draw on a source that is being deleted, or on what it replaces."""
    touched = Sheet.objects.filter(documents__in=[instance.pk, instance.supersedes_id])
    instance.drawn_on_by = list(touched.values_list("pk", flat=True))  # type: ignore[attr-defined]


@receiver(post_delete, sender=Document)
def source_gone(sender: object, instance: Document, **kwargs: object) -> None:
    """Compare the sheets that drew on a deleted source, or on what it replaced."""
    refresh(Sheet.objects.filter(pk__in=getattr(instance, "drawn_on_by", [])))


@receiver([post_save, post_delete], sender=SheetType)
@receiver([post_save, post_delete], sender=Section)
@receiver([post_save, post_delete], sender=Field)
def type_changed(
    sender: object, instance: SheetType | Section | Field, raw: bool = False, **kwargs: object
) -> None:
    """Compare the sheets of a kind whose template was changed."""
    if raw:
        return
    kind: Any = instance.pk
    if isinstance(instance, Section):
        kind = instance.sheet_type_id
    elif isinstance(instance, Field):
        kind = Section.objects.filter(pk=instance.section_id).values("sheet_type")[:1]
    refresh(Sheet.objects.filter(sheet_type=kind))


@receiver(post_save, sender=Prompt)
def prompt_added(sender: object, raw: bool = False, **kwargs: object) -> None:
    """Compare all sheets: what models are told has changed."""
    if not raw:
        refresh(Sheet.objects.all())


def settings_may_have_changed(apps: Any = None, **kwargs: object) -> None:
    """Compare all sheets: after a start, model and prompts may be others.

    Where the tables were taken back to an earlier form, there is nothing to compare.
    """
    if apps is None or columns_of(apps) == columns_of(django_apps):
        refresh(Sheet.objects.all())


def columns_of(apps: Any) -> dict[str, set[str]]:
    """Return the columns of the wiki's tables, as a set of models has them."""
    return {
        model._meta.db_table: {f.column for f in model._meta.local_concrete_fields}
        for model in apps.get_app_config("sheets").get_models()
    }
