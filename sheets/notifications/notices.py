"""Tell people what concerns them in the wiki: proposals, decisions, watched sheets, sources."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from ingestion.models import Document
from ingestion.signals import document_settled
from sheets.models import Proposal, Revision, Watch
from sheets.signals import proposal_decided, proposal_made, revision_saved
from wikico2.models import Notification, User
from wikico2.notifications import notify, withdraw

BACKEND = "wikico2.accounts.backend.Backend"
SETTLES = "sheets.change_proposal"


def waiting_key(proposal: Proposal) -> str:
    return f"waiting:{proposal.sheet_id}"


@receiver(proposal_made)
def tell_who_decides(sender: object, proposal: Proposal, **kwargs: object) -> None:
    """Tell those who may decide on a proposal that one waits."""
    people = User.objects.with_perm(SETTLES, backend=BACKEND).values_list("pk", flat=True)
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
