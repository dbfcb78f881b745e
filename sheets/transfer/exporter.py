"""Pack the whole wiki into one zip of plain files: the same wiki gives the same bytes.

wikico2.json                 what this is
types/solution.json          the kinds of sheet, with their sections and fields
fiches/<slug>.md             each sheet as it is, to be read and edited
fiches/<slug>.json           what else is known of it
versions/<slug>/0001.md      each of its versions
redactions/<slug>/0001.json  each run of the writer over it, with the passages that it was shown
propositions/<slug>/0001.json  what was or is proposed for it
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
    SheetRedirect,
    SheetType,
)
from sheets.sources.passage_refs import export_passages
from sheets.transfer.archive import FORMAT
from sheets.transfer.fields import (
    SECTION_RUN,
    document_record,
    facts_to_json,
    file_of,
    generation_record,
    picture_record,
    proposal_record,
    revision_number,
    revision_record,
    sheet_record,
    sheet_type_record,
    username_of,
)
from sheets.transfer.formats import to_markdown
from wikico2.models import User
from wikico2.sizes import MEGABYTE

MOMENT = (1980, 1, 1, 0, 0, 0)
AT_ONCE = 50
"""How many rows are held in memory."""
EXPORTED_MODELS = (
    SheetType, Section, Field, Document, Picture, Sheet, Sheet.documents.through, SectionLock,
    SheetRedirect, Revision, Generation, Generation.documents.through, SectionRun, Proposal,
)  # fmt: skip
"""What an archive is made of, beside the names of people."""
Row = TypeVar("Row", bound=Model)


@dataclass
class ExportProgress:
    """How far a packing is: so many things are in, up to the one of key `last` in that part."""

    done: int = 0
    part: int = 0
    last: int = 0
    # The names of the files that the storage has lost.
    lost: list[str] = field(default_factory=list)


def export_wiki(into: IO[bytes], *, sources: bool = True) -> list[str]:
    """Write the wiki as a zip; return the names of the files that the storage has lost.

    Without `sources` their files stay out; their titles are there all the same.
    """
    with zipfile.ZipFile(into, "w") as archive:
        packer = WikiExporter(archive, sources=sources)
        for _done in packer.steps():
            pass
    return packer.progress.lost


class WikiExporter:
    """The wiki on its way into an archive; `total` things are to be put in, one after the other.

    The archive may be closed after any of them, and opened again to go on where `progress` is.
    Each row is gone through by its key, so that what changes meanwhile is neither lost nor there
    twice; a few rows are in memory at a time.
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
            "sheet_type", "current", "created_by", "validated_by", "validated_revision"
        ).defer(
            "current__rendered", "validated_revision__body", "validated_revision__rendered",
            "stale_sections",
        )  # fmt: skip
        beside = ("locks__locked_by", "redirects__renamed_by")
        cited = Prefetch("documents", Document.objects.only("pk"))
        self.parts: tuple[tuple[QuerySet[Any], Any], ...] = (
            (SheetType.objects.prefetch_related("sections__fields"), self.put_type),
            (Document.objects.select_related("uploaded_by"), self.put_source),
            (Picture.objects.all(), self.put_picture),
            (sheets.prefetch_related(cited, *beside), self.put_sheet),
        )
        self.total = sum(rows.count() for rows, _put in self.parts)

    def steps(self) -> Iterator[int]:
        """Put in what is not in yet, each thing by itself; yield how many are."""
        so_far = self.progress
        pictures = Picture.objects.select_related("uploaded_by").order_by("name")
        if not self.archive.filelist:
            self.put("wikico2.json", facts_to_json({"format": FORMAT}))
            if facts := {p.name: picture_record(p) for p in pictures}:
                self.put("images/images.json", facts_to_json(facts))
        for rows, put in self.parts[so_far.part :]:
            for row in in_batches(rows, so_far.last):
                put(row)
                so_far.last = row.pk
                so_far.done += 1
                yield so_far.done
            so_far.part, so_far.last = so_far.part + 1, 0

    # --- One thing ---

    def put_type(self, kind: SheetType) -> None:
        self.put(f"types/{kind.key}.json", facts_to_json(sheet_type_record(kind)))

    def put_source(self, document: Document) -> None:
        name = self.names.get(document.pk)
        if name is None:
            return  # it came after we had begun
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
        """Put a file of the storage in as it is, once; note it where the storage has lost it."""
        if name in self.archive.NameToInfo:
            return
        place = archive_entry(name, zipfile.ZIP_STORED)
        try:
            if not file:
                raise FileNotFoundError(name)
            place.file_size = file.size
            with file.open("rb") as kept, self.archive.open(place, "w") as into:
                shutil.copyfileobj(kept, into, MEGABYTE)
        except FileNotFoundError:
            self.progress.lost.append(name)


def archive_entry(name: str, how: int) -> zipfile.ZipInfo:
    """Return a place in an archive, without the time and rights that differ between machines."""
    place = zipfile.ZipInfo(name, MOMENT)
    place.compress_type = how
    place.external_attr = 0o644 << 16
    return place


def in_batches(rows: QuerySet[Row], after: int = 0) -> Iterator[Row]:
    """Yield rows in the order of their keys, a few of them in memory at a time."""
    while batch := list(rows.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        yield from batch
        if len(batch) < AT_ONCE:
            return
        after = batch[-1].pk


def state_of_wiki() -> str:
    """Return what differs as soon as anything has changed that an archive is made of.

    Where a row stands and which transaction wrote it tell one state of the row from the next.
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
    """Return what each source is called in the archive, by its key.

    Twins are numbered, so that their names follow each other.
    """
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for pk, sha in Document.objects.order_by("pk").values_list("pk", "sha256"):
        seen[sha] += 1
        names[pk] = sha[:16] if seen[sha] == 1 else f"{sha[:16]}_{seen[sha]}"
    return names


def version_files(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield each version of a sheet as a file."""
    rows = sheet.revisions.select_related("author", "second_parent", "generation")
    light = rows.defer("rendered", "second_parent__body", "second_parent__rendered")
    for revision in in_batches(light):
        name = f"versions/{sheet.slug}/{revision.number:04}.md"
        yield name, add_front_matter(revision_record(revision), revision.body)


def generation_records(sheet: Sheet, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the runs over a sheet, oldest first, but not those that are under way."""
    rows = sheet.generations.exclude(state__in=Generation.WORKING).select_related(
        "base", "requested_by"
    )
    light = rows.defer("base__body", "base__rendered").prefetch_related("documents", "sections")
    for run in in_batches(light):
        yield {
            **(generation_record(run) or {}),
            "base": revision_number(run.base),
            "requested_by": username_of(run.requested_by),
            "documents": sorted(names[d.pk] for d in run.documents.all() if d.pk in names),
            "sections": [
                {
                    **{name: getattr(section, name) for name in SECTION_RUN},
                    "passages": export_passages(section.passages, names),
                }
                for section in run.sections.all()
            ],
        }


def proposal_records(sheet: Sheet, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield what was proposed for a sheet, oldest first."""
    rows = list(
        sheet.proposals.select_related("author", "base", "generation", "accepted_as", "decided_by")
        .defer(
            "merged", "base__body", "base__rendered", "accepted_as__body", "accepted_as__rendered"
        )
        .order_by("pk")
    )
    places = {p.pk: number for number, p in enumerate(rows, 1)}
    for one in rows:
        yield proposal_record(one, places, names)
