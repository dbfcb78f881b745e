"""Pages about the API: one's own tokens, the documentation."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from api.forms import TokenForm
from api.models import Token
from wikico2.models import User


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


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the operations of the API, which can be tried there."""
    return render(request, "api/docs.html")
