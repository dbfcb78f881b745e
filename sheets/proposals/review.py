"""Create, merge, accept and reject proposals.

Generated text becomes a proposal where a person has edited the sheet. Generated texts form a
sequence: the base of each is the last one that was saved or accepted. A proposal is merged, block
by block, onto the current revision, again after each new one; accepting it, whole or by section,
saves one revision with two parents.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from sheets.markdown.parse import heading_key
from sheets.markdown.scanner import scan
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
    take_items,
)
from sheets.merge.diff import diff_blocks
from sheets.models import Generation, Proposal, Revision, Section, SectionLock, Sheet, SheetEvent
from sheets.models.schema_loader import load_template
from sheets.revisions.conflicts import section_of, with_ours
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.revisions.save import find_losses, save_revision
from sheets.revisions.versions import version_of
from sheets.schema.types import SheetTemplate
from sheets.signals import proposal_decided, proposal_made, revision_saved
from sheets.staleness.state import generation_inputs, save_generation_inputs
from wikico2.accounts.audit import record
from wikico2.models import User

LEFT = "left"
"""In the choices of a proposal: a change without conflict that is left out."""


class ProposalClosed(Exception):
    """The proposal has been accepted, refused or replaced."""


# --- Generated texts ------------------------------------------------------------------------------


@transaction.atomic
def save_or_propose(
    generation: Generation,
    template: SheetTemplate,
    body: str,
    header: Mapping[str, str],
    sections: Collection[str] | None = None,
) -> Revision | Proposal:
    """Save a generated text as the sheet's next revision, or as a proposal.

    It becomes a proposal when a person has edited the sheet, when it loses more than half of the
    words of a section, or when it changes a locked one. Only the sections that were requested
    (or `sections`, where others failed) and that are not locked are taken from it. A text that
    changes nothing of the sheet is not kept: the current revision is returned.
    """
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=generation.sheet_id)
    locked = sheet.locked_keys()
    requested = generation.sections.values_list("key", flat=True)
    asked = [k for k in requested if k not in locked and (sections is None or k in sections)]
    written_from = generation_inputs(generation, template, asked)
    start = last_generated_base(sheet)
    former = Version(*start.text)
    whole = {s.key for s in template.written} <= set(asked)
    drafted = Version(body, dict(header))
    text = (
        drafted if whole or not sheet.current else splice_sections(former, drafted, asked, template)
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
        notices = find_losses(former, text, template) if start.revision else []
    except LossyText as error:
        notices = error.notices
    else:
        close_replaced(sheet, asked)
        save_generation_inputs(sheet, written_from)
        return revision
    sections = [] if whole else asked
    if adds_nothing(sheet, start, text, sections, template):
        assert sheet.current is not None
        close_replaced(sheet, sections)
        save_generation_inputs(sheet, written_from)
        return sheet.current
    return create_proposal(
        sheet,
        start=start,
        text=text,
        generation=generation,
        sections=sections,
        written_from=written_from,
        notices=[n for n in notices if n["section"] in asked],
        template=template,
    )


def adds_nothing(
    sheet: Sheet,
    start: "ProposalBase",
    text: Version,
    sections: Collection[str],
    template: SheetTemplate,
) -> bool:
    """Tell whether a generated text, merged onto the current revision, is what stands there."""
    if sheet.current is None:
        return False
    draft = Proposal(
        sheet=sheet,
        base=start.revision,
        base_proposal=start.proposal,
        body=text.body,
        metadata=dict(text.values),
        sections=list(sections),
    )
    merged = merge_onto(draft, sheet.current, template)
    return not merged.conflicts and reads_alike(version_of(sheet.current), with_ours(merged))


def reads_alike(a: Version, b: Version) -> bool:
    """Tell whether two versions show a reader the same."""
    if dict(a.values) != dict(b.values):
        return False
    return a.body == b.body or all(c.kind == "same" for c in diff_blocks(a.body, b.body))


def is_remark(proposal: Proposal) -> bool:
    """Tell whether a reader proposes no other text, and only says something of the present one."""
    if proposal.generation_id or not proposal.remark.strip():
        return False
    return reads_alike(Version(*proposal.base_text), Version(proposal.body, proposal.metadata))


class ProposalBase:
    """The base of the next generated text: a revision, or a proposal accepted after it."""

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
    assert accepted.accepted_as is not None  # a database constraint
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
    reply_to: str = "",
) -> Proposal:
    """Create a proposal, merged onto the current revision.

    A generated one replaces the open generated proposals of the same sections; the choices that
    people made there are kept for conflicts with the same id.
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
        reply_to=reply_to,
    )
    remerge_proposal(proposal, template)
    proposal_made.send(sender=Proposal, proposal=proposal)
    return proposal


def close_replaced(sheet: Sheet, sections: Collection[str]) -> dict[str, Any]:
    """Mark sections (all if none is given) of open generated proposals as replaced.

    Return the choices that people made in these proposals.
    """
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
        if not proposal.is_open:
            proposal_decided.send(sender=Proposal, proposal=proposal)
    return choices


def proposed_keys(proposal: Proposal) -> list[str]:
    """Return the keys of the sections that a proposal covers."""
    if proposal.sections:
        return list(proposal.sections)
    sections = Section.objects.filter(sheet_type=proposal.sheet.sheet_type_id)
    return list(sections.exclude(role=Section.Role.COMPUTED).values_list("key", flat=True))


# --- Merging --------------------------------------------------------------------------------------


def merge_onto(proposal: Proposal, ours: Revision, template: SheetTemplate) -> MergeResult:
    """Merge a proposal onto a revision; decided and locked sections are left unchanged."""
    mine, theirs = Version(ours.body, ours.metadata), Version(proposal.body, proposal.metadata)
    base = Version(*proposal.base_text)
    if proposal.base is None:
        base = Version(shared_headings(mine.body, theirs.body))
    excluded = {*proposal.decided, *proposal.sheet.locked_keys()}
    if excluded:
        theirs = splice_sections(theirs, base, excluded, template)
    return merge_versions(base, mine, theirs)


def shared_headings(ours: str, theirs: str) -> str:
    """Return the headings that two texts have in common, as the merge base where there is none."""
    document = scan(theirs)
    known = {heading_key(b.heading) for b in scan(ours).blocks if b.kind == "heading"}
    lines = (
        document.source(b.start, b.end).strip()
        for b in document.blocks
        if b.kind == "heading" and heading_key(b.heading) in known
    )
    return "\n\n".join(lines) + "\n"


def remerge_proposal(proposal: Proposal, template: SheetTemplate | None = None) -> None:
    """Merge an open proposal onto the current revision, and store the result for lists."""
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
    """Merge the open proposals of a sheet onto its new revision."""
    waiting = revision.sheet.proposals.waiting()
    if not waiting.exists():  # the usual case; the query below loads wide rows
        return
    for proposal in waiting.select_related("base", "base_proposal"):
        proposal.sheet = revision.sheet
        proposal.sheet.current = revision
        remerge_proposal(proposal)


# --- Deciding -------------------------------------------------------------------------------------


@transaction.atomic
def save_choices(
    proposal: Proposal, choices: Mapping[str, ConflictChoice], left: Collection[str] = ()
) -> None:
    """Store the choices made so far, without accepting or rejecting anything.

    `left` are the ids of the changes that are left out; those left out before are not, if they are
    not among them.
    """
    locked = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    kept = {k: c for k, c in locked.choices.items() if c.get("take") != LEFT}
    proposal.choices = kept | choices_to_json(choices) | {key: {"take": LEFT} for key in left}
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
    left: Collection[str] = (),
    reason: str = "",
    comment: str = "",
) -> Revision:
    """Accept a proposal, whole or by section, as one revision with two parents.

    The changes `left`, ids of the conflicts of `itemise_changes`, are not taken. `reason` is what
    is said of the decision.

    `onto` is the number of the revision that the person saw. Raises StaleBase when it is no longer
    the current one, ProposalClosed when the proposal is no longer open, and UnresolvedConflicts
    when a conflict in these sections has no choice; nothing is written then. Return the new
    revision, or the current one when the choices change nothing.
    """
    sheet, proposal = lock_open_proposal(proposal)
    current = sheet.current
    if current is None or current.number != onto:
        raise StaleBase(current)
    template = load_template(sheet.sheet_type)
    merged = merge_onto(proposal, current, template)
    ours = version_of(current)
    text = take_items(ours, chosen_text(merged, ours, choices, sections, template), left)
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
    if revision != current or proposal.generation_id:  # else nothing of it was taken
        proposal.accepted_as = revision
    proposal.reason = reason
    record_decision(proposal, user, taken, Proposal.ACCEPTED_SECTION, concerned)
    record("proposal.accept", sheet, user, proposal=proposal.pk, sections=taken)
    return revision


def credit_comment(proposal: Proposal) -> str:
    """Return a revision comment that names who suggested a text; "" for a generated one."""
    if proposal.generation_id:
        return ""
    words = " ".join(proposal.remark.split())
    credit = _("Suggested by %(person)s") % {"person": proposal.by_whom}
    return f"{credit}: {words}"[:500] if words else credit


def chosen_text(
    merged: MergeResult,
    ours: Version,
    choices: Mapping[str, ConflictChoice],
    sections: Collection[str] | None,
    template: SheetTemplate,
) -> Version:
    """Return the text with its conflicts resolved, or ours with only `sections` taken from it.

    Raises UnresolvedConflicts.
    """
    if sections is None:
        return Version(resolve_conflicts(merged, choices), resolve_value_conflicts(merged, choices))
    inside = [c for c in merged.conflicts if section_of(c, template) in sections]
    unresolved = [c.id for c in inside if c.id not in choices]
    if unresolved:
        raise UnresolvedConflicts(unresolved)
    given = {c.id: MINE for c in merged.conflicts} | {c.id: choices[c.id] for c in inside}
    whole = Version(resolve_conflicts(merged, given), resolve_value_conflicts(merged, given))
    return splice_sections(ours, whole, sections, template)


@transaction.atomic
def reject_section(proposal: Proposal, user: User, section: str) -> None:
    """Reject one section of a proposal. Raises ProposalClosed."""
    _sheet, proposal = lock_open_proposal(proposal)
    concerned = [k for k in proposed_keys(proposal) if proposal.concerns(k)]
    record_decision(proposal, user, [section], Proposal.KEPT_SECTION, concerned)
    record("proposal.keep", proposal.sheet, user, proposal=proposal.pk, sections=[section])


def reject_proposal(proposal: Proposal, user: User, reason: str) -> None:
    """Reject a proposal with a reason. Raises ProposalClosed."""
    close_proposal(proposal, user, Proposal.State.REFUSED, reason)


def answer_remark(proposal: Proposal, user: User, answer: str) -> None:
    """Close a remark with an answer, "" for none. Raises ProposalClosed."""
    close_proposal(proposal, user, Proposal.State.CLOSED, answer)


@transaction.atomic
def close_proposal(proposal: Proposal, user: User, state: str, reason: str) -> None:
    """Close an open proposal as a whole. Raises ProposalClosed."""
    _sheet, proposal = lock_open_proposal(proposal)
    proposal.state = state
    proposal.reason = reason
    proposal.decided_by = user
    proposal.decided_at = timezone.now()
    proposal.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    closing = "close" if state == Proposal.State.CLOSED else "refuse"
    record(f"proposal.{closing}", proposal.sheet, user, proposal=proposal.pk)
    save_generation_inputs(proposal.sheet, proposal.written_from)
    proposal_decided.send(sender=Proposal, proposal=proposal)


def lock_open_proposal(proposal: Proposal) -> tuple[Sheet, Proposal]:
    """Lock and reload sheet and proposal, in that order; raises ProposalClosed."""
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=proposal.sheet_id)
    locked = (
        Proposal.objects.select_for_update(of=("self",))
        .select_related("base", "base_proposal", "generation", "author")
        .get(pk=proposal.pk)
    )
    if not locked.is_open:
        raise ProposalClosed(locked)
    locked.sheet = sheet
    return sheet, locked


def record_decision(
    proposal: Proposal, user: User, keys: Iterable[str], how: str, concerned: Iterable[str]
) -> None:
    """Record the decision on some sections; close the proposal when none is left undecided."""
    proposal.decided |= dict.fromkeys(keys, how)
    if not any(k not in proposal.decided for k in concerned) or not has_differences(proposal):
        refused = Proposal.KEPT_SECTION in proposal.decided.values()
        proposal.state = Proposal.State.REFUSED if refused else Proposal.State.CLOSED
        if proposal.accepted_as is not None:
            proposal.state = Proposal.State.ACCEPTED
        proposal.decided_by = user
        proposal.decided_at = timezone.now()
    proposal.save()
    if not proposal.is_open:
        proposal_decided.send(sender=Proposal, proposal=proposal)
    remerge_proposal(proposal)
    inputs = {k: v for k, v in proposal.written_from.items() if k in proposal.decided}
    save_generation_inputs(proposal.sheet, inputs if proposal.is_open else proposal.written_from)


def has_differences(proposal: Proposal) -> bool:
    """Tell whether the merged proposal still differs from the current revision."""
    current = proposal.sheet.current
    assert current is not None
    merged = merge_onto(proposal, current, load_template(proposal.sheet.sheet_type))
    text = with_ours(merged)
    same = (text.body.strip(), text.values) == (current.body.strip(), current.metadata)
    return bool(merged.conflicts) or not same


def choices_to_json(choices: Mapping[str, ConflictChoice]) -> dict[str, Any]:
    return {key: {"take": c.take, "text": c.text} for key, c in choices.items()}


# --- Locks ----------------------------------------------------------------------------------------


@transaction.atomic
def lock_section(sheet: Sheet, section: str, user: User) -> None:
    """Lock a section: no generation changes it."""
    defaults = {"locked_by": user}
    _lock, is_new = SectionLock.objects.get_or_create(
        sheet=sheet, section=section, defaults=defaults
    )
    if is_new:
        SheetEvent.objects.write(sheet, SheetEvent.Kind.LOCKED, user, section=section)


@transaction.atomic
def unlock_section(sheet: Sheet, section: str, user: User | None = None) -> None:
    """Unlock a section."""
    if SectionLock.objects.filter(sheet=sheet, section=section).delete()[0]:
        SheetEvent.objects.write(sheet, SheetEvent.Kind.UNLOCKED, user, section=section)
