"""Send e-mails from the queue, so that no page waits for a mail server."""

from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from wikico2.errors import TransientError
from wikico2.jobs.policy import JobPolicy, register_kind
from wikico2.jobs.queue import start_job
from wikico2.jobs.runner import JobRun
from wikico2.models import Job, OutgoingMail, User

MAIL = "mail"


def is_mail_configured() -> bool:
    """Tell whether this site sends e-mail."""
    return bool(settings.EMAIL_HOST)


@transaction.atomic
def queue_mail(to: str, subject: str, body: str) -> None:
    """Queue an e-mail; nothing is done where the site sends none."""
    if is_mail_configured() and to:
        line = " ".join(subject.split())[:300]
        mail = OutgoingMail.objects.create(to=to, subject=line, body=body)
        start_job(MAIL, mail.pk)


def mail_account(user: User, template: str, to: str = "", **context: Any) -> None:
    """Queue an e-mail to the owner of an account, in their language.

    The first line of the template is the subject. `to` is another address than that of the account.
    """
    with translation.override(user.language or settings.LANGUAGE_CODE):
        text = render_to_string(template, {"person": user, "site": settings.SITE_URL, **context})
    subject, _line, body = text.strip().partition("\n")
    queue_mail(to or user.email, subject, f"{body.strip()}\n")


def send_queued_mail(run: JobRun) -> bool:
    """Send one e-mail and delete its row; a worker that dies in between sends it twice."""
    mail = OutgoingMail.objects.filter(pk=run.row_id).first()
    if mail is None or not is_mail_configured():
        return True
    try:
        EmailMessage(mail.subject, mail.body, to=[mail.to]).send()
    except (OSError, SMTPException) as error:
        raise TransientError("mail_refused", reason=type(error).__name__) from error
    mail.delete()
    return True


register_kind(
    JobPolicy(MAIL, _("e-mail"), Job.Lane.SHORT, send_queued_mail, "wikico2.OutgoingMail",
              merges=True)
)  # fmt: skip
