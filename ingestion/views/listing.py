"""The list of sources: narrowed, sorted, and live while any of them is being read."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from ingestion.forms import SourceFilter
from ingestion.models import Document
from ingestion.templatetags.sources import language_name
from wikico2.jobs.queue import is_paused, workers_alive

PER_PAGE = 25


@require_safe
@vary_on_headers("HX-Request")  # or the way back would show the part without its page
def document_list(request: HttpRequest) -> HttpResponse:
    """Show the sources; asked again by the page itself, only the part that changes."""
    chosen = SourceFilter(request.GET)
    found = Document.objects.readable_by(request.user).matching(chosen.q)
    shown = found.narrowed(chosen.states, chosen.access, chosen.language)
    page = Paginator(shown.order_by(*chosen.order), PER_PAGE).get_page(request.GET.get("page"))
    counts = Document.objects.filter(pk__in=[d.pk for d in page]).sheet_counts()
    working = any(d.is_working for d in page)
    context = {
        "chosen": chosen,
        "page": page,
        "rows": [(document, counts.get(document.pk, 0)) for document in page],
        "facets": source_facets(chosen, found.counted_by("state", "access", "language")),
        "working": working,
        "no_worker": working and not workers_alive(),
        "paused": working and is_paused(),
    }
    partial = request.headers.get("HX-Request")
    template = "ingestion/_documents.html" if partial else "ingestion/documents.html"
    return render(request, template, context)


@dataclass(frozen=True)
class SourceFacetOption:
    """One value of a facet and how many sources it leaves; `value` is empty for all of them."""

    value: str
    label: str
    n: int
    current: bool
    address: str


@dataclass(frozen=True)
class SourceFacet:
    name: str
    title: str
    options: list[SourceFacetOption]


def source_facets(chosen: SourceFilter, counts: list[dict[str, Any]]) -> list[SourceFacet]:
    """Return the ways to narrow the list, each counted under what the others have chosen."""
    state_of = {state: key for key, (_label, states) in chosen.STATES.items() for state in states}
    keys = [
        {"state": state_of[row["state"]], "access": row["access"], "language": row["language"]}
        for row in counts
    ]
    labels = {
        "state": {key: str(label) for key, (label, _states) in chosen.STATES.items()},
        "language": {
            key["language"]: language_name(key["language"]) for key in keys if key["language"]
        },
        "access": {str(value): str(label) for value, label in Document.Access.choices},
    }
    titles = {"state": _("State"), "language": _("Language"), "access": _("Access")}
    made = []
    for name, title in titles.items():
        others = [other for other in titles if other != name and getattr(chosen, other)]
        left: dict[str, int] = {}
        for key, row in zip(keys, counts, strict=True):
            if all(key[other] == getattr(chosen, other) for other in others):
                left[key[name]] = left.get(key[name], 0) + row["n"]
        current = getattr(chosen, name)
        choices = [("", _("All"), sum(left.values()))]
        choices += [(value, label, left.get(value, 0)) for value, label in labels[name].items()]
        options = [
            SourceFacetOption(value, label, n, value == current, chosen.address(**{name: value}))
            for value, label, n in choices
            if n or value in ("", current)
        ]
        if len(options) > 2 or current:
            made.append(SourceFacet(name, title, options))
    return made
