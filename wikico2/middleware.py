"""Two rules that hold for each request: who may read, and what a page may load."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
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
