"""Export the whole wiki as one zip of plain files: the same wiki gives the same bytes.

wikico2.json                 the version of the format
types/solution.json          the sheet types, with their sections and fields
fiches/<slug>.md             the current text of each sheet, which may be edited
fiches/<slug>.json           the other data of the sheet
versions/<slug>/0001.md      each of its versions
redactions/<slug>/0001.json  each of its generations, with the passages shown to the writer
propositions/<slug>/0001.json  each of its proposals, open or decided
images/<name>.webp           the pictures; images.json has their titles
sources/<sha>.json, .pdf     the sources, with their files; <sha>_2.json for a second source of
                             the same content
"""

import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, TypeVar

from django.db import connection
from django.db.models import Model, Prefetch, QuerySet

from ingestion.models import Document
from sheets.markdown.front_matter import add_front_matter
from sheets.models import (
    Field,
    Generation,
    Picture,
    Proposal,
    Revision,
    Section,
    SectionLock,
    SectionRun,
    Sheet,
    SheetEvent,
    SheetRedirect,
    SheetType,
)
from sheets.sources.passage_refs import export_generation_inputs, export_passages
from sheets.transfer.archive import FORMAT
from sheets.transfer.fields import (
    DECISION,
    DOCUMENT,
    EVENT,
    FIELD,
    GENERATION,
    LOCK,
    PICTURE,
    PROPOSAL,
    REDIRECT,
    REQUEST,
    REVISION,
    SECTION,
    SECTION_RUN,
    SHEET,
    SHEET_TYPE,
    facts_to_json,
    file_of,
    plain,
)
from sheets.transfer.formats import to_markdown
from wikico2.models import User
from wikico2.sizes import MEGABYTE

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
AT_ONCE = 50
"""Rows loaded per query."""
EXPORTED_MODELS = (
    SheetType, Section, Field, Document, Picture, Sheet, SheetEvent, Sheet.documents.through,
    SectionLock, SheetRedirect, Revision, Generation, Generation.documents.through, SectionRun,
    Proposal,
)  # fmt: skip
"""The models whose rows an archive holds, besides the names of users."""
Row = TypeVar("Row", bound=Model)


@dataclass
class ExportProgress:
    """Progress of an export: `done` rows are written, up to primary key `last` of part `part`."""

    done: int = 0
    part: int = 0
    last: int = 0
    # The names of the files missing from the storage.
    lost: list[str] = field(default_factory=list)


def export_wiki(into: IO[bytes], *, sources: bool = True) -> list[str]:
    """Write the wiki as a zip; return the names of the files missing from the storage.

    Without `sources` the files of the sources are left out, not their records.
    """
    with zipfile.ZipFile(into, "w") as archive:
        packer = WikiExporter(archive, sources=sources)
        for _done in packer.steps():
            pass
    return packer.progress.lost


class WikiExporter:
    """Writes the wiki into an archive, `total` rows, one after the other.

    The archive may be closed after any row, and opened again to continue from `progress`. Rows are
    read in the order of their primary keys, so that a row that changes meanwhile is neither
    skipped nor written twice; `AT_ONCE` rows are in memory at a time.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        *,
        sources: bool = True,
        progress: ExportProgress | None = None,
    ) -> None:
        self.archive = archive
        self.sources = sources
        self.progress = progress or ExportProgress()
        self.names = source_names()
        sheets = Sheet.objects.select_related(
            "sheet_type", "current", "created_by", "validated_by", "validated_revision",
            "responsible",
        ).defer(
            "current__rendered", "validated_revision__body", "validated_revision__rendered",
            "stale_sections",
        )  # fmt: skip
        happened = SheetEvent.objects.select_related("actor", "revision").defer(
            "revision__body", "revision__rendered"
        )
        beside = ("locks__locked_by", "redirects__renamed_by", Prefetch("events", happened))
        cited = Prefetch("documents", Document.objects.only("pk"))
        self.parts: tuple[tuple[QuerySet[Any], Any], ...] = (
            (SheetType.objects.prefetch_related("sections__fields"), self.put_type),
            (Document.objects.select_related("uploaded_by"), self.put_source),
            (Picture.objects.all(), self.put_picture),
            (sheets.prefetch_related(cited, *beside), self.put_sheet),
        )
        self.total = sum(rows.count() for rows, _put in self.parts)

    def steps(self) -> Iterator[int]:
        """Write the rows after `progress`; yield the number of rows written after each."""
        progress = self.progress
        pictures = Picture.objects.select_related("uploaded_by").order_by("name")
        if not self.archive.filelist:
            self.put("wikico2.json", facts_to_json({"format": FORMAT}))
            if facts := {p.name: PICTURE.write(p) for p in pictures}:
                self.put("images/images.json", facts_to_json(facts))
        for rows, put in self.parts[progress.part :]:
            for row in in_batches(rows, progress.last):
                put(row)
                progress.last = row.pk
                progress.done += 1
                yield progress.done
            progress.part, progress.last = progress.part + 1, 0

    # --- One row ---

    def put_type(self, kind: SheetType) -> None:
        self.put(f"types/{kind.key}.json", facts_to_json(sheet_type_record(kind)))

    def put_source(self, document: Document) -> None:
        name = self.names.get(document.pk)
        if name is None:
            return  # it was added after the export began
        self.put(f"sources/{name}.json", facts_to_json(document_record(document, self.names)))
        if self.sources:
            self.put_file(f"sources/{file_of(document)}", document.file)

    def put_picture(self, picture: Picture) -> None:
        self.put_file(f"images/{picture.name}", picture.file)

    def put_sheet(self, sheet: Sheet) -> None:
        self.put(f"fiches/{sheet.slug}.md", to_markdown(sheet))
        self.put(f"fiches/{sheet.slug}.json", facts_to_json(sheet_record(sheet, self.names)))
        for name, text in version_files(sheet):
            self.put(name, text)
        for number, run in enumerate(generation_records(sheet, self.names), 1):
            self.put(f"redactions/{sheet.slug}/{number:04}.json", facts_to_json(run))
        for number, proposal in enumerate(proposal_records(sheet, self.names), 1):
            self.put(f"propositions/{sheet.slug}/{number:04}.json", facts_to_json(proposal))

    # --- Writing ---

    def put(self, name: str, text: str) -> None:
        if name not in self.archive.NameToInfo:
            self.archive.writestr(
                archive_entry(name, zipfile.ZIP_DEFLATED), text.encode(), compresslevel=6
            )

    def put_file(self, name: str, file: Any) -> None:
        """Copy a file of the storage once; record its name where it is missing."""
        if name in self.archive.NameToInfo:
            return
        entry = archive_entry(name, zipfile.ZIP_STORED)
        try:
            if not file:
                raise FileNotFoundError(name)
            entry.file_size = file.size
            with file.open("rb") as stored, self.archive.open(entry, "w") as into:
                shutil.copyfileobj(stored, into, MEGABYTE)
        except FileNotFoundError:
            self.progress.lost.append(name)


def archive_entry(name: str, how: int) -> zipfile.ZipInfo:
    """Return an archive entry with a fixed time and mode, so that exports are reproducible."""
    entry = zipfile.ZipInfo(name, FIXED_TIME)
    entry.compress_type = how
    entry.external_attr = 0o644 << 16
    return entry


def in_batches(rows: QuerySet[Row], after: int = 0) -> Iterator[Row]:
    """Yield rows by primary key, from `after` on, `AT_ONCE` per query."""
    while batch := list(rows.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        yield from batch
        if len(batch) < AT_ONCE:
            return
        after = batch[-1].pk


def state_of_wiki() -> str:
    """Return a fingerprint that changes with any row of the exported models.

    It sums hashes of `ctid` and `xmin`, which differ between two states of a row.
    """
    written = "ctid::text || ' ' || xmin::text"
    parts = [(model._meta.db_table, written) for model in EXPORTED_MODELS]
    parts.append((User._meta.db_table, "id || ' ' || username"))
    sums = ", ".join(
        f"(SELECT count(*) || ':' || coalesce(sum(hashtextextended({state}, 0)), 0) FROM {table})"  # noqa: S608
        for table, state in parts
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT concat_ws(' ', {FORMAT}, {sums})")
        return str(cursor.fetchone()[0])


def source_names() -> dict[int, str]:
    """Return the name of each source in the archive, by its primary key.

    Sources of the same content are numbered: `<sha>`, `<sha>_2`, ….
    """
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for pk, sha in Document.objects.order_by("pk").values_list("pk", "sha256"):
        seen[sha] += 1
        names[pk] = sha[:16] if seen[sha] == 1 else f"{sha[:16]}_{seen[sha]}"
    return names


def version_files(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of the file of each version of a sheet."""
    rows = sheet.revisions.select_related("author", "second_parent", "generation")
    light = rows.defer("rendered", "second_parent__body", "second_parent__rendered")
    for revision in in_batches(light):
        name = f"versions/{sheet.slug}/{revision.number:04}.md"
        yield name, add_front_matter(revision_record(revision), revision.body)


# --- Records --------------------------------------------------------------------------------------


def sheet_type_record(kind: SheetType) -> dict[str, Any]:
    """Return the record of a sheet type, with its sections and their fields."""
    return SHEET_TYPE.write(kind) | {
        "sections": [
            SECTION.write(section)
            | {"fields": [FIELD.write(f) for f in sorted(section.fields.all(), key=by_order)]}
            for section in sorted(kind.sections.all(), key=by_order)
        ]
    }


def by_order(row: Section | Field) -> int:
    return row.order


def document_record(document: Document, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the record of a source; `id` is its number in the footnotes of this archive."""
    return DOCUMENT.write(document) | {
        "id": document.pk,
        "file": file_of(document),
        "supersedes": names.get(document.supersedes_id or 0),
        "attached_to": names.get(document.attached_to_id or 0),
    }


def sheet_record(sheet: Sheet, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the record of a sheet, without its versions."""
    return SHEET.write(sheet) | {
        "type": sheet.sheet_type.key,
        "documents": sorted(names[d.pk] for d in sheet.documents.all() if d.pk in names),
        "locks": [LOCK.write(lock) for lock in sheet.locks.all()],
        "events": [EVENT.write(event) for event in sheet.events.all()],
        "former_names": [REDIRECT.write(former) for former in sheet.redirects.all()],
        "written_from": export_generation_inputs(sheet.written_from, names),
    }


def revision_record(revision: Revision) -> dict[str, Any]:
    return REVISION.write(revision) | {
        "generation": generation_record(revision.generation),
        "header": dict(sorted(revision.metadata.items())),
    }


def generation_record(generation: Generation | None) -> dict[str, Any] | None:
    """Return the record of a generation; `run` is its id within this archive."""
    return GENERATION.write(generation) | {"run": generation.pk} if generation else None


def generation_records(sheet: Sheet, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the generations of a sheet, oldest first, without those in progress."""
    rows = sheet.generations.exclude(state__in=Generation.WORKING).select_related(
        "base", "requested_by"
    )
    light = rows.defer("base__body", "base__rendered").prefetch_related("documents", "sections")
    for run in in_batches(light):
        yield {
            **(generation_record(run) or {}),
            **REQUEST.write(run),
            "base": plain(run.base),
            "documents": sorted(names[d.pk] for d in run.documents.all() if d.pk in names),
            "sections": [
                SECTION_RUN.write(one) | {"passages": export_passages(one.passages, names)}
                for one in run.sections.all()
            ],
        }


def proposal_records(sheet: Sheet, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the proposals of a sheet, oldest first."""
    rows = list(
        sheet.proposals.select_related("author", "base", "generation", "accepted_as", "decided_by")
        .defer(
            "merged", "base__body", "base__rendered", "accepted_as__body", "accepted_as__rendered"
        )
        .order_by("pk")
    )
    numbers = {p.pk: number for number, p in enumerate(rows, 1)}
    for proposal in rows:
        yield {
            **PROPOSAL.write(proposal),
            **DECISION.write(proposal),
            "written_from": export_generation_inputs(proposal.written_from, names),
            "base_proposal": numbers.get(proposal.base_proposal_id or 0),
            "generation": generation_record(proposal.generation),
        }
