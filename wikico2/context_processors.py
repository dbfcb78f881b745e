"""Template context of every page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString

THEMES = {
    "light": SafeString(' data-theme="light"'),
    "dark": SafeString(' data-theme="dark"'),
}


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the settings that templates use, the reader's name and their colour theme."""
    return {
        "PUBLIC_SITE": settings.PUBLIC_SITE,
        "LOCAL_WRITER": settings.LLM_BACKEND == "local",
        "ANONYMOUS_SUGGESTIONS": settings.ANONYMOUS_SUGGESTIONS,
        "MAX_UPLOAD_MB": settings.MAX_UPLOAD_MB,
        "reader_name": SimpleLazyObject(lambda: str(request.user)),
        "theme_attribute": theme_attribute(request),
    }


def theme_attribute(request: HttpRequest) -> SafeString:
    """Return the HTML attribute of the reader's colour theme, with a leading space, or nothing."""
    return THEMES.get(request.COOKIES.get("theme", ""), SafeString(""))
