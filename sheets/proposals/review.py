"""Propose: what a machine writes waits for a person wherever a person has written.

The machine's texts are a line of their own: each starts from the one before that was taken in.
A proposal is merged, block by block, onto the sheet as it is today, again whenever that moves on;
accepting it, whole or by section, makes one revision with two parents.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from sheets.markdown.parse import HEADING, heading_key
from sheets.markdown.splice import splice_sections
from sheets.merge import (
    MINE,
    ConflictChoice,
    MergeResult,
    UnresolvedConflicts,
    Version,
    merge_versions,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.models import Generation, Proposal, Revision, Section, SectionLock, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.conflicts import section_of, with_ours
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.revisions.save import find_losses, save_revision
from sheets.schema.types import SheetTemplate
from sheets.signals import revision_saved
from sheets.staleness.state import generation_inputs, save_generation_inputs
from wikico2.models import User


class ProposalClosed(Exception):
    """The proposal was accepted, refused or replaced in the meantime."""


# --- What a machine wrote -------------------------------------------------------------------------


@transaction.atomic
def save_or_propose(
    generation: Generation, template: SheetTemplate, body: str, header: Mapping[str, str]
) -> Revision | Proposal:
    """Make what a run wrote the sheet's next revision, or a proposal.

    A proposal, as soon as a person has written in the sheet, and where the new text loses more
    than half of a section. Of the drafted text only the sections count that were asked for and
    that nobody has locked meanwhile; the others stay as they are.
    """
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=generation.sheet_id)
    locked = sheet.locked_keys()
    asked = [k for k in generation.sections.values_list("key", flat=True) if k not in locked]
    written_from = generation_inputs(generation, template, asked)
    start = last_generated_base(sheet)
    line = Version(*start.text)
    whole = {s.key for s in template.written} <= set(asked)
    drafted = Version(body, dict(header))
    text = (
        drafted if whole or not sheet.current else splice_sections(line, drafted, asked, template)
    )
    try:
        with transaction.atomic():
            revision = save_revision(
                sheet,
                base=sheet.current,
                body=text.body,
                metadata=text.values,
                origin=Revision.Origin.GENERATED,
                generation=generation,
            )
    except PersonalText:
        notices = find_losses(line, text, template) if start.revision else []
    except LossyText as error:
        notices = error.notices
    else:
        close_replaced(sheet, asked)
        save_generation_inputs(sheet, written_from)
        return revision
    return create_proposal(
        sheet,
        start=start,
        text=text,
        generation=generation,
        sections=[] if whole else asked,
        written_from=written_from,
        notices=[n for n in notices if n["section"] in asked],
        template=template,
    )


class ProposalBase:
    """Where the machine's line of texts stands: a revision, or an accepted proposal after it."""

    def __init__(self, revision: Revision | None, proposal: Proposal | None) -> None:
        self.revision = revision
        self.proposal = proposal

    @property
    def text(self) -> tuple[str, dict[str, str]]:
        latest = self.proposal or self.revision
        return (latest.body, latest.metadata) if latest else ("", {})


def last_generated_base(sheet: Sheet) -> ProposalBase:
    """Return the last generated text that became part of the sheet."""
    revision = sheet.revisions.filter(origin=Revision.Origin.GENERATED).first()
    accepted = (
        sheet.proposals.filter(state=Proposal.State.ACCEPTED, generation__isnull=False)
        .select_related("accepted_as")
        .order_by("-decided_at", "-pk")
        .first()
    )
    if accepted is None:
        return ProposalBase(revision, None)
    assert accepted.accepted_as is not None  # as the database has it
    if revision and revision.number > accepted.accepted_as.number:
        return ProposalBase(revision, None)
    return ProposalBase(revision, accepted)


def create_proposal(
    sheet: Sheet,
    *,
    start: ProposalBase,
    text: Version,
    template: SheetTemplate,
    generation: Generation | None = None,
    author: User | None = None,
    sections: Collection[str] = (),
    written_from: Mapping[str, Any] | None = None,
    notices: Collection[Mapping[str, Any]] = (),
    remark: str = "",
    signed: str = "",
    sender: str = "",
) -> Proposal:
    """Put a text beside the sheet, merged onto it as it is today.

    It takes the place of the proposals of a machine that still waited for the same sections; what
    people have typed there is kept where the same places clash.
    """
    former = close_replaced(sheet, sections) if generation else {}
    proposal = Proposal.objects.create(
        sheet=sheet,
        base=start.revision,
        base_proposal=start.proposal,
        generation=generation,
        author=author,
        body=text.body,
        metadata=dict(text.values),
        sections=list(sections),
        written_from=dict(written_from or {}),
        notices=list(notices),
        choices=former,
        remark=remark,
        signed=signed,
        sender=sender,
    )
    remerge_proposal(proposal, template)
    return proposal


def close_replaced(sheet: Sheet, sections: Collection[str]) -> dict[str, Any]:
    """Take the sections (all where none is named) out of what waits; return the choices there."""
    choices: dict[str, Any] = {}
    for proposal in sheet.proposals.waiting().filter(generation__isnull=False).order_by("pk"):
        choices |= proposal.choices
        concerned = [k for k in proposed_keys(proposal) if proposal.concerns(k)]
        replaced = [k for k in concerned if not sections or k in sections]
        proposal.decided |= dict.fromkeys(replaced, Proposal.REPLACED_SECTION)
        if len(replaced) == len(concerned):
            proposal.state = Proposal.State.REPLACED
            proposal.decided_at = timezone.now()
        proposal.save(update_fields=["decided", "state", "decided_at"])
        remerge_proposal(proposal)
    return choices


def proposed_keys(proposal: Proposal) -> list[str]:
    """Return the sections that a proposal is about."""
    if proposal.sections:
        return list(proposal.sections)
    sections = Section.objects.filter(sheet_type=proposal.sheet.sheet_type_id)
    return list(sections.exclude(role=Section.Role.COMPUTED).values_list("key", flat=True))


# --- Merging --------------------------------------------------------------------------------------


def merge_onto(proposal: Proposal, ours: Revision, template: SheetTemplate) -> MergeResult:
    """Merge a proposal onto a revision; sections that are decided or locked stay as they are."""
    mine, theirs = Version(ours.body, ours.metadata), Version(proposal.body, proposal.metadata)
    base = Version(*proposal.base_text)
    if proposal.base is None:
        base = Version(shared_headings(mine.body, theirs.body))
    settled = {*proposal.decided, *proposal.sheet.locked_keys()}
    if settled:
        theirs = splice_sections(theirs, base, settled, template)
    return merge_versions(base, mine, theirs)


def shared_headings(ours: str, theirs: str) -> str:
    """Return the headings that two texts have in common: what both were written into."""
    known = {heading_key(m[2]) for line in ours.splitlines() if (m := HEADING.match(line))}
    lines = (
        line
        for line in theirs.splitlines()
        if (m := HEADING.match(line)) and heading_key(m[2]) in known
    )
    return "\n\n".join(lines) + "\n"


def remerge_proposal(proposal: Proposal, template: SheetTemplate | None = None) -> None:
    """Merge an open proposal onto the sheet as it is today, and keep what came of it for lists."""
    current = proposal.sheet.current
    if current is None or not proposal.is_open:
        return
    merged = merge_onto(proposal, current, template or load_template(proposal.sheet.sheet_type))
    proposal.merged = merged.text
    proposal.conflicts = [c.id for c in merged.conflicts]
    proposal.merged_onto = current
    proposal.save(update_fields=["merged", "conflicts", "merged_onto"])


@receiver(revision_saved)
def remerge_open_proposals(sender: object, revision: Revision, **kwargs: object) -> None:
    """Merge again what waits for a person: its base is no longer what the sheet says."""
    waiting = revision.sheet.proposals.waiting()
    if not waiting.exists():  # most often so, and the rows are wide
        return
    for proposal in waiting.select_related("base", "base_proposal"):
        proposal.sheet = revision.sheet
        proposal.sheet.current = revision
        remerge_proposal(proposal)


# --- Deciding -------------------------------------------------------------------------------------


@transaction.atomic
def save_choices(proposal: Proposal, choices: Mapping[str, ConflictChoice]) -> None:
    """Keep what a person has settled so far, without deciding anything."""
    locked = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    proposal.choices = locked.choices | choices_to_json(choices)
    if locked.is_open:
        proposal.save(update_fields=["choices"])


@transaction.atomic
def accept_proposal(
    proposal: Proposal,
    user: User,
    *,
    onto: int,
    choices: Mapping[str, ConflictChoice],
    sections: Collection[str] | None = None,
    comment: str = "",
) -> Revision:
    """Take a proposal in, whole or by section, as one revision with two parents.

    `onto` is the number of the revision that the person saw. Raises StaleBase when the sheet has
    moved on since, Decided when the proposal is no longer open, and merge.Unsettled when a
    conflict in these sections has no choice; nothing is written then. The revision that is
    returned is the present one where the choices leave it as it is.
    """
    sheet, proposal = lock_open_proposal(proposal)
    current = sheet.current
    if current is None or current.number != onto:
        raise StaleBase(current)
    template = load_template(sheet.sheet_type)
    merged = merge_onto(proposal, current, template)
    text = chosen_text(merged, Version(current.body, current.metadata), choices, sections, template)
    revision = current
    if (text.body.strip(), text.values) != (current.body.strip(), current.metadata):
        revision = save_revision(
            sheet,
            base=current,
            body=text.body,
            metadata=text.values,
            origin=Revision.Origin.MERGE,
            author=user,
            generation=proposal.generation,
            second_parent=proposal.base,
            comment=comment or credit_comment(proposal),
        )
        proposal.sheet = sheet
    proposal.choices |= choices_to_json(choices)
    concerned = [k for k in proposed_keys(proposal) if proposal.concerns(k)]
    taken = concerned if sections is None else [k for k in concerned if k in sections]
    proposal.accepted_as = revision
    record_decision(proposal, user, taken, Proposal.ACCEPTED_SECTION, concerned)
    return revision


def credit_comment(proposal: Proposal) -> str:
    """Return the comment that names who suggested a text; nothing for a machine's."""
    if proposal.generation_id:
        return ""
    words = " ".join(proposal.remark.split())
    said = _("Suggested by %(person)s") % {"person": proposal.by_whom}
    return f"{said}: {words}"[:500] if words else said


def chosen_text(
    merged: MergeResult,
    ours: Version,
    choices: Mapping[str, ConflictChoice],
    sections: Collection[str] | None,
    template: SheetTemplate,
) -> Version:
    """Return the settled text, or ours with these sections of it; raises merge.Unsettled."""
    if sections is None:
        return Version(resolve_conflicts(merged, choices), resolve_value_conflicts(merged, choices))
    inside = [c for c in merged.conflicts if section_of(c, template) in sections]
    unsettled = [c.id for c in inside if c.id not in choices]
    if unsettled:
        raise UnresolvedConflicts(unsettled)
    given = {c.id: MINE for c in merged.conflicts} | {c.id: choices[c.id] for c in inside}
    whole = Version(resolve_conflicts(merged, given), resolve_value_conflicts(merged, given))
    return splice_sections(ours, whole, sections, template)


@transaction.atomic
def reject_section(proposal: Proposal, user: User, section: str) -> None:
    """Leave a section as it is today, whatever the proposal says of it. Raises Decided."""
    _sheet, proposal = lock_open_proposal(proposal)
    concerned = [k for k in proposed_keys(proposal) if proposal.concerns(k)]
    record_decision(proposal, user, [section], Proposal.KEPT_SECTION, concerned)


@transaction.atomic
def reject_proposal(proposal: Proposal, user: User, reason: str) -> None:
    """Leave the sheet as it is and say why. Raises Decided."""
    _sheet, proposal = lock_open_proposal(proposal)
    proposal.state = Proposal.State.REFUSED
    proposal.reason = reason
    proposal.decided_by = user
    proposal.decided_at = timezone.now()
    proposal.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    save_generation_inputs(proposal.sheet, proposal.written_from)


def lock_open_proposal(proposal: Proposal) -> tuple[Sheet, Proposal]:
    """Lock sheet and proposal, in that order, and read them anew; raises Decided."""
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=proposal.sheet_id)
    held = (
        Proposal.objects.select_for_update(of=("self",))
        .select_related("base", "base_proposal", "generation", "author")
        .get(pk=proposal.pk)
    )
    if not held.is_open:
        raise ProposalClosed(held)
    held.sheet = sheet
    return sheet, held


def record_decision(
    proposal: Proposal, user: User, keys: Iterable[str], how: str, concerned: Iterable[str]
) -> None:
    """Note what was decided of some sections; close the proposal when nothing is left."""
    proposal.decided |= dict.fromkeys(keys, how)
    if not any(k not in proposal.decided for k in concerned) or not has_differences(proposal):
        taken = proposal.accepted_as is not None
        proposal.state = Proposal.State.ACCEPTED if taken else Proposal.State.REFUSED
        proposal.decided_by = user
        proposal.decided_at = timezone.now()
    proposal.save()
    remerge_proposal(proposal)
    facts = {k: v for k, v in proposal.written_from.items() if k in proposal.decided}
    save_generation_inputs(proposal.sheet, facts if proposal.is_open else proposal.written_from)


def has_differences(proposal: Proposal) -> bool:
    """Tell whether the proposal still has something to say on the sheet as it is today."""
    current = proposal.sheet.current
    assert current is not None
    merged = merge_onto(proposal, current, load_template(proposal.sheet.sheet_type))
    text = with_ours(merged)
    same = (text.body.strip(), text.values) == (current.body.strip(), current.metadata)
    return bool(merged.conflicts) or not same


def choices_to_json(choices: Mapping[str, ConflictChoice]) -> dict[str, Any]:
    return {key: {"take": c.take, "text": c.text} for key, c in choices.items()}


# --- Locks ----------------------------------------------------------------------------------------


def lock_section(sheet: Sheet, section: str, user: User) -> None:
    """Keep every writer from a section."""
    SectionLock.objects.get_or_create(sheet=sheet, section=section, defaults={"locked_by": user})


def unlock_section(sheet: Sheet, section: str) -> None:
    """Let writers at a section again."""
    SectionLock.objects.filter(sheet=sheet, section=section).delete()
