"""Tell people what concerns them in the wiki: proposals, decisions, watched sheets, sources."""

from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from ingestion.models import Document
from ingestion.signals import document_settled
from sheets.models import Proposal, Revision, Sheet, SheetEvent, Watch
from sheets.signals import proposal_decided, proposal_made, revision_saved
from wikico2.accounts.rules import may, people_who_may
from wikico2.models import Notification, User
from wikico2.notifications import notify, withdraw

TOLD_TO_AUTHORS = {
    SheetEvent.Kind.CHANGES_REQUESTED: Notification.Kind.CHANGES,
    SheetEvent.Kind.VALIDATED: Notification.Kind.VALIDATED,
    SheetEvent.Kind.PUBLISHED: Notification.Kind.PUBLISHED,
}
"""What those who work on a sheet are told of its states."""
ENDS_VALIDATION = {*TOLD_TO_AUTHORS, SheetEvent.Kind.ARCHIVED, SheetEvent.Kind.DELETED}
"""The events after which a sheet no longer waits for its validation."""

ENDS_REVIEW = {
    SheetEvent.Kind.VALIDATED,
    SheetEvent.Kind.SCHEDULED,
    SheetEvent.Kind.ARCHIVED,
    SheetEvent.Kind.DELETED,
}
"""The events after which a sheet is no longer due for review."""


def waiting_key(proposal: Proposal) -> str:
    return f"waiting:{proposal.sheet_id}"


@receiver(proposal_made)
def tell_who_decides(sender: object, proposal: Proposal, **kwargs: object) -> None:
    """Tell those who may decide on a proposal that one waits."""
    people = people_who_may("proposal.settle").values_list("pk", flat=True)
    notify(
        people,
        Notification.Kind.WAITING,
        waiting_key(proposal),
        proposal.get_absolute_url(),
        actor=proposal.author,
        title=proposal.sheet.title,
        text=proposal.remark,
    )


@receiver(proposal_decided)
def tell_of_decision(sender: object, proposal: Proposal, **kwargs: object) -> None:
    """Tell the author of a suggestion what became of it; nobody else has to decide any more."""
    if not Proposal.objects.waiting().filter(sheet=proposal.sheet_id).exists():
        withdraw(waiting_key(proposal))
    if proposal.author_id is not None:
        notify(
            [proposal.author_id],
            proposal.state,
            f"decided:{proposal.pk}",
            proposal.get_absolute_url(),
            actor=proposal.decided_by,
            title=proposal.sheet.title,
            text=proposal.reason,
        )


@receiver(revision_saved)
def tell_who_watches(sender: object, revision: Revision, **kwargs: Any) -> None:
    """Tell those who watch the sheet, or its category, that it has a new version."""
    sheet = revision.sheet
    watched = Q(sheet=sheet)
    if category := revision.metadata.get("categorie", ""):
        watched |= Q(category=category)
    people = Watch.objects.filter(watched).values_list("user", flat=True)
    notify(
        people,
        Notification.Kind.FOLLOWED,
        f"followed:{sheet.pk}",
        revision.get_absolute_url(),
        actor=revision.author,
        title=sheet.title,
        text=revision.comment,
    )


@receiver(post_save, sender=SheetEvent)
def tell_of_event(sender: object, instance: SheetEvent, created: bool, **kwargs: object) -> None:
    """Tell who is to validate a sheet, who works on it, and who is put in charge of it."""
    sheet, kind = instance.sheet, SheetEvent.Kind(instance.kind)
    if instance.actor is None or not created:
        return
    if kind in ENDS_VALIDATION:
        withdraw(f"to_validate:{sheet.pk}")
    if kind in ENDS_REVIEW:
        withdraw(due_key(sheet))
    if kind == SheetEvent.Kind.SUBMITTED:
        validators = people_who_may("sheet.validate").values_list("pk", flat=True)
        _tell_of_state(instance, set(validators), "to_validate")
    elif kind in TOLD_TO_AUTHORS:
        _tell_of_state(instance, people_at_work(sheet), TOLD_TO_AUTHORS[kind])
    elif kind == SheetEvent.Kind.ASSIGNED and sheet.responsible_id is not None:
        _tell_of_state(instance, {sheet.responsible_id}, Notification.Kind.ASSIGNED)


def people_at_work(sheet: Sheet) -> set[int]:
    """Return who made a sheet, who is in charge and who submitted it last, if they may edit it."""
    submitted = SheetEvent.objects.latest_of(sheet, SheetEvent.Kind.SUBMITTED)
    found = {
        sheet.created_by_id,
        sheet.responsible_id,
        submitted.actor_id if submitted is not None else None,
    }
    people = User.objects.filter(pk__in=[pk for pk in found if pk is not None])
    return {person.pk for person in people if may(person, "sheet.edit", sheet)}


def _tell_of_state(event: SheetEvent, people: set[int], kind: str) -> None:
    notify(
        people,
        kind,
        f"{kind}:{event.sheet_id}",
        reverse("sheet_state", args=[event.sheet.slug]),
        actor=event.actor,
        title=event.sheet.title,
        text=event.comment,
    )


def tell_of_due_reviews() -> None:
    """Tell who is in charge of a sheet that its date of review has come: once for each date."""
    due = Sheet.objects.due_for_review(timezone.localdate()).filter(responsible__isnull=False)
    told = Notification.objects.filter(
        user=OuterRef("responsible"),
        kind=Notification.Kind.DUE,
        key=Concat(Value("due:"), Cast(OuterRef("pk"), CharField())),
        created_at__date__gte=OuterRef("review_on"),
    )
    for sheet in due.exclude(Exists(told)).only("title", "slug", "responsible_id"):
        notify(
            [sheet.responsible_id] if sheet.responsible_id else [],
            Notification.Kind.DUE,
            due_key(sheet),
            reverse("sheet_state", args=[sheet.slug]),
            title=sheet.title,
        )


def due_key(sheet: Sheet) -> str:
    return f"due:{sheet.pk}"


@receiver(document_settled)
def tell_who_brought_it(sender: object, document_id: int, **kwargs: object) -> None:
    """Tell who brought a source that it could not be read."""
    document = Document.objects.filter(pk=document_id, state=Document.State.FAILED).first()
    if document is not None and document.uploaded_by_id is not None:
        notify(
            [document.uploaded_by_id],
            Notification.Kind.SOURCE_FAILED,
            f"source:{document_id}",
            document.get_absolute_url(),
            title=document.title or document.filename,
            text=document.error,
        )
