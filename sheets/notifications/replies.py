"""Tell readers without an account what became of their remark or suggestion."""

from django.conf import settings
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.utils import translation

from sheets.models import Proposal
from sheets.signals import proposal_decided
from wikico2.mail import queue_mail


@receiver(proposal_decided)
def send_reply(sender: object, proposal: Proposal, **kwargs: object) -> None:
    """Queue an e-mail to the address that the reader gave, and delete the address."""
    to = proposal.reply_to
    if not to:
        return
    Proposal.objects.filter(pk=proposal.pk).update(reply_to="")
    if not proposal.reason and proposal.state != Proposal.State.ACCEPTED:
        return
    context = {"proposal": proposal, "sheet": proposal.sheet, "site": settings.SITE_URL}
    with translation.override(settings.LANGUAGE_CODE):
        text = render_to_string("sheets/mail_reply.txt", context)
    subject, _line, body = text.strip().partition("\n")
    queue_mail(to, subject, f"{body.strip()}\n")
