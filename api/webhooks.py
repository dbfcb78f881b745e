"""Tell programs of events: signed, tried again with growing waits, logged, sent again on request.

A notification is a row and a job, written in the transaction of what it tells. Its address passes
the same guard as the addresses that people give to be fetched.
"""

import datetime as dt
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api.models import Webhook, WebhookDelivery
from ingestion.intake.fetch import checked_url, post_content
from ingestion.models import Document
from ingestion.signals import document_settled
from sheets import queueing as kinds
from sheets.models import Proposal, Revision, Sheet, SheetEvent
from sheets.signals import revision_saved
from wikico2.accounts.audit import record
from wikico2.accounts.rules import may
from wikico2.errors import TransientError, UserError
from wikico2.jobs.listing import visible_job
from wikico2.jobs.policy import JobPolicy, all_policies, register_kind
from wikico2.jobs.queue import start_job
from wikico2.jobs.runner import JobRun
from wikico2.mail import MAIL
from wikico2.models import Job, User
from wikico2.transactions import outside_transaction

WEBHOOK = "webhook"
QUIET = frozenset(
    {WEBHOOK, MAIL, kinds.SHEET_INDEX, kinds.JUDGEMENT, kinds.CLEANUP, kinds.DIGESTS, kinds.DIGEST}
)
"""Kinds of jobs whose end is told to nobody."""
TOLD_STATES: dict[str, str] = {
    SheetEvent.Kind.VALIDATED: Webhook.Event.SHEET_VALIDATED,
    SheetEvent.Kind.PUBLISHED: Webhook.Event.SHEET_PUBLISHED,
}
TRIAL = "trial"
"""The event of a notification that its owner asked for, to try the address."""
MOST_HOOKS = 20
SECONDS = 10
RETENTION = dt.timedelta(days=30)


def new_secret() -> str:
    return secrets.token_hex(32)


def signature(secret: str, at: int, content: bytes) -> str:
    """Return the header with which a program checks who sent a notification, and when."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


# --- Subscribing ----------------------------------------------------------------------------------


@transaction.atomic
def create_webhook(user: User, url: str, events: Iterable[str]) -> Webhook:
    """Have an address told of events, with a secret of its own.

    Raises UserError("address_invalid") and UserError("too_many_webhooks").
    """
    address = checked_url(url)
    if Webhook.objects.filter(user=user).count() >= MOST_HOOKS:
        raise UserError("too_many_webhooks", limit=MOST_HOOKS)
    hook = Webhook.objects.create(
        user=user, url=address, events=sorted(set(events)), secret=new_secret()
    )
    record("webhook.add", hook, user, address=address)
    hook.refresh_from_db(fields=["created_at"])
    return hook


@transaction.atomic
def change_webhook(
    hook: Webhook, *, url: str, events: Iterable[str], is_active: bool, by: User
) -> None:
    """Change what a webhook is told, where, and whether; raises UserError("address_invalid").

    What was queued before goes to the new address.
    """
    hook.url, hook.events, hook.is_active = checked_url(url), sorted(set(events)), is_active
    hook.save(update_fields=["url", "events", "is_active"])
    record("webhook.change", hook, by, address=hook.url)


@transaction.atomic
def renew_secret(hook: Webhook, by: User) -> str:
    """Sign with a new secret from now on, and return it."""
    hook.secret = new_secret()
    hook.save(update_fields=["secret"])
    record("webhook.change", hook, by, address=hook.url)
    return hook.secret


@transaction.atomic
def delete_webhook(hook: Webhook, by: User) -> None:
    """Delete a webhook with its log; what still waits is not sent."""
    record("webhook.delete", hook, by, address=hook.url)
    hook.delete()


def send_trial(hook: Webhook) -> WebhookDelivery:
    """Send a notification that tells of nothing, whatever the webhook wants to be told of."""
    return queue_delivery(hook, TRIAL, {})


def send_again(row: WebhookDelivery) -> None:
    """Send a notification again, as it was."""
    start_job(WEBHOOK, row.pk, owner=row.webhook.user_id)


# --- Telling --------------------------------------------------------------------------------------


def tell(event: str, about: dict[str, Any], may_see: Callable[[User], bool]) -> None:
    """Queue a notification for each webhook that wants the event and whose owner may see it."""
    hooks = Webhook.objects.filter(events__contains=[event], is_active=True, user__is_active=True)
    for hook in hooks.select_related("user"):
        if may(hook.user, "site.read") and may_see(hook.user):
            queue_delivery(hook, event, about)


def may_open(sheet: Sheet) -> Callable[[User], bool]:
    """Return the question whether somebody may open a sheet."""
    return lambda user: Sheet.objects.readable_by(user).filter(pk=sheet.pk).exists()


def queue_delivery(hook: Webhook, event: str, about: dict[str, Any]) -> WebhookDelivery:
    """Write a notification and its job, in one transaction."""
    with transaction.atomic():
        payload = {"event": event, "at": timezone.now().isoformat(), **about}
        row = WebhookDelivery.objects.create(webhook=hook, event=event, payload=payload)
        start_job(WEBHOOK, row.pk, owner=hook.user_id)
    return row


def told_sheet(sheet: Sheet, **more: Any) -> dict[str, Any]:
    """Return what is told of a sheet."""
    address = f"/v1/sheets/{sheet.slug}"
    about = {"id": sheet.pk, "slug": sheet.slug, "title": sheet.title, "address": address}
    return {"sheet": about | more}


@receiver(revision_saved)
def tell_of_revision(sender: object, revision: Revision, **kwargs: object) -> None:
    """Tell that a sheet has a new version."""
    sheet = revision.sheet
    told = told_sheet(sheet, version=revision.number, origin=revision.origin)
    later = sheet.validated_revision_id not in (None, revision.pk)
    may_read = may_open(sheet)
    tell(
        Webhook.Event.SHEET_CHANGED,
        told,
        lambda user: may_read(user) and (not later or may(user, "unvalidated.read")),
    )


@receiver(post_save, sender=SheetEvent)
def tell_of_state(
    sender: object, instance: SheetEvent, created: bool, raw: bool = False, **kwargs: object
) -> None:
    """Tell that a sheet was validated or published."""
    event = TOLD_STATES.get(instance.kind)
    if event and created and not raw:
        revision = instance.revision
        number = {"version": revision.number} if revision else {}
        sheet = instance.sheet
        tell(event, told_sheet(sheet, state=sheet.state, **number), may_open(sheet))


@receiver(post_save, sender=Proposal)
def tell_of_proposal(
    sender: object, instance: Proposal, created: bool, raw: bool = False, **kwargs: object
) -> None:
    """Tell that a proposal waits."""
    if created and instance.is_open and not raw:
        about = {"proposal": {"id": instance.pk, "address": f"/v1/proposals/{instance.pk}"}}
        told = {**told_sheet(instance.sheet), **about}
        tell(Webhook.Event.PROPOSAL_WAITING, told, may_open(instance.sheet))


@receiver(document_settled)
def tell_of_source(sender: object, document_id: int, **kwargs: object) -> None:
    """Tell that a source is ready or has failed."""
    row = Document.objects.filter(pk=document_id).first()
    if row is None or row.state not in (Document.State.READY, Document.State.FAILED):
        return
    about = {"id": row.pk, "title": row.title, "address": f"/v1/sources/{row.pk}"}
    if row.state == Document.State.FAILED:
        about["error_code"] = row.error_code
    tell(f"source.{row.state}", {"source": about}, row.can_be_read_by)


def tell_of_job(job: Job) -> None:
    """Tell that a job is done or has failed."""
    if job.kind in QUIET or job.state not in (Job.State.DONE, Job.State.FAILED):
        return
    about = {"id": job.pk, "kind": job.kind, "address": f"/v1/jobs/{job.pk}"}
    tell(
        f"job.{job.state}",
        {"job": about},
        lambda user: may(user, "job.read") and visible_job(job, user) is not None,
    )


def announce_ends_of_jobs() -> None:
    """Have every kind of job tell its end, after what else it does then."""
    for policy in all_policies():
        register_kind(replace(policy, follow=_followed_by_telling(policy)))


def _followed_by_telling(policy: JobPolicy) -> Any:
    def follow(job: Job) -> None:
        policy.follow(job)
        tell_of_job(Job.objects.filter(pk=job.pk).first() or job)

    return follow


# --- Sending --------------------------------------------------------------------------------------


def deliver(run: JobRun) -> bool:
    """Send a notification once; raises TransientError where it is to be tried again."""
    row = WebhookDelivery.objects.select_related("webhook").filter(pk=run.row_id).first()
    if row is None:
        return True
    outside_transaction()
    status = post_delivery(row)
    is_taken = 200 <= status < 300
    delivered = {"delivered_at": timezone.now()} if is_taken else {}
    WebhookDelivery.objects.filter(pk=row.pk).update(status=status, **delivered)
    row.webhook.deliveries.filter(created_at__lt=timezone.now() - RETENTION).delete()
    if not is_taken:
        raise TransientError("webhook_refused", host=host_of(row.webhook), status=status)
    return True


def post_delivery(row: WebhookDelivery) -> int:
    """Send a notification; return the status of the answer.

    Raises UserError("webhook_address") and TransientError("webhook_silent").
    """
    content = orjson.dumps({"delivery": row.pk, **row.payload})
    at = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "WikiCO2-Event": row.event,
        "WikiCO2-Delivery": str(row.pk),
        "WikiCO2-Signature": signature(row.webhook.secret, at, content),
    }
    try:
        return post_content(row.webhook.url, content, headers, seconds=SECONDS)
    except TransientError:
        raise TransientError("webhook_silent", host=host_of(row.webhook)) from None
    except UserError:
        raise UserError("webhook_address", host=host_of(row.webhook)) from None


def host_of(hook: Webhook) -> str:
    """Return the name of the machine that a webhook is sent to."""
    return urlsplit(hook.url).hostname or hook.url


def own_deliveries(user: Any) -> QuerySet[WebhookDelivery]:
    """Return the notifications of a person's own webhooks."""
    if not user.is_authenticated:
        return WebhookDelivery.objects.none()
    return WebhookDelivery.objects.filter(webhook__user=user.pk)


def register_webhooks() -> None:
    """Declare the kind of job, and have the others tell their end."""
    register_kind(
        JobPolicy(
            kind=WEBHOOK,
            name=_("notification of a program"),
            lane=Job.Lane.SHORT,
            work=deliver,
            model="api.WebhookDelivery",
            visible=own_deliveries,
            attempts=8,
        )
    )
    announce_ends_of_jobs()
