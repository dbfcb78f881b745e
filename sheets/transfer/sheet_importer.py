"""Import the sheets of an archive: with their whole history, or the new versions of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from sheets.links.rename import require_free_title
from sheets.links.wikilinks import fold_sheet_title
from sheets.markdown.front_matter import split_front_matter
from sheets.merge import Version
from sheets.models import (
    Generation,
    Proposal,
    Revision,
    SectionLock,
    SectionRun,
    Sheet,
    SheetEvent,
    SheetRedirect,
    SheetType,
)
from sheets.models.schema_loader import load_template
from sheets.proposals.review import ProposalBase, create_proposal, remerge_proposal
from sheets.revisions.save import save_revision
from sheets.revisions.versions import is_same_version, version_of
from sheets.sources.passage_refs import import_generation_inputs, import_passages
from sheets.staleness.state import save_generation_inputs
from sheets.transfer.archive import WikiArchive
from sheets.transfer.fields import (
    DECISION,
    EVENT,
    GENERATION,
    LOCK,
    LONGEST,
    NEW_SHEET,
    PROPOSAL,
    REDIRECT,
    REQUEST,
    REVISION,
    SECTION_RUN,
    SHEET,
    InvalidValue,
)
from sheets.transfer.id_map import IMPORTED, ImportIdMap
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import visible_line

SLUG = re.compile(r"[-\w]{1,220}")


class SheetImporter:
    """Imports sheets one after the other; `user` is the author where the archive names none."""

    def __init__(self, archive: WikiArchive, id_map: ImportIdMap, user: User) -> None:
        self.archive = archive
        self.id_map = id_map
        self.user = user

    def take(self, name: str) -> tuple[str, str]:
        """Import a sheet: all of it, its new versions, or a diverged text as a proposal.

        Return its slug and the outcome: created, extended, proposed or same. Raises UserError or
        one of `importer.BAD`.
        """
        slug = PurePosixPath(name).stem
        if not SLUG.fullmatch(slug):
            raise ValueError(slug)
        front, file = self.version(name)
        file = replace(file, body=file.body.removeprefix(f"# {front.get('title')}\n\n"))
        past = [self.version(n) for n in self.archive.within(f"versions/{slug}")]
        path = f"fiches/{slug}.json"
        facts = self.archive.json(path) if path in self.archive.names else {}
        sheet = Sheet.objects.filter(slug=slug).first()
        if sheet is None and (deleted := Sheet.all_sheets.filter(slug=slug).first()):
            raise UserError("sheet_deleted", title=deleted.title)
        if sheet is not None:
            return slug, self.extend(sheet, past, file, facts)
        runs: dict[int, Generation] = {}
        sheet = self.create(slug, {**front, **facts})
        self.append(sheet, past, slug, runs)
        self.import_state(sheet, facts, runs)
        self.append_edited(sheet, file)
        return slug, "created"

    def version(self, name: str) -> tuple[dict[str, Any], Version]:
        """Return a version of the archive: its record, and its text with local source ids."""
        facts, body = split_front_matter(self.archive.text(name))
        if len(body) > LONGEST:
            raise InvalidValue(f"{len(body)} characters")
        return facts, Version(
            self.id_map.with_local_ids(body), self.id_map.values(facts.get("header"))
        )

    def create(self, slug: str, facts: Mapping[str, Any]) -> Sheet:
        given = NEW_SHEET.read(facts, self.id_map)
        kind = SheetType.objects.filter(key=str(facts["type"])).first()
        if kind is None:
            raise UserError("unknown_type", key=str(facts["type"])[:50])
        if given.get("state") == Sheet.State.VALIDATED:
            given["state"] = Sheet.State.REVIEW
        given["created_by"] = given.get("created_by") or self.user
        given["title"] = visible_line(str(given["title"]))[:200]
        if not given["title"]:
            raise InvalidValue("a title of which no sign shows")
        require_free_title(given["title"])
        sheet = Sheet.objects.create(sheet_type=kind, slug=slug, **given)
        sheet.documents.set(self.id_map.documents_named(facts.get("documents", ())))
        return sheet

    def append(
        self,
        sheet: Sheet,
        past: list[tuple[dict[str, Any], Version]],
        slug: str,
        runs: dict[int, Generation],
    ) -> None:
        """Append versions to a sheet, with its generations and proposals."""
        given = self.archive.records(f"redactions/{slug}")
        for facts in given:
            self.run_of(sheet, facts, runs)
        records = self.archive.records(f"propositions/{slug}")
        made: list[Proposal] = []
        for facts, text in past:
            run = self.run_of(sheet, facts.get("generation"), runs)
            while run and facts["origin"] == Revision.Origin.MERGE and len(made) < len(records):
                if any(p.generation_id == run.pk for p in made):
                    break  # a merged revision needs the proposal that it merges
                made.append(self.proposal(sheet, records[len(made)], runs, made))
            values = REVISION.read(facts, self.id_map, sheet)
            number = values.pop("number")
            revision = save_revision(
                sheet,
                base=sheet.current,
                body=text.body,
                metadata=text.values,
                generation=run,
                **values,
            )
            if revision.number != number:
                raise InvalidValue(f"{number} ≠ {revision.number}")
        for facts in given:
            if number := facts["base"]:
                base = sheet.revisions.get(number=number)
                Generation.objects.filter(pk=runs[facts["run"]].pk).update(base=base)
        for facts in records[len(made) :]:
            made.append(self.proposal(sheet, facts, runs, made))
        for one, facts in zip(made, records, strict=True):
            self.decide(one, facts)

    def run_of(self, sheet: Sheet, facts: Any, runs: dict[int, Generation]) -> Generation | None:
        """Return the generation of a record, created at its first use."""
        if not facts:
            return None
        number = facts["run"]
        if number not in runs:
            given = GENERATION.read(facts, self.id_map) | REQUEST.read(facts, self.id_map)
            if given["state"] in Generation.WORKING:
                given["state"] = Generation.State.CANCELLED
            run = Generation.objects.create(sheet=sheet, **given)
            Generation.objects.filter(pk=run.pk).update(created_at=given["created_at"])
            run.documents.set(self.id_map.documents_named(facts.get("documents", ())))
            SectionRun.objects.bulk_create(
                SectionRun(
                    generation=run,
                    passages=import_passages(section["passages"], self.id_map.keys),
                    **SECTION_RUN.read(section, self.id_map),
                )
                for section in facts.get("sections", ())
            )
            runs[number] = run
        return runs[number]

    def proposal(
        self,
        sheet: Sheet,
        facts: Mapping[str, Any],
        runs: dict[int, Generation],
        made: list[Proposal],
    ) -> Proposal:
        """Create a proposal, still open."""
        given = PROPOSAL.read(facts, self.id_map, sheet)
        before = facts.get("base_proposal")
        return Proposal.objects.create(
            sheet=sheet,
            base_proposal=made[before - 1] if before else None,
            generation=self.run_of(sheet, facts.get("generation"), runs),
            written_from=import_generation_inputs(
                facts.get("written_from", {}), self.id_map.keys, runs
            ),
            **given
            | {
                "body": self.id_map.with_local_ids(given["body"]),
                "metadata": self.id_map.values(given["metadata"]),
            },
        )

    def decide(self, proposal: Proposal, facts: Mapping[str, Any]) -> None:
        """Set the decision on a proposal."""
        for name, value in DECISION.read(facts, self.id_map, proposal.sheet).items():
            setattr(proposal, name, value)
        proposal.save()
        remerge_proposal(proposal)

    def import_state(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Import the locks, redirects, inputs, validation and dates of a sheet."""
        if not facts:
            return
        for lock in facts["locks"]:
            SectionLock.objects.create(sheet=sheet, **LOCK.read(lock, self.id_map))
        for former in facts.get("former_names", ()):
            self.import_redirect(sheet, REDIRECT.read(former, self.id_map))
        self.import_inputs(sheet, facts, runs)
        for event in facts.get("events", ()):
            given = EVENT.read(event, self.id_map, sheet)
            if given["kind"] == SheetEvent.Kind.VALIDATED:
                given["kind"] = SheetEvent.Kind.IMPORTED
                given["details"] = {"name": person_name(given["actor"])}
            SheetEvent.objects.create(sheet=sheet, **given)
        self.import_validation(sheet, SHEET.read(facts, self.id_map, sheet))
        sheet.refresh_from_db()

    def import_validation(self, sheet: Sheet, given: dict[str, Any]) -> None:
        """Import the other fields; whom an archive names has validated nothing in this wiki.

        A sheet that was validated there is to be validated here, and its page says by whom it was.
        """
        given.pop("responsible", None)
        names = ("validated_by", "validated_at", "validated_revision")
        person, at, revision = (given.pop(name) for name in names)
        told = SheetEvent.objects.latest_of(sheet, SheetEvent.Kind.IMPORTED)
        if revision is not None and told is None:
            details = {"name": person_name(person)}
            moment = {"at": at} if at else {}
            SheetEvent.objects.create(
                sheet=sheet,
                kind=SheetEvent.Kind.IMPORTED,
                revision=revision,
                details=details,
                **moment,
            )
        if given["state"] == Sheet.State.VALIDATED:
            given["state"] = Sheet.State.REVIEW
        Sheet.objects.filter(pk=sheet.pk).update(**given)

    def import_inputs(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Import what the sections of a sheet were generated from."""
        save_generation_inputs(
            sheet, import_generation_inputs(facts.get("written_from", {}), self.id_map.keys, runs)
        )

    def import_redirect(self, sheet: Sheet, given: dict[str, Any]) -> None:
        """Import a former title of a sheet; its slug, unless another sheet has or had it here."""
        slug = given.pop("slug")
        others = SheetRedirect.objects.filter(slug=slug), Sheet.objects.filter(slug=slug)
        SheetRedirect.objects.create(
            sheet=sheet,
            folded=fold_sheet_title(given["title"]),
            slug=None if any(rows.exists() for rows in others) else slug,
            **given,
        )

    def append_edited(self, sheet: Sheet, file: Version) -> bool:
        """Append the sheet's file as a version if it was edited; tell whether it was."""
        if is_same_version(file, version_of(sheet.current)):
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
    ) -> str:
        """Append the archive's new versions; propose its text where the histories have diverged.

        Return the outcome: extended, proposed or same.
        """
        ours = list(sheet.revisions.order_by("number"))
        common = common_version_count(ours, past)
        if common == len(ours):
            grown = len(past) > common
            if grown:
                for facts, text in past[common:]:
                    self.append_imported(sheet, facts, text)
                sheet.documents.add(*self.id_map.documents_named(known.get("documents", ())))
            if grown or not sheet.written_from:
                self.import_inputs(sheet, known, {})
            return "extended" if self.append_edited(sheet, file) or grown else "same"
        if (
            common == len(past) and is_same_version(file, past[-1][1] if past else Version(""))
        ) or (is_same_version(file, version_of(sheet.current))):
            return "same"  # only this wiki has new versions
        self.propose(sheet, ours[common - 1] if common else None, file)
        return "proposed"

    def append_imported(self, sheet: Sheet, facts: Mapping[str, Any], text: Version) -> None:
        """Append a version of the archive, marked as imported."""
        given = REVISION.read(facts, self.id_map)
        save_revision(
            sheet,
            base=sheet.current,
            body=text.body,
            metadata=text.values,
            origin=Revision.Origin.IMPORT,
            author=given.get("author") or self.user,
            **{name: given[name] for name in ("comment", "minor", "created_at") if name in given},
        )

    def propose(self, sheet: Sheet, base: Revision | None, file: Version) -> None:
        """Propose the text of the archive, unless an open proposal has the same text."""
        waiting = sheet.proposals.waiting().filter(body=file.body, metadata=dict(file.values))
        if not waiting.exists():
            create_proposal(
                sheet,
                start=ProposalBase(base, None),
                text=file,
                template=load_template(sheet.sheet_type),
                author=self.user,
            )


def person_name(person: User | None) -> str:
    """Return the name that an archive gave somebody."""
    return person.username.removeprefix(IMPORTED) if person else ""


def common_version_count(ours: list[Revision], past: list[tuple[dict[str, Any], Version]]) -> int:
    """Return how many versions, from the first on, are the same on both sides."""
    pairs = zip(ours, past, strict=False)
    same = (is_same_version(version_of(one), other[1]) for one, other in pairs)
    return next((n for n, alike in enumerate(same) if not alike), min(len(ours), len(past)))
