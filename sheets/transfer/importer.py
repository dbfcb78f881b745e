"""Import an archive of a wiki into this one, empty or not: nothing is overwritten.

A sheet that does not exist is created with its whole history. For one that exists, the versions
after the common ones are appended; where the histories have diverged, the text of the archive
becomes a proposal. A sheet's file that was edited by hand counts as one more version.
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, SuspiciousOperation, ValidationError
from django.core.files.base import File
from django.core.validators import URLValidator
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from ingestion.intake.fetch import checked_url
from ingestion.intake.upload import accept_upload, clean_name
from ingestion.models import Document
from sheets.models import Field, Picture, Section, SheetType
from sheets.rendering.images import reencode_picture, store_picture
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.sources.ref_resolution import queue_ref_resolution
from sheets.transfer.archive import DamagedFile, WikiArchive, open_archive
from sheets.transfer.fields import (
    DESCRIBED,
    DOCUMENT,
    FIELD,
    PICTURE,
    SECTION,
    SHEET_TYPE,
    InvalidValue,
)
from sheets.transfer.id_map import ImportIdMap
from sheets.transfer.sheet_importer import SheetImporter
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.sizes import MEGABYTE

PICTURE_NAME = re.compile(r"[0-9a-f]{16}-(\d{1,5})x(\d{1,5})\.webp")
WEB_ADDRESS = URLValidator(["http", "https"])
SHA256 = re.compile(r"[0-9a-f]{64}")
BAD = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    RecursionError, ObjectDoesNotExist, ValidationError, SuspiciousOperation, DatabaseError,
    StaleBase, PersonalText, LossyText,
)  # fmt: skip
"""Errors that an invalid file may cause; its transaction is rolled back."""
LINKS = ("supersedes", "attached_to")
"""Fields of a source that name another source."""

MOST_PROBLEMS = 500
"""Sentences of a report; what else is left out is only logged."""

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
                self.leave_out(f"{shown_name(name)}: {error.sentence}")
            except BAD as error:
                self.leave_out(damaged_file(name, error))
            if done + 1 < self.total:
                yield done + 1
        self.link_versions()
        self.find_passages()
        yield self.total

    def leave_out(self, problem: str) -> None:
        """Record once a file that could not be imported; users created with it were rolled back."""
        if problem not in self.report.problems and len(self.report.problems) < MOST_PROBLEMS:
            self.report.problems.append(problem)
        self.id_map.load_users()

    def take_type(self, name: str) -> None:
        """Import a sheet type, unless its key exists."""
        facts = self.archive.json(name)
        given = SHEET_TYPE.read(facts, self.id_map)
        if SheetType.objects.filter(key=given["key"]).exists():
            return
        kind = SheetType.objects.create(**given)
        for section in facts["sections"]:
            made = Section.objects.create(sheet_type=kind, **SECTION.read(section, self.id_map))
            for one in section["fields"]:
                Field.objects.create(section=made, **FIELD.read(one, self.id_map))

    def take_document(self, name: str) -> None:
        """Import a source, found by its content; without its file it fails with file_missing."""
        facts = self.archive.json(name)
        given = DOCUMENT.read(facts, self.id_map)
        if not SHA256.fullmatch(given["sha256"]):
            raise InvalidValue(given["sha256"])
        number = duplicate_number(name)
        found = self.duplicate(given["sha256"], number)
        file = f"sources/{PurePosixPath(facts['file']).name}"
        fresh = {field: given[field] for field in DESCRIBED}
        if file in self.archive.names and (found is None or found.error_code == "file_missing"):
            found = self.take_file(file, given, allow_duplicate=number > 1)
        elif found is None:
            found = Document.objects.create(
                **given | {"origin": "", "filename": clean_name(given["filename"])},
                state=Document.State.FAILED,
                error_code="file_missing",
                failed_step=Document.State.EXTRACTING,
            )
        else:
            fresh = {}
        if fresh:
            fresh["origin"] = self.checked_origin(name, given["origin"])
            Document.objects.filter(pk=found.pk).update(**fresh)
            self.report.documents += 1
        self.know_document(name, facts, found)

    def take_file(self, file: str, given: Mapping[str, Any], *, allow_duplicate: bool) -> Document:
        """Accept the file of a source; raises DamagedFile unless its record tells its content."""
        limit, size = settings.MAX_UPLOAD_MB, self.archive.archive.getinfo(file).file_size
        if size > limit * MEGABYTE:
            raise UserError("too_large", size=-(-size // MEGABYTE), limit=limit)
        with self.archive.stream(file, limit * MEGABYTE) as (content, sha256):
            if sha256 != given["sha256"]:
                raise DamagedFile(sha256)
            return accept_upload(
                File(content, name=given["filename"]),
                given["uploaded_by"],
                title=given["title"],
                access=given["access"],
                allow_duplicate=allow_duplicate,
            )

    def checked_origin(self, name: str, origin: str) -> str:
        """Return a web address; "", with a sentence in the report, if it is none."""
        try:
            if origin:
                WEB_ADDRESS(origin)
                checked_url(origin)
        except (UserError, ValidationError):
            self.leave_out(f"{shown_name(name)}: {UserError('address_invalid').sentence}")
            return ""
        return origin

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
        """Import a picture, encoded anew, under its own name; raises UserError not_a_picture."""
        short = PurePosixPath(name).name
        match = PICTURE_NAME.fullmatch(short)
        content, size = reencode_picture(io.BytesIO(self.archive.bytes(name)))
        if not match or size != (int(match[1]), int(match[2])):
            raise UserError("not_a_picture")
        facts = self.picture_facts.get(short, "")
        if isinstance(facts, str):  # the form of the first archives
            facts = {"title": facts, "uploaded_by": self.user.username}
        given = {"uploaded_by": None} | PICTURE.read(facts, self.id_map)
        known = Picture.objects.filter(name=short).exists()
        picture = store_picture(short, content, given["uploaded_by"], given["title"])
        if not known and "created_at" in given:
            Picture.objects.filter(pk=picture.pk).update(created_at=given["created_at"])
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
    return _("%(name)s is damaged or contains an invalid value.") % {"name": shown_name(name)}


def shown_name(name: str) -> str:
    """Return the name of a file of an archive for a sentence."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:200])
