"""Import an archive of a wiki into this one, empty or not: nothing is overwritten.

A sheet that does not exist is created with its whole history. For one that exists, the versions
after the common ones are appended; where the histories have diverged, the text of the archive
becomes a proposal. A sheet's file that was edited by hand counts as one more version.
"""

import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from ingestion.intake.upload import accept_upload
from ingestion.models import Document
from sheets.markdown.front_matter import FrontMatterError
from sheets.models import Field, Picture, Section, SheetType
from sheets.rendering.images import reencode_picture, store_picture
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.sources.ref_resolution import queue_ref_resolution
from sheets.transfer.archive import LARGEST_ARCHIVE, DamagedFile, WikiArchive, open_archive
from sheets.transfer.id_map import ImportIdMap
from sheets.transfer.sheet_importer import SheetImporter, parse_timestamp
from wikico2.errors import UserError
from wikico2.models import User

PICTURE = re.compile(r"^[0-9a-f]{16}-\d{1,5}x\d{1,5}\.webp$")
BAD = (
    FrontMatterError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    RecursionError, ObjectDoesNotExist, ValidationError, DatabaseError, StaleBase, PersonalText,
    LossyText,
)  # fmt: skip
"""Errors that an invalid file may cause; its transaction is rolled back."""
LINKS = ("supersedes", "attached_to")
"""Fields of a source that name another source."""

NOT_OURS = {"id", "file", "uploaded_by", *LINKS, "created_at"}
DESCRIBED = ("author", "publisher", "published", "origin", "licence", "by_hand", "language")

logger = logging.getLogger(__name__)


@dataclass
class ImportReport:
    """The result of an import: slugs of sheets by outcome, counts, and one sentence per problem."""

    created: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    documents: int = 0
    pictures: int = 0
    problems: list[str] = field(default_factory=list)


def import_wiki(file: IO[bytes], user: User) -> ImportReport:
    """Import an archive; raises UserError not_an_archive before anything is changed.

    A file that cannot be imported is named in the report, and the others are still imported.
    """
    with open_archive(file) as archive:
        importer = WikiImporter(archive, user)
        for _done in importer.steps():
            pass
        return importer.report


class WikiImporter:
    """Imports one archive, `total` files, one after the other."""

    def __init__(
        self, archive: zipfile.ZipFile, user: User, report: ImportReport | None = None
    ) -> None:
        """Check an opened zip; raises UserError not_an_archive unless export_wiki wrote it."""
        self.archive = WikiArchive(archive)
        self.user = user
        self.report = report or ImportReport()
        self.id_map = ImportIdMap()
        self.sheets = SheetImporter(self.archive, self.id_map, user)
        self.work = [
            (take, name)
            for take, kind in (
                (self.take_type, r"types/[^/]+\.json"),
                (self.take_document, r"sources/[^/]+\.json"),
                (self.take_picture, r"images/[^/]+\.webp"),
                (self.take_sheet, r"fiches/[^/]+\.md"),
            )
            for name in self.archive.within(kind.partition("/")[0])
            if re.fullmatch(kind, name)
        ]
        self.total = len(self.work)

    def steps(self, start: int = 0) -> Iterator[int]:
        """Import the files, each in its own transaction; yield the number done after each.

        `start` resumes an interrupted import after so many files.
        """
        for done, (take, name) in enumerate(self.work):
            if done < start and take != self.take_document:
                continue
            try:
                with transaction.atomic():
                    if done < start:
                        self.recall_document(name)
                        continue
                    take(name)
            except UserError as error:
                self.leave_out(f"{name}: {error.sentence}")
            except BAD as error:
                self.leave_out(damaged_file(name, error))
            if done + 1 < self.total:
                yield done + 1
        self.link_versions()
        self.find_passages()
        yield self.total

    def leave_out(self, problem: str) -> None:
        """Record once a file that could not be imported; users created with it were rolled back."""
        if problem not in self.report.problems:
            self.report.problems.append(problem)
        self.id_map.load_users()

    def take_type(self, name: str) -> None:
        """Import a sheet type, unless its key exists."""
        facts = self.archive.json(name)
        if SheetType.objects.filter(key=facts["key"]).exists():
            return
        sections = facts.pop("sections")
        kind = SheetType.objects.create(**model_fields(SheetType, facts))
        for section in sections:
            fields = section.pop("fields")
            made = Section.objects.create(sheet_type=kind, **model_fields(Section, section))
            for one in fields:
                Field.objects.create(section=made, **model_fields(Field, one))

    def take_document(self, name: str) -> None:
        """Import a source, found by its content; without its file it fails with file_missing."""
        facts = self.archive.json(name)
        sha = facts["sha256"]
        number = duplicate_number(name)
        found = self.duplicate(sha, number)
        file = f"sources/{PurePosixPath(facts['file']).name}"
        if file in self.archive.names and (found is None or found.error_code == "file_missing"):
            content = self.archive.bytes(file, LARGEST_ARCHIVE)
            upload = ContentFile(content, name=facts["filename"])
            given = {
                "title": facts["title"],
                "access": facts["access"],
                "allow_duplicate": number > 1,
            }
            found = accept_upload(upload, self.id_map.person(facts["uploaded_by"]), **given)
            self.describe(found, facts)
        elif found is None:
            found = Document.objects.create(
                **model_fields(Document, {k: v for k, v in facts.items() if k not in NOT_OURS}),
                uploaded_by=self.id_map.person(facts["uploaded_by"]),
                state=Document.State.FAILED,
                error_code="file_missing",
                failed_step=Document.State.EXTRACTING,
            )
            self.describe(found, facts)
        self.know_document(name, facts, found)

    def describe(self, document: Document, facts: Mapping[str, Any]) -> None:
        """Copy the metadata of the archive to a source that was just created."""
        Document.objects.filter(pk=document.pk).update(
            created_at=parse_timestamp(facts["created_at"]),
            **{name: facts[name] for name in DESCRIBED},
        )
        self.report.documents += 1

    def recall_document(self, name: str) -> None:
        """Find a source that this import created before it was interrupted."""
        facts = self.archive.json(name)
        if found := self.duplicate(facts["sha256"], duplicate_number(name)):
            self.know_document(name, facts, found)

    def know_document(self, name: str, facts: Mapping[str, Any], found: Document) -> None:
        self.id_map.add_document(found, facts["id"], PurePosixPath(name).stem, facts["sha256"])

    def duplicate(self, sha: str, number: int) -> Document | None:
        """Return the source number `number`, from 1 on, among those of that content."""
        return Document.objects.filter(sha256=sha).order_by("pk")[number - 1 : number].first()

    def link_versions(self) -> None:
        """Set which source supersedes which, and which mail it was attached to."""
        for name in self.archive.within("sources"):
            if name.endswith(".json"):
                try:
                    with transaction.atomic():
                        self.link_version(name)
                except BAD as error:
                    self.leave_out(damaged_file(name, error))

    def link_version(self, name: str) -> None:
        """Set the other sources that the source of this record names, unless they are set."""
        facts = self.archive.json(name)
        known = self.id_map.by_name
        document = known.get(PurePosixPath(name).stem)
        for link in LINKS:
            other = facts.get(link)
            if document and other in known and getattr(document, f"{link}_id") is None:
                setattr(document, link, known[other])
                document.save(update_fields=[link])

    def find_passages(self) -> None:
        """Queue the resolution of passages in sources that became ready during the import."""
        read = Document.objects.ready().filter(pk__in=set(self.id_map.keys.values()))
        for pk in read.values_list("pk", flat=True):
            queue_ref_resolution(Document, pk)

    @cached_property
    def picture_facts(self) -> dict[str, Any]:
        """The titles and authors of the pictures; empty, and reported, if damaged."""
        name = "images/images.json"
        try:
            return self.archive.json(name) if name in self.archive.names else {}
        except DamagedFile as error:
            self.leave_out(damaged_file(name, error))
            return {}

    def take_picture(self, name: str) -> None:
        """Import a picture under its own name; raises UserError not_a_picture."""
        short = PurePosixPath(name).name
        if not PICTURE.match(short):
            raise UserError("not_a_picture")
        content = self.archive.bytes(name)
        upload = ContentFile(content)
        reencode_picture(upload)  # raises if it is not a picture
        facts = self.picture_facts.get(short, "")
        if isinstance(facts, str):  # the form of the first archives
            facts = {"title": facts, "uploaded_by": self.user.username}
        known = Picture.objects.filter(name=short).exists()
        picture = store_picture(
            short, content, self.id_map.person(facts.get("uploaded_by")), facts["title"]
        )
        if not known and (made := parse_timestamp(facts.get("created_at"))):
            Picture.objects.filter(pk=picture.pk).update(created_at=made)
        self.report.pictures += 1

    def take_sheet(self, name: str) -> None:
        slug, outcome = self.sheets.take(name)
        getattr(self.report, outcome).append(slug)


def duplicate_number(name: str) -> int:
    """Return the number in a record's name, from 1 on, among the sources of one content."""
    _sha, _line, number = PurePosixPath(name).stem.partition("_")
    return int(number) if number.isdecimal() and 0 < len(number) < 6 else 1


def damaged_file(name: str, error: Exception) -> str:
    """Return the problem sentence for a file that cannot be imported; the log has the error."""
    logger.warning("Import: %r was left out.", name, exc_info=error)
    return _("%(name)s is damaged or contains an invalid value.") % {"name": name}


def model_fields(model: type[Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are fields of the model; other keys are ignored."""
    names = {f.name for f in model._meta.get_fields()}
    return {name: value for name, value in facts.items() if name in names}
