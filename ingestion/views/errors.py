"""The answers for what a reader may not or cannot see, each with its reason and a way on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ingestion.models import Document


def gone_response(request: HttpRequest) -> HttpResponse:
    """Say that there is no such source, or no longer, and where its quotes are."""
    return render(request, "ingestion/gone.html", status=404)


def internal_response(request: HttpRequest, document: Document) -> HttpResponse:
    """Say that the source is internal, and who may read it.

    Its title is told only to readers who see it already, beside a quote in a sheet.
    """
    quoted = document.citations.standing().shown_to(request.user).exists()
    context = {"document": document, "quoted": quoted}
    return render(request, "ingestion/internal.html", context, status=403)


def unavailable_response(request: HttpRequest, document: Document, reason: str) -> HttpResponse:
    """Say that this part of the source is not there, and why."""
    context = {"document": document, "reason": reason}
    return render(request, "ingestion/unavailable.html", context, status=404)
