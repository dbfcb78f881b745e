"""Unpack an archive of a wiki into this one, empty or not: nothing that is here is written over.

A sheet that is not here comes with its whole history. Of one that is here, the versions that come
after those that both have are appended; where both have gone on, each in its own way, the text of
the archive becomes a proposal. A sheet's file that somebody has edited counts as a version more.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from ingestion.intake.upload import accept_upload
from ingestion.models import Document
from sheets.markdown.front_matter import FrontMatterError
from sheets.models import Field, Picture, Section, SheetType
from sheets.rendering.images import reencode_picture, store_picture
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.sources.awaited import queue_ref_resolution
from sheets.transfer.archive import LARGEST_ARCHIVE, WikiArchive, open_archive
from sheets.transfer.id_map import ImportIdMap
from sheets.transfer.sheet_importer import SheetImporter, parse_timestamp
from wikico2.errors import UserError
from wikico2.models import User

PICTURE = re.compile(r"^[0-9a-f]{16}-\d{1,5}x\d{1,5}\.webp$")
BAD = (
    FrontMatterError, ValueError, KeyError, TypeError, ObjectDoesNotExist, DatabaseError,
    StaleBase, PersonalText, LossyText,
)  # fmt: skip
"""What a file that says something impossible may end in; all that it began is taken back."""
NOT_OURS = {"id", "file", "uploaded_by", "supersedes", "created_at"}
DESCRIBED = ("author", "publisher", "published", "origin", "licence", "by_hand", "language")


@dataclass
class ImportReport:
    """What an import did, in numbers, and what it could not do, by file."""

    created: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    documents: int = 0
    pictures: int = 0
    problems: list[str] = field(default_factory=list)


def import_wiki(file: IO[bytes], user: User) -> ImportReport:
    """Take an archive in; raises UserError not_an_archive before anything is changed.

    What is wrong with a single file stands in the report, and the rest is taken in all the same.
    """
    with open_archive(file) as archive:
        importer = WikiImporter(archive, user)
        for _done in importer.steps():
            pass
        return importer.report


class WikiImporter:
    """One archive on its way in; `total` things are to be taken in, one after the other."""

    def __init__(
        self, archive: zipfile.ZipFile, user: User, report: ImportReport | None = None
    ) -> None:
        """Take an opened zip; raises UserError not_an_archive unless it is one of ours."""
        self.archive = WikiArchive(archive)
        self.user = user
        self.report = report or ImportReport()
        self.known = ImportIdMap()
        self.sheets = SheetImporter(self.archive, self.known, user)
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
        """Take in all that there is, each thing by itself; yield how many are done.

        With `start`, an import that was cut short goes on after so many.
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
        """Note what could not be taken in; accounts that came with it are gone with it."""
        self.report.problems.append(problem)
        self.known.meet()

    def take_type(self, name: str) -> None:
        """Take a kind of sheet in, if its key is not known here."""
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
        """Take a source in, by its content; without its file it waits for it."""
        facts = self.archive.json(name)
        sha = facts["sha256"]
        place = twin_number(name)
        found = self.twin(sha, place)
        file = f"sources/{PurePosixPath(facts['file']).name}"
        if file in self.archive.names and (found is None or found.error_code == "file_missing"):
            content = self.archive.bytes(file, LARGEST_ARCHIVE)
            upload = ContentFile(content, name=facts["filename"])
            given = {"title": facts["title"], "access": facts["access"], "again": place > 1}
            found = accept_upload(upload, self.known.person(facts["uploaded_by"]), **given)
            self.describe(found, facts)
        elif found is None:
            found = Document.objects.create(
                **model_fields(Document, {k: v for k, v in facts.items() if k not in NOT_OURS}),
                uploaded_by=self.known.person(facts["uploaded_by"]),
                state=Document.State.FAILED,
                error_code="file_missing",
                failed_step=Document.State.EXTRACTING,
            )
            self.describe(found, facts)
        self.know_document(name, facts, found)

    def describe(self, document: Document, facts: Mapping[str, Any]) -> None:
        """Say of a source that has just come what the archive says of it."""
        Document.objects.filter(pk=document.pk).update(
            created_at=parse_timestamp(facts["created_at"]),
            **{name: facts[name] for name in DESCRIBED},
        )
        self.report.documents += 1

    def recall_document(self, name: str) -> None:
        """Know a source again that this import has taken in before."""
        facts = self.archive.json(name)
        if found := self.twin(facts["sha256"], twin_number(name)):
            self.know_document(name, facts, found)

    def know_document(self, name: str, facts: Mapping[str, Any], found: Document) -> None:
        self.known.note(found, facts["id"], PurePosixPath(name).stem, facts["sha256"])

    def twin(self, sha: str, place: int) -> Document | None:
        """Return the first, second, … source of that content that is here."""
        return Document.objects.filter(sha256=sha).order_by("pk")[place - 1 : place].first()

    def link_versions(self) -> None:
        """Tell which source takes the place of which."""
        for name in self.archive.within("sources"):
            if name.endswith(".json"):
                facts = self.archive.json(name)
                known, older = self.known.by_name, facts.get("supersedes")
                newer = known.get(PurePosixPath(name).stem)
                if newer and older in known and newer.supersedes_id is None:
                    newer.supersedes = known[older]
                    newer.save(update_fields=["supersedes"])

    def find_passages(self) -> None:
        """Have the passages looked for of the sources that were read while all this came in."""
        read = Document.objects.ready().filter(pk__in=set(self.known.keys.values()))
        for pk in read.values_list("pk", flat=True):
            queue_ref_resolution(Document, pk)

    @cached_property
    def picture_facts(self) -> dict[str, Any]:
        name = "images/images.json"
        return self.archive.json(name) if name in self.archive.names else {}

    def take_picture(self, name: str) -> None:
        """Take a picture in under its own name, if it is one."""
        short = PurePosixPath(name).name
        if not PICTURE.match(short):
            raise UserError("not_a_picture")
        content = self.archive.bytes(name)
        upload = ContentFile(content)
        reencode_picture(upload)  # raises for what is no picture
        facts = self.picture_facts.get(short, "")
        if isinstance(facts, str):  # as archives were at first
            facts = {"title": facts, "uploaded_by": self.user.username}
        known = Picture.objects.filter(name=short).exists()
        picture = store_picture(
            short, content, self.known.person(facts.get("uploaded_by")), facts["title"]
        )
        if not known and (made := parse_timestamp(facts.get("created_at"))):
            Picture.objects.filter(pk=picture.pk).update(created_at=made)
        self.report.pictures += 1

    def take_sheet(self, name: str) -> None:
        slug, outcome = self.sheets.take(name)
        getattr(self.report, outcome).append(slug)


def twin_number(name: str) -> int:
    """Return which of the sources of one content a file of the archive tells about, from 1 on."""
    _sha, _line, number = PurePosixPath(name).stem.partition("_")
    return int(number) if number.isdecimal() and 0 < len(number) < 6 else 1


def damaged_file(name: str, error: Exception) -> str:
    """Say that a file cannot be what it should."""
    reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
    said = _("%(name)s is damaged, or was changed by hand into what cannot be (%(reason)s).")
    return said % {"name": name, "reason": reason}


def model_fields(model: type[Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are fields of the model; what else a file says is passed over."""
    names = {f.name for f in model._meta.get_fields()}
    return {name: value for name, value in facts.items() if name in names}
