"""Error pages of sources: each states the reason and links on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ingestion.models import Document


def gone_response(request: HttpRequest) -> HttpResponse:
    """Return the page of a missing or removed source (404)."""
    return render(request, "ingestion/gone.html", status=404)


def internal_response(request: HttpRequest, document: Document) -> HttpResponse:
    """Return the page of an internal source (403).

    It shows the title only to readers who can see it anyway, next to a quote in a sheet.
    """
    quoted = document.citations.current().shown_to(request.user).exists()
    context = {"document": document, "quoted": quoted}
    return render(request, "ingestion/internal.html", context, status=403)


def unavailable_response(request: HttpRequest, document: Document, reason: str) -> HttpResponse:
    """Return the page of a missing part of a source, with the reason (404)."""
    context = {"document": document, "reason": reason}
    return render(request, "ingestion/unavailable.html", context, status=404)
