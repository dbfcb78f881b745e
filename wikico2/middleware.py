"""Middleware: what requests are accepted, log-in on private sites, Content-Security-Policy."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import urlencode

from wikico2.accounts.rules import may

Handler = Callable[[HttpRequest], HttpResponse]

OPEN_TO_ALL = {
    "login", "logout", "healthz", "readyz", "set_language", "invitation", "password_reset",
    "password_reset_done", "password_reset_confirm", "robots",
}  # fmt: skip
OPEN_TO_ACCOUNTS = {
    "account", "password_change", "address_change", "address_confirm", "sessions_end",
    "notifications", "notification", "tokens", "token_revoke",
}  # fmt: skip
"""What people do to their own account, even without a role."""
BEFORE_FIRST_PASSWORD = {"password_change", "logout", "healthz", "readyz", "set_language"}
"""The addresses that are open while a new password has to be chosen."""
ASK_THEMSELVES = ("/v1/", "/mcp")
"""Addresses for programs: they let tokens in, and refuse others without a page to log in on."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self'",
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)


class WellFormedMiddleware:
    """Reject malformed addresses before other middleware and views read them.

    A NUL in the path is a 404. The query is parsed here, so that a query of too many values raises
    TooManyFieldsSent here and not in the template of another response.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        request.GET  # noqa: B018 (parsed once, cached)
        return self.get_response(request)


class PrivateSiteMiddleware:
    """Ask readers to log in when `PUBLIC_SITE` is false."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if may_read(request) or (request.method == "POST" and "username" in request.POST):
            return self.get_response(request)
        return turn_away(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Stop who has sent a name and a password with a form and is still not logged in."""
        return None if may_read(request) else turn_away(request)


class FirstPasswordMiddleware:
    """Lead people whose password somebody else has chosen to the page where they change it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not user.is_authenticated or not user.must_change_password:
            return self.get_response(request)
        try:
            name = resolve(request.path_info).url_name
        except Resolver404:
            return self.get_response(request)
        if name in BEFORE_FIRST_PASSWORD:
            return self.get_response(request)
        address = reverse("password_change")
        if request.method == "GET":
            address += "?" + urlencode({"next": request.get_full_path()})
        return redirect(address)


def may_read(request: HttpRequest) -> bool:
    """Tell whether the request may be answered: the site is public, or its user has a role."""
    return may(request.user, "site.read") or is_open(request.path_info, request.user)


def turn_away(request: HttpRequest) -> HttpResponse:
    """Ask for a log-in, or tell an account without a role that it may not read this site."""
    if request.user.is_authenticated:
        return render(request, "403.html", {"no_role": True}, status=403)
    return redirect_to_login(request.get_full_path())


def is_open(path: str, user: Any) -> bool:
    """Tell whether the address is open to `user` even when `PUBLIC_SITE` is false."""
    if path.startswith((f"/{settings.STATIC_URL.strip('/')}/", *ASK_THEMSELVES)):
        return True
    try:
        name = resolve(path).url_name
    except Resolver404:
        return False
    return name in OPEN_TO_ALL or (name in OPEN_TO_ACCOUNTS and may(user, "account.own"))


class ContentSecurityPolicyMiddleware:
    """Forbid scripts, styles and frames that the project does not serve itself."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
