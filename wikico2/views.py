"""Two answers for those who watch over the site: is the process alive, can it serve."""

import httpx
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

PATIENCE_SECONDS = 2.0


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process lives."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when PostgreSQL and Chroma answer, else 503 and which of them is away."""
    services = {"postgresql": postgresql_answers(), "chroma": chroma_answers()}
    away = [name for name, answers in services.items() if not answers]
    return JsonResponse({"ready": not away, "away": away}, status=503 if away else 200)


def postgresql_answers() -> bool:
    """Tell whether the database takes a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def chroma_answers() -> bool:
    """Tell whether the vector store says that it is alive."""
    scheme = "https" if settings.CHROMA_SSL else "http"
    address = f"{scheme}://{settings.CHROMA_HOST}:{settings.CHROMA_PORT}/api/v2/heartbeat"
    headers = {"X-Chroma-Token": settings.CHROMA_TOKEN} if settings.CHROMA_TOKEN else {}
    try:
        return httpx.get(address, headers=headers, timeout=PATIENCE_SECONDS).is_success
    except httpx.HTTPError:
        return False
