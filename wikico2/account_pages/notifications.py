"""The list of what a person was told."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from wikico2.models import Notification, User

PER_PAGE = 50


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notification_list(request: HttpRequest) -> HttpResponse:
    """List what one was told, the latest first; mark all of it as seen on POST."""
    rows = Notification.objects.filter(user=cast("User", request.user))
    if request.method == "POST":
        rows.unseen().update(seen_at=timezone.now())
        return redirect("notifications")
    page = Paginator(rows.select_related("actor"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/notifications.html", {"page": page})


@never_cache
@login_required
@require_safe
def notification_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a notification as seen and lead to what it is about."""
    row = get_object_or_404(Notification, pk=pk, user=cast("User", request.user))
    Notification.objects.unseen().filter(pk=pk).update(seen_at=timezone.now())
    return redirect(row.address)
