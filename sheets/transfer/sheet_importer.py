"""Take the sheets of an archive in: with their whole history, or what is new of it."""

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from django.utils import timezone

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

SLUG = re.compile(r"^[-\w]{1,220}$")


class SheetImporter:
    """Takes sheets in, one after the other, in the name of `user` where nobody else is named."""

    def __init__(self, archive: WikiArchive, known: ImportIdMap, user: User) -> None:
        self.archive = archive
        self.known = known
        self.user = user

    def take(self, name: str) -> tuple[str, str]:
        """Take a sheet in: all of it, what is new of it, or what differs as a proposal.

        Return its slug and what came of it: created, extended, proposed or same.
        """
        slug = PurePosixPath(name).stem
        if not SLUG.match(slug):
            raise ValueError(slug)
        front, body = split_front_matter(self.archive.text(name))
        body = body.removeprefix(f"# {front.get('title')}\n\n")
        file = Version(self.known.here(body), self.known.values(front.get("header")))
        past = [self.version(n) for n in self.archive.within(f"versions/{slug}")]
        path = f"fiches/{slug}.json"
        facts = self.archive.json(path) if path in self.archive.names else {}
        sheet = Sheet.objects.filter(slug=slug).first()
        if sheet is not None:
            return slug, self.extend(sheet, past, file, facts)
        runs: dict[int, Generation] = {}
        sheet = self.create(slug, {**front, **facts})
        self.append(sheet, past, slug, runs)
        self.settle(sheet, facts, runs)
        self.edited(sheet, file)
        return slug, "created"

    def version(self, name: str) -> tuple[dict[str, Any], Version]:
        """Return a version of the archive: facts, and text with our sources."""
        facts, body = split_front_matter(self.archive.text(name))
        return facts, Version(self.known.here(body), self.known.values(facts.get("header")))

    def create(self, slug: str, facts: Mapping[str, Any]) -> Sheet:
        state = facts.get("state", Sheet.State.DRAFT)
        if state not in Sheet.State.values:
            raise ValueError(state)
        kind = SheetType.objects.filter(key=facts["type"]).first()
        if kind is None:
            raise UserError("unknown_type", key=facts["type"])
        sheet = Sheet.objects.create(
            sheet_type=kind,
            title=str(facts["title"])[:200],
            slug=slug,
            state=state,
            created_by=self.known.person(facts.get("created_by")) or self.user,
        )
        sheet.documents.set(self.known.named(facts.get("documents", ())))
        return sheet

    def append(
        self,
        sheet: Sheet,
        past: list[tuple[dict[str, Any], Version]],
        slug: str,
        runs: dict[int, Generation],
    ) -> None:
        """Append versions to a sheet, and what was proposed for it where it belongs."""
        given = [self.archive.json(n) for n in self.archive.within(f"redactions/{slug}")]
        for facts in given:
            self.run_of(sheet, facts, runs)
        waiting = [self.archive.json(n) for n in self.archive.within(f"propositions/{slug}")]
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
                author=self.known.person(facts.get("author")),
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
                given[key] = parse_timestamp(given.get(key))
            if given["state"] in Generation.WORKING:
                given["state"] = Generation.State.CANCELLED
            asked_by = self.known.person(facts.get("requested_by"))
            run = Generation.objects.create(
                sheet=sheet, cost=facts["cost"], requested_by=asked_by, **given
            )
            asked = parse_timestamp(facts["created_at"])
            Generation.objects.filter(pk=run.pk).update(created_at=asked)
            run.documents.set(self.known.named(facts.get("documents", ())))
            SectionRun.objects.bulk_create(
                SectionRun(
                    generation=run,
                    passages=import_passages(section["passages"], self.known.keys),
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
        """Put a proposal beside the sheet, still open."""
        base, before = facts.get("base"), facts.get("base_proposal")
        given = ("sections", "notices", "choices", "remark", "signed", "sender")
        return Proposal.objects.create(
            sheet=sheet,
            base=sheet.revisions.get(number=base) if base else None,
            base_proposal=made[before - 1] if before else None,
            generation=self.run_of(sheet, facts.get("generation"), runs),
            author=self.known.person(facts.get("author")),
            body=self.known.here(facts["body"]),
            metadata=self.known.values(facts["metadata"]),
            written_from=import_generation_inputs(
                facts.get("written_from", {}), self.known.keys, runs
            ),
            created_at=parse_timestamp(facts["created_at"]) or timezone.now(),
            **{name: facts[name] for name in given},
        )

    def decide(self, proposal: Proposal, facts: Mapping[str, Any]) -> None:
        """Note what became of a proposal."""
        number = facts.get("accepted_as")
        proposal.accepted_as = proposal.sheet.revisions.get(number=number) if number else None
        proposal.decided_by = self.known.person(facts.get("decided_by"))
        proposal.decided_at = parse_timestamp(facts.get("decided_at"))
        proposal.decided, proposal.reason = facts["decided"], facts["reason"]
        proposal.state = facts["state"]
        proposal.save()
        remerge_proposal(proposal)

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
                locked_by=self.known.person(lock["locked_by"]),
                locked_at=parse_timestamp(lock["locked_at"]) or timezone.now(),
            )
        for former in facts.get("former_names", ()):
            self.name_before(sheet, former)
        self.keep_facts(sheet, facts, runs)
        number = facts["validated_revision"]
        Sheet.objects.filter(pk=sheet.pk).update(
            validated_by=self.known.person(facts["validated_by"]),
            validated_at=parse_timestamp(facts["validated_at"]),
            validated_revision=sheet.revisions.get(number=number) if number else None,
            created_by=self.known.person(facts["created_by"]),
            created_at=parse_timestamp(facts["created_at"]),
            updated_at=parse_timestamp(facts["updated_at"]),
        )
        sheet.refresh_from_db()

    def keep_facts(
        self, sheet: Sheet, facts: Mapping[str, Any], runs: Mapping[int, Generation]
    ) -> None:
        """Note what the sections of a sheet rest on."""
        save_generation_inputs(
            sheet, import_generation_inputs(facts.get("written_from", {}), self.known.keys, runs)
        )

    def name_before(self, sheet: Sheet, facts: Mapping[str, Any]) -> None:
        """Note a name that a sheet had; its address, if no other sheet has or had it here."""
        slug = facts["slug"]
        others = SheetRedirect.objects.filter(slug=slug), Sheet.objects.filter(slug=slug)
        SheetRedirect.objects.create(
            sheet=sheet,
            title=facts["title"],
            folded=fold_sheet_title(facts["title"]),
            slug=None if any(rows.exists() for rows in others) else slug,
            renamed_by=self.known.person(facts["renamed_by"]),
            renamed_at=parse_timestamp(facts["renamed_at"]) or timezone.now(),
        )

    def edited(self, sheet: Sheet, file: Version) -> bool:
        """Append a sheet's own file as a version where somebody has edited it."""
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
        """Append what the archive has more; propose its text where both have gone on."""
        ours = list(sheet.revisions.order_by("number"))
        common = common_version_count(ours, past)
        if common == len(ours):
            grown = len(past) > common
            if grown:
                for facts, text in past[common:]:
                    self.take_version(sheet, facts, text)
                sheet.documents.add(*self.known.named(known.get("documents", ())))
            if grown or not sheet.written_from:
                self.keep_facts(sheet, known, {})
            return "extended" if self.edited(sheet, file) or grown else "same"
        if (
            common == len(past) and is_same_version(file, past[-1][1] if past else Version(""))
        ) or (is_same_version(file, version_of(sheet.current))):
            return "same"  # ours has gone on, the archive has not
        self.offer(sheet, ours[common - 1] if common else None, file)
        return "proposed"

    def take_version(self, sheet: Sheet, facts: Mapping[str, Any], text: Version) -> None:
        """Append a version that was written elsewhere; it says so."""
        save_revision(
            sheet,
            base=sheet.current,
            body=text.body,
            metadata=text.values,
            origin=Revision.Origin.IMPORT,
            author=self.known.person(facts.get("author")) or self.user,
            comment=facts.get("comment", ""),
            minor=bool(facts.get("minor")),
            created_at=parse_timestamp(facts.get("date")),
        )

    def offer(self, sheet: Sheet, base: Revision | None, file: Version) -> None:
        """Propose the text of the archive, unless it waits already."""
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
    """Return how many versions both have in common, from the first on."""
    pairs = zip(ours, past, strict=False)
    same = (is_same_version(version_of(one), other[1]) for one, other in pairs)
    return next((n for n, alike in enumerate(same) if not alike), min(len(ours), len(past)))


def parse_timestamp(text: Any) -> dt.datetime | None:
    """Return a moment as it was written; raises ValueError."""
    return dt.datetime.fromisoformat(text) if text else None
