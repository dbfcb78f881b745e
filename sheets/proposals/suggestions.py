"""Suggestions: changes or remarks that readers submit as proposals."""

import datetime as dt

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from sheets.merge import Version
from sheets.models import Proposal, Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.proposals.review import ProposalBase, create_proposal
from sheets.revisions.versions import is_same_version, version_of
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import client_address

HOUR = dt.timedelta(hours=1)


def sender_of(request: HttpRequest) -> str:
    """Return an identifier of the sender: the account, or a hash of the network address."""
    if request.user.is_authenticated:
        return f"user {request.user.pk}"
    address = client_address(request) or ""
    return salted_hmac("sheets.suggest", address).hexdigest()[:40]


def check_limit(sender: str) -> None:
    """Raise UserError (too_many_suggestions) when this sender has sent enough for an hour."""
    since = timezone.now() - HOUR
    sent = Proposal.objects.filter(sender=sender, created_at__gt=since).count()
    if sent >= settings.SUGGESTIONS_PER_HOUR:
        raise UserError("too_many_suggestions", limit=settings.SUGGESTIONS_PER_HOUR)


@transaction.atomic
def create_suggestion(
    sheet: Sheet,
    *,
    base: Revision,
    text: Version,
    sender: str,
    author: User | None = None,
    section: str = "",
    remark: str = "",
    signed: str = "",
    reply_to: str = "",
) -> Proposal:
    """Create a proposal from a reader's suggestion.

    Raises UserError: nothing_suggested when the text is unchanged and the remark is empty, or
    too_many_suggestions when this sender has reached the limit per hour.
    """
    if is_same_version(text, version_of(base)) and not remark.strip():
        raise UserError("nothing_suggested")
    with connection.cursor() as cursor:  # serialise the suggestions of one sender
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"suggest {sender}"])
    check_limit(sender)
    return create_proposal(
        sheet,
        start=ProposalBase(base, None),
        text=text,
        template=load_template(sheet.sheet_type),
        author=author,
        sections=[section] if section else [],
        remark=remark.strip(),
        signed=signed.strip(),
        sender=sender,
        reply_to=reply_to,
    )
