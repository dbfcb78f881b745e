"""Who calls: a token, a session with its CSRF token, or a reader without an account."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from api.models import TokenUse, use_token
from api.problems import ApiProblem
from api.rights import SAFE_METHODS, narrow_rights
from ingestion.intake.upload_handlers import CappedUpload
from wikico2.accounts.backend import Backend
from wikico2.models import User


class TokenAuth(HttpBearer):
    """`Authorization: Bearer wk_…`: the person of the token, within its scope."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        """Return the person; raises ApiProblem 401, 403 or 429."""
        cap_uploads(request)
        return authenticate_token(request, token)


class SessionAuth(APIKeyCookie):
    """The session of the site; a request that changes something sends `X-CSRFToken` too."""

    param_name = "sessionid"

    def __call__(self, request: HttpRequest) -> Any:
        """Return the person, or None without a session; raises ApiProblem 403."""
        cap_uploads(request)
        user = request.user
        if not isinstance(user, User):
            return None
        if check_csrf(request):
            raise ApiProblem(403, "csrf", _("The CSRF token is missing or wrong."))
        return user

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Not used: `__call__` asks the session that Django has read."""
        raise NotImplementedError


def public_reader(request: HttpRequest) -> str:
    """Let readers without an account in where the site is public; rights are asked later."""
    return "reader" if settings.PUBLIC_SITE else ""


def cap_uploads(request: HttpRequest) -> None:
    """Drop what a file has beyond the limit while it arrives; before the form is read."""
    if request.content_type == "multipart/form-data" and not hasattr(request, "_files"):
        capped: FileUploadHandler = CappedUpload(request)
        request.upload_handlers.insert(0, capped)


def authenticate_token(request: HttpRequest, secret: str, *, may_post: bool = False) -> User:
    """Set the user of a token on the request and return them, or raise ApiProblem.

    A reading token is refused for a method that changes something, unless `may_post`: then the
    rights that it lacks refuse what it may not.
    """
    use = use_token(secret) if secret.isascii() else None
    user = Backend().get_user(use.user_id) if use else None
    if use is None or user is None:
        raise ApiProblem(401, "token_invalid", _("This token is unknown or has expired."))
    request.token_use = use  # type: ignore[attr-defined]
    request.token_sheet_types = use.sheet_types  # type: ignore[attr-defined]
    if use.used > settings.API_REQUESTS_PER_MINUTE:
        raise ApiProblem(429, "rate_limited", _("Too many requests: wait for the next minute."))
    request.user = narrow_rights(user, use.scope)
    if request.method not in SAFE_METHODS and use.scope == "read" and not may_post:
        raise ApiProblem(403, "scope", _("This token may only read."))
    return user


def limit_headers(use: TokenUse) -> dict[str, str]:
    """Return the headers that tell what is left of a token's limit."""
    limit = settings.API_REQUESTS_PER_MINUTE
    headers = {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(max(limit - use.used, 0)),
        "RateLimit-Reset": str(use.seconds_left),
    }
    return headers | ({"Retry-After": str(use.seconds_left)} if use.used > limit else {})
