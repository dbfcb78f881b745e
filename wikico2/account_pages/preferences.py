"""The language and the appearance of an account, in the cookies that all pages read."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse

from wikico2.models import User

YEAR = 365 * 24 * 3600


def store_preferences(response: HttpResponse, user: User) -> None:
    """Set the cookies of the account's language and appearance; what it leaves open stays."""
    secure = settings.SESSION_COOKIE_SECURE
    cookie: dict[str, Any] = {"max_age": YEAR, "samesite": "Lax", "secure": secure}
    if user.language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, **cookie)
    if user.theme:
        response.set_cookie("theme", user.theme, **cookie)


def clear_preferences(response: HttpResponse, user: User) -> None:
    """Delete the cookies of what the account has just left open."""
    if not user.language:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    if not user.theme:
        response.delete_cookie("theme")
