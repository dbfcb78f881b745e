"""Pages about the API: one's own tokens and webhooks, the documentation."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from api.forms import TokenForm, WebhookChangeForm, WebhookForm
from api.models import Token, Webhook, WebhookDelivery
from api.webhooks import delete_webhook, renew_secret, send_again, send_trial
from wikico2.models import User
from wikico2.parameters import whole_number

DELIVERIES = 25
"""Lines of a log on one page."""


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """List one's own tokens; make one on POST, and show its secret this once."""
    user = cast("User", request.user)
    form = TokenForm(request.POST or None, user=user)
    made, secret = None, ""
    if request.method == "POST" and form.is_valid():
        made, secret = form.issue(user)
        form = TokenForm(user=user)
    context = {
        "form": form,
        "made": made,
        "secret": secret,
        "tokens": Token.objects.filter(user=user),
    }
    return render(request, "api/tokens.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke one of one's own tokens."""
    token = get_object_or_404(Token, pk=pk, user=request.user)
    token.delete()
    messages.success(request, _("The token “%(name)s” was revoked.") % {"name": token.name})
    return redirect("tokens")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_list(request: HttpRequest) -> HttpResponse:
    """List one's own webhooks; make one on POST, and show its secret this once."""
    user = cast("User", request.user)
    form = WebhookForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid() and (made := form.create(user)):
        form = WebhookForm()
    context = {"form": form, "made": made, "webhooks": user.webhooks.all()}
    return render(request, "api/webhooks.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a webhook of one's own with what was sent; change it, try it, send again on POST."""
    hook = get_object_or_404(Webhook.objects.select_related("user"), pk=pk, user=request.user)
    given = {"url": hook.url, "events": hook.events, "is_active": hook.is_active}
    form = WebhookChangeForm(request.POST if "save" in request.POST else None, initial=given)
    secret = ""
    if "secret" in request.POST:
        secret = renew_secret(hook, hook.user)
    elif request.method == "POST" and (done := act_on_webhook(request, hook, form)):
        return done
    page = Paginator(hook.deliveries.all(), DELIVERIES).get_page(request.GET.get("page"))
    WebhookDelivery.load_jobs(list(page))
    context = {"hook": hook, "form": form, "secret": secret, "page": page}
    return render(request, "api/webhook.html", context, status=422 if form.errors else 200)


def act_on_webhook(
    request: HttpRequest, hook: Webhook, form: WebhookChangeForm
) -> HttpResponse | None:
    """Do what a button of the page asks, and lead on; None where the page is shown again."""
    if "delete" in request.POST:
        delete_webhook(hook, hook.user)
        messages.success(request, _("The webhook was deleted with its log."))
        return redirect("webhooks")
    if "save" in request.POST:
        if not (form.is_valid() and form.change(hook)):
            return None
        messages.success(request, _("The webhook is changed."))
    elif "trial" in request.POST:
        send_trial(hook)
        messages.success(request, _("A trial is being sent: its line is the first of the log."))
    elif number := whole_number(request.POST.get("again", "")):
        send_again(get_object_or_404(hook.deliveries.select_related("webhook"), pk=number))
        messages.success(request, _("The notification is being sent again."))
    return redirect("webhook", hook.pk)


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the operations of the API, which can be tried there."""
    return render(request, "api/docs.html")
