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
from wikico2.accounts.second_factor import SecondFactor, SignInStep, hold_sign_in
from wikico2.accounts.sessions import SECOND_FACTOR

Handler = Callable[[HttpRequest], HttpResponse]

OPEN_TO_ALL = {
    "login", "logout", "healthz", "readyz", "metrics", "set_language", "invitation",
    "password_reset", "password_reset_done", "password_reset_confirm", "robots", "second_factor",
    "second_factor_settings", "openid_connect_login", "openid_connect_callback",
}  # fmt: skip
OPEN_TO_ACCOUNTS = {
    "account", "password_change", "address_change", "address_confirm", "sessions_end",
    "notifications", "notification", "tokens", "token_revoke", "webhooks", "webhook",
}  # fmt: skip
"""What people do to their own account, even without a role."""
BEFORE_FIRST_PASSWORD = {"password_change", "logout", "healthz", "readyz", "set_language"}
"""The addresses that are open while a new password has to be chosen."""
STEPS = {
    SignInStep.CODE: "second_factor",
    SignInStep.SET_UP: "second_factor_settings",
}
"""The address that each step of signing in is done at."""
DURING_SIGN_IN = {*STEPS.values(), "login", "logout", "healthz", "readyz", "set_language"}
"""The addresses that are open while a sign-in is not complete."""
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


class SecondFactorMiddleware:
    """Treat a session that still owes a second factor as nobody's, and lead its owner to it.

    Addresses for programs answer its owner as they answer the public.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            hold_sign_in(request, user)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Lead to the step, unless a form has brought the code of it."""
        step = getattr(request, "sign_in_step", None)
        if step is None or request.user.is_authenticated:
            return None
        if request.path_info.startswith(ASK_THEMSELVES):
            return None
        match = request.resolver_match
        if match and match.url_name in DURING_SIGN_IN and not match.namespace:
            return None
        address = reverse(STEPS[step])
        if request.method == "GET":
            address += "?" + urlencode({"next": request.get_full_path()})
        return redirect(address)


class PrivateSiteMiddleware:
    """Ask readers to log in when `PUBLIC_SITE` is false."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if may_read(request) or signs_in(request):
            return self.get_response(request)
        return turn_away(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Stop who has sent a name and a password with a form and is still not logged in."""
        return None if may_read(request) else turn_away(request)


class FirstPasswordMiddleware:
    """Lead people whose password somebody else has chosen to the page where they change it.

    Who has come by the organisation's accounts has not used it, and need not know it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not user.is_authenticated or not user.must_change_password:
            return self.get_response(request)
        if request.session.get(SECOND_FACTOR) == SecondFactor.ORGANISATION:
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


def signs_in(request: HttpRequest) -> bool:
    """Tell whether a form brings what its sender signs in with, or who sends it is half way in."""
    brings = request.method == "POST" and "username" in request.POST
    return brings or hasattr(request, "signing_in")


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
