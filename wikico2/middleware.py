"""Rules that hold for each request: what is let in, who may read, what a page may load."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

Handler = Callable[[HttpRequest], HttpResponse]

OPEN_TO_ALL = {"login", "logout", "healthz", "readyz", "set_language"}

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
    """Refuse addresses that no page can have, before anything reads them.

    A NUL in the path leads nowhere; a query of too many values raises TooManyFieldsSent here
    rather than in the template of another answer.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        request.GET  # noqa: B018 (read once, kept)
        return self.get_response(request)


class PrivateSiteMiddleware:
    """Ask readers to log in when `PUBLIC_SITE` is false."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.PUBLIC_SITE or request.user.is_authenticated or is_open(request.path_info):
            return self.get_response(request)
        return redirect_to_login(request.get_full_path())


def is_open(path: str) -> bool:
    """Tell whether everybody may open the address, whatever the site's setting."""
    if path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
        return True
    try:
        return resolve(path).url_name in OPEN_TO_ALL
    except Resolver404:
        return False


class ContentSecurityPolicyMiddleware:
    """Forbid scripts, styles and frames that the project does not serve itself."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
