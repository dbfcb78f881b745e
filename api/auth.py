"""Who calls: a token, a session with its CSRF token, or a reader without an account."""

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from api.models import TokenUse, use_token
from api.problems import ApiProblem, default_detail
from api.rights import SAFE_METHODS, narrow_rights
from ingestion.intake.upload_handlers import CappedUpload
from wikico2.accounts.backend import Backend
from wikico2.accounts.rules import may
from wikico2.models import User

OWN = frozenset({"me", "notifications", "webhooks"})
"""Below `/v1/`: what an account without a role may ask even of a private site."""


class TokenAuth(HttpBearer):
    """`Authorization: Bearer wk_…`: the person of the token, within its scope."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        """Return the person; raises ApiProblem 401, 403 or 429."""
        cap_uploads(request)
        return authenticate_token(request, token)


class AssistantAuth(HttpBearer):
    """The same for `/mcp`, where every message is a POST: a reading token may send it too."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        """Return the person; raises ApiProblem 401, 403 or 429."""
        return authenticate_token(request, token, may_post=True)


class SessionAuth(APIKeyCookie):
    """The session of the site; a request that changes something sends `X-CSRFToken` too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self) -> None:
        super().__init__(csrf=False)  # asked below, and only of who has a session

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """Return the person of the session that Django has read; raises ApiProblem 403."""
        cap_uploads(request)
        user = request.user
        if not isinstance(user, User):
            return None
        if check_csrf(request):
            raise ApiProblem(403, "csrf", _("The CSRF token is missing or wrong."))
        refuse_outsiders(request)
        return user


def public_reader(request: HttpRequest) -> str:
    """Let readers without an account in where the site is public; rights are asked later."""
    return "reader" if settings.PUBLIC_SITE else ""


def refuse_outsiders(request: HttpRequest) -> None:
    """Raise ApiProblem 403 for an account without a role where the site is not public."""
    asked = request.path_info.removeprefix("/v1/").partition("/")[0]
    if asked not in OWN and not may(request.user, "site.read"):
        raise ApiProblem(403, "forbidden", default_detail(403))


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
    refuse_outsiders(request)
    if request.method not in SAFE_METHODS and use.scope == "read" and not may_post:
        raise ApiProblem(403, "scope", _("This token may only read."))
    return user


def tell_limit(request: HttpRequest, response: HttpResponse) -> None:
    """Set the headers that tell what is left of the limit of the request's token, if it has one."""
    use: TokenUse | None = getattr(request, "token_use", None)
    if use is None:
        return
    limit = settings.API_REQUESTS_PER_MINUTE
    response.headers["RateLimit-Limit"] = str(limit)
    response.headers["RateLimit-Remaining"] = str(max(limit - use.used, 0))
    response.headers["RateLimit-Reset"] = str(use.seconds_left)
    if use.used > limit:
        response.headers["Retry-After"] = str(use.seconds_left)
