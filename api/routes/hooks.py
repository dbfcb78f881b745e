"""Webhooks: addresses that are told of events, the log of what was sent, sending again."""

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.models import Webhook, WebhookDelivery
from api.paging import PageQuery, page_of
from api.rights import require_right
from api.schemas.common import RowId
from api.webhooks import (
    change_webhook,
    create_webhook,
    delete_webhook,
    renew_secret,
    send_again,
    send_trial,
)

router = Router(tags=["webhooks"])


class WebhookIn(BaseModel):
    """Where to send notifications, and of which events."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    events: Annotated[list[Webhook.Event], Field(min_length=1, max_length=8)]


class WebhookChange(WebhookIn):
    """What a webhook is to be; one that is not active is told of nothing."""

    active: bool = True


class WebhookOut(BaseModel):
    """A webhook; its secret is told once, when it is made or renewed.

    A notification carries `WikiCO2-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256, with the
    secret, of the seconds, a full stop and the body.
    """

    id: int
    url: str
    events: list[str]
    active: bool
    created_at: dt.datetime
    secret: str | None = None
    address: str

    @classmethod
    def of(cls, row: Webhook, secret: str | None = None) -> "WebhookOut":
        return cls(
            id=row.pk,
            url=row.url,
            events=row.events,
            active=row.is_active,
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
    user = require_right(request, "account.own")
    return get_object_or_404(user.webhooks.select_related("user"), pk=pk)


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
    row = create_webhook(require_right(request, "account.own"), given.url, given.events)
    return Status(201, WebhookOut.of(row, row.secret))


@router.get("/webhooks/{pk}", response=WebhookOut)
def read_webhook(request: HttpRequest, pk: RowId) -> Any:
    """Read one of your webhooks."""
    return json_answer(request, WebhookOut.of(own_webhook(request, pk)))


@router.put("/webhooks/{pk}", response=WebhookOut)
def set_webhook(request: HttpRequest, pk: RowId, given: WebhookChange) -> Any:
    """Change the address, the events, or pause it: what was queued before is still sent."""
    row = own_webhook(request, pk)
    change_webhook(row, url=given.url, events=given.events, is_active=given.active, by=row.user)
    return WebhookOut.of(row)


@router.post("/webhooks/{pk}/secret", response=WebhookOut)
def set_secret(request: HttpRequest, pk: RowId) -> Any:
    """Sign with a new secret from now on; the answer has it."""
    row = own_webhook(request, pk)
    return WebhookOut.of(row, renew_secret(row, row.user))


@router.post("/webhooks/{pk}/trial", response={202: DeliveryOut})
def try_webhook(request: HttpRequest, pk: RowId) -> Any:
    """Send a notification of the event `trial`, to see what the address answers."""
    hook = own_webhook(request, pk)
    row = send_trial(hook)
    return Status(202, DeliveryOut.of(get_object_or_404(hook.deliveries, pk=row.pk)))


@router.delete("/webhooks/{pk}", response={204: None})
def remove_webhook(request: HttpRequest, pk: RowId) -> Any:
    """Delete a webhook with its log."""
    row = own_webhook(request, pk)
    delete_webhook(row, row.user)
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
    send_again(row)
    return Status(202, DeliveryOut.of(get_object_or_404(hook.deliveries, pk=number)))
