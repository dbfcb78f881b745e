"""Import the sheets of an archive: with their whole history, or the new versions of it."""

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from django.utils import timezone

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
from sheets.transfer.fields import GENERATION, SECTION_RUN
from sheets.transfer.id_map import ImportIdMap
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import visible_line

SLUG = re.compile(r"^[-\w]{1,220}$")


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
        if not SLUG.match(slug):
            raise ValueError(slug)
        front, body = split_front_matter(self.archive.text(name))
        body = body.removeprefix(f"# {front.get('title')}\n\n")
        file = Version(self.id_map.with_local_ids(body), self.id_map.values(front.get("header")))
        past = [self.version(n) for n in self.archive.within(f"versions/{slug}")]
        path = f"fiches/{slug}.json"
        facts = self.archive.json(path) if path in self.archive.names else {}
        sheet = Sheet.objects.filter(slug=slug).first()
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
        return facts, Version(
            self.id_map.with_local_ids(body), self.id_map.values(facts.get("header"))
        )

    def create(self, slug: str, facts: Mapping[str, Any]) -> Sheet:
        state = facts.get("state", Sheet.State.DRAFT)
        if state not in Sheet.State.values:
            raise ValueError(state)
        kind = SheetType.objects.filter(key=facts["type"]).first()
        if kind is None:
            raise UserError("unknown_type", key=facts["type"])
        title = visible_line(str(facts["title"]))[:200]
        require_free_title(title)
        sheet = Sheet.objects.create(
            sheet_type=kind,
            title=title,
            slug=slug,
            state=state,
            created_by=self.id_map.person(facts.get("created_by")) or self.user,
        )
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
        given = [self.archive.json(n) for n in self.archive.within(f"redactions/{slug}")]
        for facts in given:
            self.run_of(sheet, facts, runs)
        records = [self.archive.json(n) for n in self.archive.within(f"propositions/{slug}")]
        made: list[Proposal] = []
        for facts, text in past:
            run = self.run_of(sheet, facts.get("generation"), runs)
            while run and facts["origin"] == Revision.Origin.MERGE and len(made) < len(records):
                if any(p.generation_id == run.pk for p in made):
                    break  # a merged revision needs the proposal that it merges
                made.append(self.proposal(sheet, records[len(made)], runs, made))
            second = facts.get("second_parent")
            revision = save_revision(
                sheet,
                base=sheet.current,
                body=text.body,
                metadata=text.values,
                origin=facts["origin"],
                author=self.id_map.person(facts.get("author")),
                generation=run,
                second_parent=sheet.revisions.get(number=second) if second else None,
                comment=facts.get("comment", ""),
                minor=bool(facts.get("minor")),
                created_at=parse_timestamp(facts.get("date")),
            )
            if revision.number != facts["number"]:
                raise ValueError(f"{facts['number']} ≠ {revision.number}")
        for facts in given:
            if number := facts["base"]:
                base = sheet.revisions.get(number=number)
                Generation.objects.filter(pk=runs[facts["run"]].pk).update(base=base)
        for facts in records[len(made) :]:
            made.append(self.proposal(sheet, facts, runs, made))
        for one, facts in zip(made, records, strict=True):
            self.decide(one, facts)

    def run_of(
        self, sheet: Sheet, facts: Mapping[str, Any] | None, runs: dict[int, Generation]
    ) -> Generation | None:
        """Return the generation of a record, created at its first use."""
        if not facts:
            return None
        number = facts["run"]
        if number not in runs:
            given = {k: facts[k] for k in GENERATION if k in facts and k != "created_at"}
            for key in ("started_at", "finished_at"):
                given[key] = parse_timestamp(given.get(key))
            if given["state"] in Generation.WORKING:
                given["state"] = Generation.State.CANCELLED
            asked_by = self.id_map.person(facts.get("requested_by"))
            run = Generation.objects.create(
                sheet=sheet, cost=facts["cost"], requested_by=asked_by, **given
            )
            asked = parse_timestamp(facts["created_at"])
            Generation.objects.filter(pk=run.pk).update(created_at=asked)
            run.documents.set(self.id_map.documents_named(facts.get("documents", ())))
            SectionRun.objects.bulk_create(
                SectionRun(
                    generation=run,
                    passages=import_passages(section["passages"], self.id_map.keys),
                    **{name: section[name] for name in SECTION_RUN},
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
        base, before = facts.get("base"), facts.get("base_proposal")
        given = ("sections", "notices", "choices", "remark", "signed", "sender")
        return Proposal.objects.create(
            sheet=sheet,
            base=sheet.revisions.get(number=base) if base else None,
            base_proposal=made[before - 1] if before else None,
            generation=self.run_of(sheet, facts.get("generation"), runs),
            author=self.id_map.person(facts.get("author")),
            body=self.id_map.with_local_ids(facts["body"]),
            metadata=self.id_map.values(facts["metadata"]),
            written_from=import_generation_inputs(
                facts.get("written_from", {}), self.id_map.keys, runs
            ),
            created_at=parse_timestamp(facts["created_at"]) or timezone.now(),
            **{name: facts[name] for name in given},
        )

    def decide(self, proposal: Proposal, facts: Mapping[str, Any]) -> None:
        """Set the decision on a proposal."""
        number = facts.get("accepted_as")
        proposal.accepted_as = proposal.sheet.revisions.get(number=number) if number else None
        proposal.decided_by = self.id_map.person(facts.get("decided_by"))
        proposal.decided_at = parse_timestamp(facts.get("decided_at"))
        proposal.decided, proposal.reason = facts["decided"], facts["reason"]
        proposal.state = facts["state"]
        proposal.save()
        remerge_proposal(proposal)

    def import_state(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Import the locks, redirects, inputs, validation and dates of a sheet."""
        if not facts:
            return
        for lock in facts["locks"]:
            SectionLock.objects.create(
                sheet=sheet,
                section=lock["section"],
                locked_by=self.id_map.person(lock["locked_by"]),
                locked_at=parse_timestamp(lock["locked_at"]) or timezone.now(),
            )
        for former in facts.get("former_names", ()):
            self.import_redirect(sheet, former)
        self.import_inputs(sheet, facts, runs)
        number = facts["validated_revision"]
        Sheet.objects.filter(pk=sheet.pk).update(
            validated_by=self.id_map.person(facts["validated_by"]),
            validated_at=parse_timestamp(facts["validated_at"]),
            validated_revision=sheet.revisions.get(number=number) if number else None,
            created_by=self.id_map.person(facts["created_by"]),
            created_at=parse_timestamp(facts["created_at"]),
            updated_at=parse_timestamp(facts["updated_at"]),
        )
        sheet.refresh_from_db()

    def import_inputs(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Import what the sections of a sheet were generated from."""
        save_generation_inputs(
            sheet, import_generation_inputs(facts.get("written_from", {}), self.id_map.keys, runs)
        )

    def import_redirect(self, sheet: Sheet, facts: Mapping[str, Any]) -> None:
        """Import a former title of a sheet; its slug, unless another sheet has or had it here."""
        slug = facts["slug"]
        others = SheetRedirect.objects.filter(slug=slug), Sheet.objects.filter(slug=slug)
        SheetRedirect.objects.create(
            sheet=sheet,
            title=facts["title"],
            folded=fold_sheet_title(facts["title"]),
            slug=None if any(rows.exists() for rows in others) else slug,
            renamed_by=self.id_map.person(facts["renamed_by"]),
            renamed_at=parse_timestamp(facts["renamed_at"]) or timezone.now(),
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
        save_revision(
            sheet,
            base=sheet.current,
            body=text.body,
            metadata=text.values,
            origin=Revision.Origin.IMPORT,
            author=self.id_map.person(facts.get("author")) or self.user,
            comment=facts.get("comment", ""),
            minor=bool(facts.get("minor")),
            created_at=parse_timestamp(facts.get("date")),
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


def common_version_count(ours: list[Revision], past: list[tuple[dict[str, Any], Version]]) -> int:
    """Return how many versions, from the first on, are the same on both sides."""
    pairs = zip(ours, past, strict=False)
    same = (is_same_version(version_of(one), other[1]) for one, other in pairs)
    return next((n for n, alike in enumerate(same) if not alike), min(len(ours), len(past)))


def parse_timestamp(text: Any) -> dt.datetime | None:
    """Return a timestamp in ISO 8601 as a datetime, None for an empty one; raises ValueError."""
    return dt.datetime.fromisoformat(text) if text else None
