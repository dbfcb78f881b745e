"""What every page knows of the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the settings that templates show."""
    return {
        "PUBLIC_SITE": settings.PUBLIC_SITE,
        "LOCAL_WRITER": settings.LLM_BACKEND == "local",
        "ANONYMOUS_SUGGESTIONS": settings.ANONYMOUS_SUGGESTIONS,
        "MAX_UPLOAD_MB": settings.MAX_UPLOAD_MB,
    }
