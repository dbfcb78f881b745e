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
from sheets.markdown.splice import graft
from sheets.merge import (
    MINE,
    Choice,
    Merged,
    Unsettled,
    Version,
    merge_versions,
    resolve,
    resolve_values,
)
from sheets.models import Generation, Proposal, Revision, Section, SectionLock, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.conflicts import section_of, with_ours
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.revisions.save import losses, save_revision
from sheets.schema.types import Template
from sheets.signals import revision_saved
from sheets.staleness import state as stale
from wikico2.models import User


class Decided(Exception):
    """The proposal was accepted, refused or replaced in the meantime."""


# --- What a machine wrote -------------------------------------------------------------------------


@transaction.atomic
def save_or_propose(
    generation: Generation, template: Template, body: str, header: Mapping[str, str]
) -> Revision | Proposal:
    """Make what a run wrote the sheet's next revision, or a proposal.

    A proposal, as soon as a person has written in the sheet, and where the new text loses more
    than half of a section. Of the drafted text only the sections count that were asked for and
    that nobody has locked meanwhile; the others stay as they are.
    """
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=generation.sheet_id)
    locked = sheet.locked_keys()
    asked = [k for k in generation.sections.values_list("key", flat=True) if k not in locked]
    written_from = stale.facts(generation, template, asked)
    start = machine_start(sheet)
    line = Version(*start.text)
    whole = {s.key for s in template.written} <= set(asked)
    drafted = Version(body, dict(header))
    text = drafted if whole or not sheet.current else graft(line, drafted, asked, template)
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
        notices = losses(line, text, template) if start.revision else []
    except LossyText as error:
        notices = error.notices
    else:
        close_replaced(sheet, asked)
        stale.keep_facts(sheet, written_from)
        return revision
    return propose(
        sheet,
        start=start,
        text=text,
        generation=generation,
        sections=[] if whole else asked,
        written_from=written_from,
        notices=[n for n in notices if n["section"] in asked],
        template=template,
    )


class Start:
    """Where the machine's line of texts stands: a revision, or an accepted proposal after it."""

    def __init__(self, revision: Revision | None, proposal: Proposal | None) -> None:
        self.revision = revision
        self.proposal = proposal

    @property
    def text(self) -> tuple[str, dict[str, str]]:
        latest = self.proposal or self.revision
        return (latest.body, latest.metadata) if latest else ("", {})


def machine_start(sheet: Sheet) -> Start:
    """Return the last generated text that became part of the sheet."""
    revision = sheet.revisions.filter(origin=Revision.Origin.GENERATED).first()
    accepted = (
        sheet.proposals.filter(state=Proposal.State.ACCEPTED, generation__isnull=False)
        .select_related("accepted_as")
        .order_by("-decided_at", "-pk")
        .first()
    )
    if accepted is None:
        return Start(revision, None)
    assert accepted.accepted_as is not None  # as the database has it
    if revision and revision.number > accepted.accepted_as.number:
        return Start(revision, None)
    return Start(revision, accepted)


def propose(
    sheet: Sheet,
    *,
    start: Start,
    text: Version,
    template: Template,
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
    remerge(proposal, template)
    return proposal


def close_replaced(sheet: Sheet, sections: Collection[str]) -> dict[str, Any]:
    """Take the sections (all where none is named) out of what waits; return the choices there."""
    choices: dict[str, Any] = {}
    for proposal in sheet.proposals.waiting().filter(generation__isnull=False).order_by("pk"):
        choices |= proposal.choices
        concerned = [k for k in asked_keys(proposal) if proposal.concerns(k)]
        replaced = [k for k in concerned if not sections or k in sections]
        proposal.decided |= dict.fromkeys(replaced, Proposal.REPLACED_SECTION)
        if len(replaced) == len(concerned):
            proposal.state = Proposal.State.REPLACED
            proposal.decided_at = timezone.now()
        proposal.save(update_fields=["decided", "state", "decided_at"])
        remerge(proposal)
    return choices


def asked_keys(proposal: Proposal) -> list[str]:
    """Return the sections that a proposal is about."""
    if proposal.sections:
        return list(proposal.sections)
    sections = Section.objects.filter(sheet_type=proposal.sheet.sheet_type_id)
    return list(sections.exclude(role=Section.Role.COMPUTED).values_list("key", flat=True))


# --- Merging --------------------------------------------------------------------------------------


def merge_onto(proposal: Proposal, ours: Revision, template: Template) -> Merged:
    """Merge a proposal onto a revision; sections that are decided or locked stay as they are."""
    mine, theirs = Version(ours.body, ours.metadata), Version(proposal.body, proposal.metadata)
    base = Version(*proposal.base_text)
    if proposal.base is None:
        base = Version(shared_headings(mine.body, theirs.body))
    settled = {*proposal.decided, *proposal.sheet.locked_keys()}
    if settled:
        theirs = graft(theirs, base, settled, template)
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


def remerge(proposal: Proposal, template: Template | None = None) -> None:
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
def sheet_moved_on(sender: object, revision: Revision, **kwargs: object) -> None:
    """Merge again what waits for a person: its base is no longer what the sheet says."""
    waiting = revision.sheet.proposals.waiting()
    if not waiting.exists():  # most often so, and the rows are wide
        return
    for proposal in waiting.select_related("base", "base_proposal"):
        proposal.sheet = revision.sheet
        proposal.sheet.current = revision
        remerge(proposal)


# --- Deciding -------------------------------------------------------------------------------------


@transaction.atomic
def keep_choices(proposal: Proposal, choices: Mapping[str, Choice]) -> None:
    """Keep what a person has settled so far, without deciding anything."""
    locked = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    proposal.choices = locked.choices | as_json(choices)
    if locked.is_open:
        proposal.save(update_fields=["choices"])


@transaction.atomic
def accept(
    proposal: Proposal,
    user: User,
    *,
    onto: int,
    choices: Mapping[str, Choice],
    sections: Collection[str] | None = None,
    comment: str = "",
) -> Revision:
    """Take a proposal in, whole or by section, as one revision with two parents.

    `onto` is the number of the revision that the person saw. Raises StaleBase when the sheet has
    moved on since, Decided when the proposal is no longer open, and merge.Unsettled when a
    conflict in these sections has no choice; nothing is written then. The revision that is
    returned is the present one where the choices leave it as it is.
    """
    sheet, proposal = take_hold(proposal)
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
            comment=comment or credit(proposal),
        )
        proposal.sheet = sheet
    proposal.choices |= as_json(choices)
    concerned = [k for k in asked_keys(proposal) if proposal.concerns(k)]
    taken = concerned if sections is None else [k for k in concerned if k in sections]
    proposal.accepted_as = revision
    settle(proposal, user, taken, Proposal.ACCEPTED_SECTION, concerned)
    return revision


def credit(proposal: Proposal) -> str:
    """Return the comment that names who suggested a text; nothing for a machine's."""
    if proposal.generation_id:
        return ""
    words = " ".join(proposal.remark.split())
    said = _("Suggested by %(person)s") % {"person": proposal.by_whom}
    return f"{said}: {words}"[:500] if words else said


def chosen_text(
    merged: Merged,
    ours: Version,
    choices: Mapping[str, Choice],
    sections: Collection[str] | None,
    template: Template,
) -> Version:
    """Return the settled text, or ours with these sections of it; raises merge.Unsettled."""
    if sections is None:
        return Version(resolve(merged, choices), resolve_values(merged, choices))
    inside = [c for c in merged.conflicts if section_of(c, template) in sections]
    unsettled = [c.id for c in inside if c.id not in choices]
    if unsettled:
        raise Unsettled(unsettled)
    given = {c.id: MINE for c in merged.conflicts} | {c.id: choices[c.id] for c in inside}
    whole = Version(resolve(merged, given), resolve_values(merged, given))
    return graft(ours, whole, sections, template)


@transaction.atomic
def keep_section(proposal: Proposal, user: User, section: str) -> None:
    """Leave a section as it is today, whatever the proposal says of it. Raises Decided."""
    _sheet, proposal = take_hold(proposal)
    concerned = [k for k in asked_keys(proposal) if proposal.concerns(k)]
    settle(proposal, user, [section], Proposal.KEPT_SECTION, concerned)


@transaction.atomic
def refuse(proposal: Proposal, user: User, reason: str) -> None:
    """Leave the sheet as it is and say why. Raises Decided."""
    _sheet, proposal = take_hold(proposal)
    proposal.state = Proposal.State.REFUSED
    proposal.reason = reason
    proposal.decided_by = user
    proposal.decided_at = timezone.now()
    proposal.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    stale.keep_facts(proposal.sheet, proposal.written_from)


def take_hold(proposal: Proposal) -> tuple[Sheet, Proposal]:
    """Lock sheet and proposal, in that order, and read them anew; raises Decided."""
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=proposal.sheet_id)
    held = (
        Proposal.objects.select_for_update(of=("self",))
        .select_related("base", "base_proposal", "generation", "author")
        .get(pk=proposal.pk)
    )
    if not held.is_open:
        raise Decided(held)
    held.sheet = sheet
    return sheet, held


def settle(
    proposal: Proposal, user: User, keys: Iterable[str], how: str, concerned: Iterable[str]
) -> None:
    """Note what was decided of some sections; close the proposal when nothing is left."""
    proposal.decided |= dict.fromkeys(keys, how)
    if not any(k not in proposal.decided for k in concerned) or not differs(proposal):
        taken = proposal.accepted_as is not None
        proposal.state = Proposal.State.ACCEPTED if taken else Proposal.State.REFUSED
        proposal.decided_by = user
        proposal.decided_at = timezone.now()
    proposal.save()
    remerge(proposal)
    facts = {k: v for k, v in proposal.written_from.items() if k in proposal.decided}
    stale.keep_facts(proposal.sheet, facts if proposal.is_open else proposal.written_from)


def differs(proposal: Proposal) -> bool:
    """Tell whether the proposal still has something to say on the sheet as it is today."""
    current = proposal.sheet.current
    assert current is not None
    merged = merge_onto(proposal, current, load_template(proposal.sheet.sheet_type))
    text = with_ours(merged)
    same = (text.body.strip(), text.values) == (current.body.strip(), current.metadata)
    return bool(merged.conflicts) or not same


def as_json(choices: Mapping[str, Choice]) -> dict[str, Any]:
    return {key: {"take": c.take, "text": c.text} for key, c in choices.items()}


# --- Locks ----------------------------------------------------------------------------------------


def lock_section(sheet: Sheet, section: str, user: User) -> None:
    """Keep every writer from a section."""
    SectionLock.objects.get_or_create(sheet=sheet, section=section, defaults={"locked_by": user})


def unlock_section(sheet: Sheet, section: str) -> None:
    """Let writers at a section again."""
    SectionLock.objects.filter(sheet=sheet, section=section).delete()
