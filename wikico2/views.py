"""Liveness and readiness checks, and the responses to requests that cannot be parsed."""

import hmac
import os
from functools import cache
from pathlib import Path

import httpx
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from wikico2.metrics import render_metrics
from wikico2.sizes import format_size

TIMEOUT_SECONDS = 2.0


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when pages can be served, else 503 with the names of what they lack."""
    has_database = postgresql_answers()
    services = {
        "postgresql": has_database,
        "migrations": not has_database or is_migrated(),
        "chroma": chroma_answers(),
        "storage": storage_answers(),
    }
    failing = [name for name, answers in services.items() if not answers]
    return JsonResponse({"ready": not failing, "away": failing}, status=503 if failing else 200)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return what a monitoring system watches to who has METRICS_TOKEN; without one, nothing."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(render_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")


def is_migrated() -> bool:
    """Tell whether the database has all migrations of this program."""
    return migrations_on_disk() <= MigrationRecorder(connection).applied_migrations().keys()


@cache
def migrations_on_disk() -> frozenset[tuple[str, str]]:
    """Return the migrations of this program; they do not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def storage_answers() -> bool:
    """Tell whether files can be stored: the folder can be written, or the bucket answers."""
    if settings.S3_BUCKET:
        try:
            default_storage.exists("readyz")
        except Exception:  # noqa: BLE001 (whatever the client of the service raises)
            return False
        return True
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


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
