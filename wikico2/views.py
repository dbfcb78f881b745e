"""Liveness and readiness checks, and the responses to requests that cannot be parsed."""

import httpx
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from wikico2.sizes import format_size

TIMEOUT_SECONDS = 2.0


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when PostgreSQL and Chroma answer, else 503 with the names of the others."""
    services = {"postgresql": postgresql_answers(), "chroma": chroma_answers()}
    failing = [name for name, answers in services.items() if not answers]
    return JsonResponse({"ready": not failing, "away": failing}, status=503 if failing else 200)


def postgresql_answers() -> bool:
    """Tell whether the database takes a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def chroma_answers() -> bool:
    """Tell whether the vector store answers its heartbeat."""
    scheme = "https" if settings.CHROMA_SSL else "http"
    address = f"{scheme}://{settings.CHROMA_HOST}:{settings.CHROMA_PORT}/api/v2/heartbeat"
    headers = {"X-Chroma-Token": settings.CHROMA_TOKEN} if settings.CHROMA_TOKEN else {}
    try:
        return httpx.get(address, headers=headers, timeout=TIMEOUT_SECONDS).is_success
    except httpx.HTTPError:
        return False


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return a 400 or 413 that names the problem, without reading the form or query again."""
    content = render_to_string("400.html", {"sentence": refusal(exception)})
    return HttpResponse(content, status=413 if isinstance(exception, RequestDataTooBig) else 400)


def refusal(exception: Exception) -> str:
    """Return the message about a request that cannot be parsed."""
    if isinstance(exception, TooManyFieldsSent):
        message = _("More than %(limit)d values were sent at once. Nothing was saved.")
        return message % {"limit": settings.DATA_UPLOAD_MAX_NUMBER_FIELDS}
    if isinstance(exception, TooManyFilesSent):
        message = _(
            "At most %(limit)d files can be sent at once. None was kept: send them in "
            "several batches."
        )
        return message % {"limit": settings.DATA_UPLOAD_MAX_NUMBER_FILES}
    if isinstance(exception, RequestDataTooBig):
        message = _("The text is larger than %(limit)s. Nothing was saved: send it in parts.")
        return message % {"limit": format_size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)}
    if isinstance(exception, MultiPartParserError):
        return _("The form arrived damaged or incomplete. Nothing was saved: send it again.")
    return _("The request holds something that the site cannot read. Nothing was saved.")
