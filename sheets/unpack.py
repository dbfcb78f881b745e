"""Unpack an archive of a wiki into this one, empty or not: nothing that is here is written over.

A sheet that is not here comes with its whole history. Of one that is here, the versions that come
after those that both have are appended; where both have gone on, each in its own way, the text of
the archive becomes a proposal. A sheet's file that somebody has edited counts as a version more.
"""

import datetime as dt
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ingestion.accept import accept
from ingestion.models import Document
from sheets.edit import is_same, version_of
from sheets.front import BadFront, split_front
from sheets.links import folded
from sheets.merge import Version
from sheets.models import (
    Field,
    FormerName,
    Generation,
    Picture,
    Proposal,
    Revision,
    Section,
    SectionLock,
    SectionRun,
    Sheet,
    SheetType,
)
from sheets.pack import FORMAT, GENERATION, SECTION_RUN
from sheets.pictures import made_anew, store
from sheets.places import facts_here, passages_here
from sheets.propose import Start, propose, remerge
from sheets.revise import LossyText, PersonalText, StaleBase, save_revision
from sheets.stale import keep_facts
from sheets.template import load_template
from wikico2.errors import WorkError
from wikico2.models import User

SOURCE = re.compile(r"(?<=\(/sources/)(\d{1,18})(?=/)")
SLUG = re.compile(r"^[-\w]{1,220}$")
PICTURE = re.compile(r"^[0-9a-f]{16}-\d{1,5}x\d{1,5}\.webp$")
BAD = (BadFront, ValueError, KeyError, TypeError, ObjectDoesNotExist, DatabaseError, StaleBase,
       PersonalText, LossyText)  # fmt: skip
"""What a file that says something impossible may end in; all that it began is taken back."""
MEGABYTE = 1024 * 1024
LARGEST_TEXT = 8 * MEGABYTE
LARGEST_ARCHIVE = 20_000 * MEGABYTE
MOST_FILES = 500_000


@dataclass
class Report:
    """What an import did, in numbers, and what it could not do, by file."""

    created: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    documents: int = 0
    pictures: int = 0
    problems: list[str] = field(default_factory=list)


def unpack(file: IO[bytes], user: User) -> Report:
    """Take an archive in; raises WorkError not_an_archive before anything is changed.

    What is wrong with a single file stands in the report, and the rest is taken in all the same.
    """
    with opened(file) as archive:
        importer = Importer(archive, user)
        for _done in importer.steps():
            pass
        return importer.report


def opened(file: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive; raises WorkError not_an_archive."""
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError) as error:
        raise WorkError("not_an_archive") from error


class Importer:
    """One archive on its way in; `total` things are to be taken in, one after the other."""

    def __init__(self, archive: zipfile.ZipFile, user: User, report: Report | None = None) -> None:
        self.archive = archive
        self.user = user
        self.names = set(archive.namelist())
        self.folders: dict[str, list[str]] = {}
        for name in sorted(self.names):
            self.folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
        self.report = report or Report()
        self.documents: dict[str, Document] = {}  # by what the archive calls them
        self.by_name: dict[str, Document] = {}  # by the name of its file there, and by its hash
        self.keys: dict[str, int] = {}  # as they are numbered here, by that name
        self.people: dict[str, User] = {u.username: u for u in User.objects.all()}
        self.check()
        self.work = [
            (take, name)
            for take, kind in (
                (self.take_type, r"types/[^/]+\.json"),
                (self.take_document, r"sources/[^/]+\.json"),
                (self.take_picture, r"images/[^/]+\.webp"),
                (self.take_sheet, r"fiches/[^/]+\.md"),
            )
            for name in self.folders.get(kind.partition("/")[0], ())
            if re.fullmatch(kind, name)
        ]
        self.total = len(self.work)

    def check(self) -> None:
        """Raise WorkError not_an_archive unless it is one of ours, of a size that can be."""
        size = sum(entry.file_size for entry in self.archive.infolist())
        if "wikico2.json" not in self.names or len(self.names) > MOST_FILES:
            raise WorkError("not_an_archive")
        if size > LARGEST_ARCHIVE or self.json("wikico2.json").get("format") != FORMAT:
            raise WorkError("not_an_archive")

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
            except WorkError as error:
                self.report.problems.append(f"{name}: {error.sentence}")
            except BAD as error:
                self.report.problems.append(damaged(name, error))
            if done + 1 < self.total:
                yield done + 1
        self.link_versions()
        self.find_passages()
        yield self.total

    # --- Reading ---

    def bytes(self, name: str, limit: int = LARGEST_TEXT) -> bytes:
        """Return a file of the archive; raises ValueError when it is too large or damaged."""
        if self.archive.getinfo(name).file_size > limit:
            raise ValueError("> 8 MB")
        try:
            return self.archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise ValueError(str(error)) from error

    def text(self, name: str) -> str:
        return self.bytes(name).decode("utf-8").replace("\0", "")

    def json(self, name: str) -> dict[str, Any]:
        found = json.loads(self.text(name))
        if not isinstance(found, dict):
            raise TypeError("{}")
        return found

    def person(self, name: str | None) -> User | None:
        """Return the account of that name; one that cannot log in where it is not known here."""
        if not name:
            return None
        if name not in self.people:
            person = User(username=name[:150], is_active=False)
            person.set_unusable_password()
            person.save()
            self.people[name] = person
        return self.people[name]

    # --- Kinds of sheet, sources, pictures ---

    def take_type(self, name: str) -> None:
        """Take a kind of sheet in, if its key is not known here."""
        facts = self.json(name)
        if SheetType.objects.filter(key=facts["key"]).exists():
            return
        sections = facts.pop("sections")
        kind = SheetType.objects.create(**plain(SheetType, facts))
        for section in sections:
            fields = section.pop("fields")
            made = Section.objects.create(sheet_type=kind, **plain(Section, section))
            for one in fields:
                Field.objects.create(section=made, **plain(Field, one))

    def take_document(self, name: str) -> None:
        """Take a source in, by its content; without its file it waits for it."""
        facts = self.json(name)
        sha = facts["sha256"]
        place = place_among_twins(name)
        found = self.twin(sha, place)
        file = f"sources/{PurePosixPath(facts['file']).name}"
        if file in self.names and (found is None or found.error_code == "file_missing"):
            content = self.bytes(file, LARGEST_ARCHIVE)
            upload = ContentFile(content, name=facts["filename"])
            given = {"title": facts["title"], "access": facts["access"], "again": place > 1}
            found = accept(upload, self.person(facts["uploaded_by"]), **given)
            self.report.documents += 1
        elif found is None:
            found = Document.objects.create(
                **plain(Document, {k: v for k, v in facts.items() if k not in NOT_OURS}),
                uploaded_by=self.person(facts["uploaded_by"]),
                state=Document.State.FAILED,
                error_code="file_missing",
                failed_step=Document.State.EXTRACTING,
            )
            self.report.documents += 1
        Document.objects.filter(pk=found.pk).update(
            created_at=date(facts["created_at"]),
            **{name: facts[name] for name in DESCRIBED},
        )
        self.know_document(name, facts, found)

    def recall_document(self, name: str) -> None:
        """Know a source again that this import has taken in before."""
        facts = self.json(name)
        if found := self.twin(facts["sha256"], place_among_twins(name)):
            self.know_document(name, facts, found)

    def know_document(self, name: str, facts: Mapping[str, Any], found: Document) -> None:
        """Remember what the archive calls a source: in texts, in lists of sources."""
        self.documents[str(facts["id"])] = self.by_name[PurePosixPath(name).stem] = found
        self.by_name.setdefault(facts["sha256"], found)
        self.keys[PurePosixPath(name).stem] = found.pk

    def twin(self, sha: str, place: int) -> Document | None:
        """Return the first, second, … source of that content that is here."""
        return Document.objects.filter(sha256=sha).order_by("pk")[place - 1 : place].first()

    def link_versions(self) -> None:
        """Tell which source takes the place of which."""
        for name in self.folders.get("sources", ()):
            if name.endswith(".json"):
                facts = self.json(name)
                newer, older = self.by_name.get(PurePosixPath(name).stem), facts.get("supersedes")
                if newer and older in self.by_name and newer.supersedes_id is None:
                    newer.supersedes = self.by_name[older]
                    newer.save(update_fields=["supersedes"])

    def find_passages(self) -> None:
        """Have the passages looked for of the sources that were read while all this came in."""
        from sheets.tasks import source_is_awaited

        for document in {d.pk: d for d in self.documents.values()}.values():
            source_is_awaited(Document, document.pk)

    @cached_property
    def picture_facts(self) -> dict[str, Any]:
        name = "images/images.json"
        return self.json(name) if name in self.names else {}

    def take_picture(self, name: str) -> None:
        """Take a picture in under its own name, if it is one."""
        short = PurePosixPath(name).name
        if not PICTURE.match(short):
            raise WorkError("not_a_picture")
        content = self.bytes(name)
        upload = ContentFile(content)
        made_anew(upload)  # raises for what is no picture
        facts = self.picture_facts.get(short, "")
        if isinstance(facts, str):  # as archives were at first
            facts = {"title": facts}
        known = Picture.objects.filter(name=short).exists()
        picture = store(short, content, self.person(facts.get("uploaded_by")), facts["title"])
        if not known and (made := date(facts.get("created_at"))):
            Picture.objects.filter(pk=picture.pk).update(created_at=made)
        self.report.pictures += 1

    # --- Sheets ---

    def take_sheet(self, name: str) -> None:
        """Take a sheet in: all of it, what is new of it, or what differs as a proposal."""
        slug = PurePosixPath(name).stem
        if not SLUG.match(slug):
            raise ValueError(slug)
        front, body = split_front(self.text(name))
        body = body.removeprefix(f"# {front.get('title')}\n\n")
        file = Version(self.here(body), self.values(front.get("header")))
        past = [self.version(n) for n in self.folders.get(f"versions/{slug}", ())]
        path = f"fiches/{slug}.json"
        facts = self.json(path) if path in self.names else {}
        sheet = Sheet.objects.filter(slug=slug).first()
        if sheet is None:
            sheet = self.create(slug, {**front, **facts})
            runs: dict[int, Generation] = {}
            self.append(sheet, past, slug, runs)
            self.settle(sheet, facts, runs)
            self.edited(sheet, file)
            self.report.created.append(slug)
        else:
            self.extend(sheet, past, file, facts)

    def version(self, name: str) -> tuple[dict[str, Any], Version]:
        """Return a version of the archive: facts, and text with our sources."""
        facts, body = split_front(self.text(name))
        return facts, Version(self.here(body), self.values(facts.get("header")))

    def here(self, body: str) -> str:
        """Return a text with the sources called as they are here; an unknown one leads nowhere."""
        known = self.documents
        return SOURCE.sub(lambda m: str(known[m[1]].pk) if m[1] in known else "0", body)

    def values(self, header: Any) -> dict[str, str]:
        return {str(k): self.here(str(v)) for k, v in (header or {}).items()}

    def create(self, slug: str, facts: Mapping[str, Any]) -> Sheet:
        state = facts.get("state", Sheet.State.DRAFT)
        if state not in Sheet.State.values:
            raise ValueError(state)
        kind = SheetType.objects.filter(key=facts["type"]).first()
        if kind is None:
            raise WorkError("unknown_type", key=facts["type"])
        sheet = Sheet.objects.create(
            sheet_type=kind,
            title=str(facts["title"])[:200],
            slug=slug,
            state=state,
            created_by=self.person(facts.get("created_by")) or self.user,
        )
        sheet.documents.set(self.known(facts.get("documents", ())))
        return sheet

    def append(
        self,
        sheet: Sheet,
        past: list[tuple[dict[str, Any], Version]],
        slug: str,
        runs: dict[int, Generation],
    ) -> None:
        """Append versions to a sheet, and what was proposed for it where it belongs."""
        given = [self.json(n) for n in self.folders.get(f"redactions/{slug}", ())]
        for facts in given:
            self.run_of(sheet, facts, runs)
        waiting = [self.json(n) for n in self.folders.get(f"propositions/{slug}", ())]
        made: list[Proposal] = []
        for facts, text in past:
            run = self.run_of(sheet, facts.get("generation"), runs)
            while run and facts["origin"] == Revision.Origin.MERGE and len(made) < len(waiting):
                if any(p.generation_id == run.pk for p in made):
                    break  # the database wants to see what is merged
                made.append(self.proposal(sheet, waiting[len(made)], runs, made))
            second = facts.get("second_parent")
            revision = save_revision(
                sheet,
                base=sheet.current,
                body=text.body,
                metadata=text.values,
                origin=facts["origin"],
                author=self.person(facts.get("author")),
                generation=run,
                second_parent=sheet.revisions.get(number=second) if second else None,
                comment=facts.get("comment", ""),
                minor=bool(facts.get("minor")),
                created_at=date(facts.get("date")),
            )
            if revision.number != facts["number"]:
                raise ValueError(f"{facts['number']} ≠ {revision.number}")
        for facts in given:
            if number := facts["base"]:
                base = sheet.revisions.get(number=number)
                Generation.objects.filter(pk=runs[facts["run"]].pk).update(base=base)
        for facts in waiting[len(made) :]:
            made.append(self.proposal(sheet, facts, runs, made))
        for one, facts in zip(made, waiting, strict=True):
            self.decide(one, facts)

    def run_of(
        self, sheet: Sheet, facts: Mapping[str, Any] | None, runs: dict[int, Generation]
    ) -> Generation | None:
        """Return the run that the archive names, made once."""
        if not facts:
            return None
        number = facts["run"]
        if number not in runs:
            given = {k: facts[k] for k in GENERATION if k in facts and k != "created_at"}
            for key in ("started_at", "finished_at"):
                given[key] = date(given.get(key))
            if given["state"] in Generation.WORKING:
                given["state"] = Generation.State.CANCELLED
            asked_by = self.person(facts.get("requested_by"))
            run = Generation.objects.create(
                sheet=sheet, cost=facts["cost"], requested_by=asked_by, **given
            )
            asked = date(facts["created_at"])
            Generation.objects.filter(pk=run.pk).update(created_at=asked)
            run.documents.set(
                self.by_name[n] for n in facts.get("documents", ()) if n in self.by_name
            )
            SectionRun.objects.bulk_create(
                SectionRun(
                    generation=run,
                    passages=passages_here(section["passages"], self.keys),
                    **{name: section[name] for name in SECTION_RUN},
                )
                for section in facts.get("sections", ())
            )
            runs[number] = run
        return runs[number]

    def known(self, names: Iterable[str]) -> list[Document]:
        """Return the sources that the archive calls so."""
        return [self.by_name[name] for name in names if name in self.by_name]

    def proposal(
        self,
        sheet: Sheet,
        facts: Mapping[str, Any],
        runs: dict[int, Generation],
        made: list[Proposal],
    ) -> Proposal:
        """Put a proposal beside the sheet, still open."""
        base, before = facts.get("base"), facts.get("base_proposal")
        given = ("sections", "notices", "choices", "remark", "signed", "sender")
        return Proposal.objects.create(
            sheet=sheet,
            base=sheet.revisions.get(number=base) if base else None,
            base_proposal=made[before - 1] if before else None,
            generation=self.run_of(sheet, facts.get("generation"), runs),
            author=self.person(facts.get("author")),
            body=self.here(facts["body"]),
            metadata=self.values(facts["metadata"]),
            written_from=facts_here(facts.get("written_from", {}), self.keys, runs),
            created_at=date(facts["created_at"]) or timezone.now(),
            **{name: facts[name] for name in given},
        )

    def decide(self, proposal: Proposal, facts: Mapping[str, Any]) -> None:
        """Note what became of a proposal."""
        number = facts.get("accepted_as")
        proposal.accepted_as = proposal.sheet.revisions.get(number=number) if number else None
        proposal.decided_by = self.person(facts.get("decided_by"))
        proposal.decided_at = date(facts.get("decided_at"))
        proposal.decided, proposal.reason = facts["decided"], facts["reason"]
        proposal.state = facts["state"]
        proposal.save()
        remerge(proposal)

    def settle(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Give a sheet what else is known of it."""
        if not facts:
            return
        for lock in facts["locks"]:
            SectionLock.objects.create(
                sheet=sheet,
                section=lock["section"],
                locked_by=self.person(lock["locked_by"]),
                locked_at=date(lock["locked_at"]) or timezone.now(),
            )
        for former in facts.get("former_names", ()):
            self.name_before(sheet, former)
        self.keep_facts(sheet, facts, runs)
        number = facts["validated_revision"]
        Sheet.objects.filter(pk=sheet.pk).update(
            validated_by=self.person(facts["validated_by"]),
            validated_at=date(facts["validated_at"]),
            validated_revision=sheet.revisions.get(number=number) if number else None,
            created_by=self.person(facts["created_by"]),
            created_at=date(facts["created_at"]),
            updated_at=date(facts["updated_at"]),
        )
        sheet.refresh_from_db()

    def keep_facts(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Note what the sections of a sheet rest on."""
        keep_facts(sheet, facts_here(facts.get("written_from", {}), self.keys, runs))

    def name_before(self, sheet: Sheet, facts: Mapping[str, Any]) -> None:
        """Note a name that a sheet had; its address, if no other sheet has or had it here."""
        slug = facts["slug"]
        others = FormerName.objects.filter(slug=slug), Sheet.objects.filter(slug=slug)
        FormerName.objects.create(
            sheet=sheet,
            title=facts["title"],
            folded=folded(facts["title"]),
            slug=None if any(rows.exists() for rows in others) else slug,
            renamed_by=self.person(facts["renamed_by"]),
            renamed_at=date(facts["renamed_at"]) or timezone.now(),
        )

    def edited(self, sheet: Sheet, file: Version) -> bool:
        """Append a sheet's own file as a version where somebody has edited it."""
        if is_same(file, version_of(sheet.current)):
            return False
        save_revision(
            sheet,
            base=sheet.current,
            body=file.body,
            metadata=file.values,
            origin=Revision.Origin.IMPORT,
            author=self.user,
        )
        return True

    def extend(
        self,
        sheet: Sheet,
        past: list[tuple[dict[str, Any], Version]],
        file: Version,
        known: Mapping[str, Any],
    ) -> None:
        """Append what the archive has more; propose its text where both have gone on."""
        ours = list(sheet.revisions.order_by("number"))
        common = shared(ours, past)
        if common == len(ours):
            grown = len(past) > common
            if grown:
                for facts, text in past[common:]:
                    self.take_version(sheet, facts, text)
                sheet.documents.add(*self.known(known.get("documents", ())))
            if grown or not sheet.written_from:
                self.keep_facts(sheet, known, {})
            if self.edited(sheet, file) or grown:
                self.report.extended.append(sheet.slug)
            else:
                self.report.same.append(sheet.slug)
        elif (common == len(past) and is_same(file, past[-1][1] if past else Version(""))) or (
            is_same(file, version_of(sheet.current))
        ):
            self.report.same.append(sheet.slug)  # ours has gone on, the archive has not
        else:
            self.offer(sheet, ours[common - 1] if common else None, file)

    def take_version(self, sheet: Sheet, facts: Mapping[str, Any], text: Version) -> None:
        """Append a version that was written elsewhere; it says so."""
        save_revision(
            sheet,
            base=sheet.current,
            body=text.body,
            metadata=text.values,
            origin=Revision.Origin.IMPORT,
            author=self.person(facts.get("author")) or self.user,
            comment=facts.get("comment", ""),
            minor=bool(facts.get("minor")),
            created_at=date(facts.get("date")),
        )

    def offer(self, sheet: Sheet, base: Revision | None, file: Version) -> None:
        """Propose the text of the archive, unless it waits already."""
        waiting = sheet.proposals.waiting().filter(body=file.body, metadata=dict(file.values))
        if not waiting.exists():
            propose(
                sheet,
                start=Start(base, None),
                text=file,
                template=load_template(sheet.sheet_type),
                author=self.user,
            )
        self.report.proposed.append(sheet.slug)


def place_among_twins(name: str) -> int:
    """Return which of the sources of one content a file of the archive tells about, from 1 on."""
    _sha, _line, number = PurePosixPath(name).stem.partition("_")
    return int(number) if number.isdecimal() and 0 < len(number) < 6 else 1


def damaged(name: str, error: Exception) -> str:
    """Say that a file cannot be what it should."""
    reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
    said = _("%(name)s is damaged, or was changed by hand into what cannot be (%(reason)s).")
    return said % {"name": name, "reason": reason}


NOT_OURS = {"id", "file", "uploaded_by", "supersedes", "created_at"}
DESCRIBED = ("author", "publisher", "published", "origin", "licence", "by_hand", "language")


def shared(ours: list[Revision], past: list[tuple[dict[str, Any], Version]]) -> int:
    """Return how many versions both have in common, from the first on."""
    pairs = zip(ours, past, strict=False)
    same = (is_same(version_of(one), other[1]) for one, other in pairs)
    return next((n for n, alike in enumerate(same) if not alike), min(len(ours), len(past)))


def plain(model: type[Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are fields of the model; what else a file says is passed over."""
    names = {f.name for f in model._meta.get_fields()}
    return {name: value for name, value in facts.items() if name in names}


def date(text: Any) -> dt.datetime | None:
    """Return a moment as it was written; raises ValueError."""
    return dt.datetime.fromisoformat(text) if text else None
