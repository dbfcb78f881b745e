"""Webhooks: addresses that are told of events, the log of what was sent, sending again."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.models import Webhook, WebhookDelivery
from api.paging import PageQuery, page_of
from api.problems import ApiProblem
from api.rights import require_right
from api.schemas.common import RowId
from api.webhooks import MOST_HOOKS, WEBHOOK, new_secret
from ingestion.intake.fetch import checked_url
from wikico2.jobs.queue import start_job

router = Router(tags=["webhooks"])

EventName = Literal[
    "sheet.changed",
    "sheet.validated",
    "sheet.published",
    "proposal.waiting",
    "source.ready",
    "source.failed",
    "job.done",
    "job.failed",
]


class WebhookIn(BaseModel):
    """Where to send notifications, and of which events."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    events: Annotated[list[EventName], Field(min_length=1, max_length=8)]


class WebhookOut(BaseModel):
    """A webhook; its secret is told once, when it is made.

    A notification carries `WikiCO2-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256, with the
    secret, of the seconds, a full stop and the body.
    """

    id: int
    url: str
    events: list[str]
    created_at: dt.datetime
    secret: str | None = None
    address: str

    @classmethod
    def of(cls, row: Webhook, secret: str | None = None) -> "WebhookOut":
        return cls(
            id=row.pk,
            url=row.url,
            events=row.events,
            created_at=row.created_at,
            secret=secret,
            address=f"/v1/webhooks/{row.pk}",
        )


class DeliveryOut(BaseModel):
    """A notification: what was sent, and what the address answered."""

    id: int
    event: str
    payload: dict[str, Any]
    state: str
    status: int | None
    error: str
    created_at: dt.datetime
    delivered_at: dt.datetime | None

    @classmethod
    def of(cls, row: WebhookDelivery) -> "DeliveryOut":
        job = row.job
        return cls(
            id=row.pk,
            event=row.event,
            payload=dict(row.payload),
            state=row.state,
            status=row.status,
            error=job.error if job else "",
            created_at=row.created_at,
            delivered_at=row.delivered_at,
        )


def own_webhook(request: HttpRequest, pk: int) -> Webhook:
    return get_object_or_404(Webhook, pk=pk, user=require_right(request, "account.own"))


@router.get("/webhooks", response=Listed[WebhookOut])
def list_webhooks(request: HttpRequest, page: PageQuery) -> Any:
    """List your webhooks."""
    rows, following = page_of(
        Webhook.objects.filter(user=require_right(request, "account.own")), ("id",), page
    )
    items = [WebhookOut.of(row) for row in rows]
    return json_answer(request, Listed[WebhookOut](items=items, next=following))


@router.post("/webhooks", response={201: WebhookOut})
@once
def make_webhook(request: HttpRequest, given: WebhookIn) -> Any:
    """Have an address on the public internet told of events; the answer has its secret."""
    user = require_right(request, "account.own")
    url = checked_url(given.url)
    if Webhook.objects.filter(user=user).count() >= MOST_HOOKS:
        detail = _("At most %(limit)s webhooks for one account.") % {"limit": MOST_HOOKS}
        raise ApiProblem(409, "too_many", detail)
    secret = new_secret()
    events = sorted(set(given.events))
    row = Webhook.objects.create(user=user, url=url, events=events, secret=secret)
    row.refresh_from_db()
    return Status(201, WebhookOut.of(row, secret))


@router.delete("/webhooks/{pk}", response={204: None})
def delete_webhook(request: HttpRequest, pk: RowId) -> Any:
    """Delete a webhook with its log."""
    own_webhook(request, pk).delete()
    return Status(204, None)


@router.get("/webhooks/{pk}/deliveries", response=Listed[DeliveryOut])
def list_deliveries(request: HttpRequest, pk: RowId, page: PageQuery) -> Any:
    """List what was sent to a webhook, the latest first."""
    rows, following = page_of(own_webhook(request, pk).deliveries.all(), ("-id",), page)
    WebhookDelivery.load_jobs(rows)
    items = [DeliveryOut.of(row) for row in rows]
    return json_answer(request, Listed[DeliveryOut](items=items, next=following))


@router.post("/webhooks/{pk}/deliveries/{number}/replay", response={202: DeliveryOut})
def replay_delivery(request: HttpRequest, pk: RowId, number: RowId) -> Any:
    """Send a notification again."""
    hook = own_webhook(request, pk)
    row = get_object_or_404(hook.deliveries, pk=number)
    start_job(WEBHOOK, row.pk, owner=hook.user_id)
    return Status(202, DeliveryOut.of(get_object_or_404(hook.deliveries, pk=number)))
