"""Deliveries: web addresses and archives on their way to being sources, each with its outcome."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ingestion.intake import imports as deliver
from ingestion.models import Delivery, Item
from wikico2.jobs.queue import workers_alive


@require_safe
@login_required
@permission_required("ingestion.add_document", raise_exception=True)
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what a delivery has brought so far."""
    shown = get_object_or_404(Delivery.objects.select_related("given_by"), pk=pk)
    return render(
        request, "ingestion/delivery.html", {"delivery": shown, "delivered": Delivered.of(shown)}
    )


@require_safe
@login_required
@permission_required("ingestion.add_document", raise_exception=True)
def delivery_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a delivery is; asked each second while it, or a reading, is under way."""
    shown = Delivery.objects.filter(pk=pk).first()
    if shown is None:
        return HttpResponse()
    return render(request, "ingestion/_delivery.html", {"delivered": Delivered.of(shown)})


@require_POST
@login_required
@permission_required("ingestion.add_document", raise_exception=True)
def delivery_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a failed or cancelled delivery again."""
    shown = get_object_or_404(Delivery, pk=pk)
    deliver.retry(shown)
    return _after(request, shown)


@require_POST
@login_required
@permission_required("ingestion.add_document", raise_exception=True)
def delivery_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a delivery; what it has brought stays."""
    shown = get_object_or_404(Delivery, pk=pk)
    deliver.cancel(shown)
    return _after(request, shown)


@require_POST
@login_required
@permission_required("ingestion.add_document", raise_exception=True)
def delivery_forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a delivery off the lists; the sources that it brought stay."""
    shown = get_object_or_404(Delivery, pk=pk)
    deliver.cancel(shown)
    deliver.forget(shown)
    return redirect("document_add")


@dataclass(frozen=True)
class Delivered:
    """A delivery and what it has brought, as `_delivery.html` shows it."""

    delivery: Delivery
    items: list[Item]

    @classmethod
    def of(cls, delivery: Delivery) -> "Delivered":
        return cls(delivery, list(delivery.items.select_related("document")))

    @property
    def taken(self) -> int:
        return sum(item.document is not None for item in self.items)

    @property
    def refused(self) -> int:
        return len(self.items) - self.taken

    @property
    def busy(self) -> bool:
        """Tell whether the delivery, or the reading of what it brought, is under way."""
        reading = any(item.document and item.document.is_working for item in self.items)
        return self.delivery.is_working or reading

    @property
    def amount(self) -> str:
        """Return how far the delivery is, in words."""
        done, total = self.delivery.done, self.delivery.total
        if self.delivery.state == Delivery.State.OPENING:
            return _("%(done)d of %(total)d files") % {"done": done, "total": total}
        if self.delivery.state == Delivery.State.FETCHING and done:
            return _("%(done).1f MB") % {"done": done / 1024 / 1024}
        return ""

    @property
    def no_worker(self) -> bool:
        """Tell whether it waits in vain."""
        return self.delivery.state == Delivery.State.WAITING and not workers_alive()


def unsettled(user: Any) -> list[Delivered]:
    """Return the latest deliveries of `user` that are not done."""
    waiting = Delivery.objects.exclude(state=Delivery.State.DONE).filter(given_by=user)
    return [Delivered.of(one) for one in waiting[:20]]


def _after(request: HttpRequest, shown: Delivery) -> HttpResponse:
    """Answer with the new state, in place or on the page of the delivery."""
    shown.refresh_from_db()
    if request.headers.get("HX-Request"):
        return render(request, "ingestion/_delivery.html", {"delivered": Delivered.of(shown)})
    return redirect(shown)
