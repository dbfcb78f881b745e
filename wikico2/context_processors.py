"""Template context of every page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString

from wikico2.accounts.rules import may

THEMES = {
    "light": SafeString(' data-theme="light"'),
    "dark": SafeString(' data-theme="dark"'),
}


@dataclass(frozen=True)
class Rights:
    """What a reader may do, for templates: `may.sheet.edit` asks the rule `sheet.edit`."""

    user: Any
    kind: str = ""

    def __getitem__(self, name: str) -> "Rights | bool":
        return may(self.user, f"{self.kind}.{name}") if self.kind else Rights(self.user, name)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("Rights are looked up by name")


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the settings that templates use, the reader's name and their colour theme."""
    return {
        "PUBLIC_SITE": settings.PUBLIC_SITE,
        "LOCAL_WRITER": settings.LLM_BACKEND == "local",
        "MAX_UPLOAD_MB": settings.MAX_UPLOAD_MB,
        "may": Rights(request.user),
        "unread_count": SimpleLazyObject(lambda: unread_count(request)),
        "reader_name": SimpleLazyObject(lambda: str(request.user)),
        "theme_attribute": theme_attribute(request),
    }


def unread_count(request: HttpRequest) -> str:
    """Return the number of notifications that the user has not seen, "" for none."""
    return str(getattr(request.user, "unread_notifications", 0) or "")


def theme_attribute(request: HttpRequest) -> SafeString:
    """Return the HTML attribute of the reader's colour theme, with a leading space, or nothing."""
    return THEMES.get(request.COOKIES.get("theme", ""), SafeString(""))
